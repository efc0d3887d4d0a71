"""soth-mitm's core: an intercepting HTTP(S) proxy as a library, without a screen.

Imports point downwards only: cli, core, control, net, hooks, record, export, policy, decode, proto,
model, and the leaves config, clock, errors and text. Nothing in here imports Textual; the app lives
beside it in `soth_mitm_tui`.
"""

from __future__ import annotations

from soth_mitm._version import __version__

__all__ = ["__version__"]
