"""soth-mitm's core: an intercepting HTTP(S) proxy as a library, without a screen.

Imports point downwards only: cli, core, control, net, hooks, record, export, policy, decode, proto,
model, and the leaves config, clock, errors and text. Nothing in here imports Textual; the app lives
beside it in `soth_mitm_tui`.

The names below are the public API. Each is imported when it is first used, so that importing the
package costs next to nothing; modules of the core take them from where they live instead.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from soth_mitm._version import __version__

if TYPE_CHECKING:
    from soth_mitm.config import Config
    from soth_mitm.core import Proxy
    from soth_mitm.errors import SothError
    from soth_mitm.hooks.decisions import (
        Block,
        Change,
        Continue,
        Decision,
        Drop,
        Inject,
        MessageDecision,
        Modify,
        NewMessage,
        Respond,
    )
    from soth_mitm.hooks.handler import Handler
    from soth_mitm.hooks.messages import ConnectionInfo, Message, Request, Response, StreamChunk, Target
    from soth_mitm.model.events import Event
    from soth_mitm.model.tls import TlsFailure

__all__ = [
    "Block",
    "Change",
    "Config",
    "ConnectionInfo",
    "Continue",
    "Decision",
    "Drop",
    "Event",
    "Handler",
    "Inject",
    "Message",
    "MessageDecision",
    "Modify",
    "NewMessage",
    "Proxy",
    "Request",
    "Respond",
    "Response",
    "SothError",
    "StreamChunk",
    "Target",
    "TlsFailure",
    "__version__",
]

_NAMES_OF = {
    "soth_mitm.config": ("Config",),
    "soth_mitm.core": ("Proxy",),
    "soth_mitm.errors": ("SothError",),
    "soth_mitm.hooks.decisions": (
        "Block",
        "Change",
        "Continue",
        "Decision",
        "Drop",
        "Inject",
        "MessageDecision",
        "Modify",
        "NewMessage",
        "Respond",
    ),
    "soth_mitm.hooks.handler": ("Handler",),
    "soth_mitm.hooks.messages": ("ConnectionInfo", "Message", "Request", "Response", "StreamChunk", "Target"),
    "soth_mitm.model.events": ("Event",),
    "soth_mitm.model.tls": ("TlsFailure",),
}
_HOME = {name: module for module, names in _NAMES_OF.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name from where it lives."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported already or not."""
    return sorted({*globals(), *__all__})
