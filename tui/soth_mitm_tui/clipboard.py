"""Copying: through the terminal first (OSC 52), and into a local clipboard where there is one.

OSC 52 works over SSH and inside tmux, but nothing answers, so the message names what was sent and
which way. A terminal may ignore it; very long texts are not sent at all.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from typing import TYPE_CHECKING

from soth_mitm.text import human_size

if TYPE_CHECKING:
    from collections.abc import Callable

OSC52_LIMIT = 75_000
"""Most bytes of text sent through the terminal; common terminals drop longer ones silently."""


def osc52(text: str, *, tmux: bool) -> str:
    """Return the sequence that asks the terminal to take `text`, wrapped for tmux where it runs."""
    payload = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    sequence = f"\x1b]52;c;{payload}\a"
    if tmux:
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


def has_local_clipboard() -> bool:
    """Say whether a clipboard of this machine is within reach, and the person sits at it."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _copy_locally(text: str) -> bool:
    import pyperclip  # type: ignore[import-untyped]

    try:
        pyperclip.copy(text)
    except Exception:
        return False
    return True


async def copy(what: str, text: str, *, write: Callable[[str], None] | None, local: bool) -> str:
    """Copy `text` and return the sentence that says what went where.

    `write` sends raw characters to the terminal; None where there is no terminal. `local` allows the
    machine's own clipboard beside it.
    """
    size = len(text.encode("utf-8", "replace"))
    ways: list[str] = []
    if write is not None and size <= OSC52_LIMIT:
        write(osc52(text, tmux="TMUX" in os.environ))
        ways.append("sent to the terminal (OSC 52)")
    if local and await asyncio.to_thread(_copy_locally, text):
        ways.append("put on the local clipboard")
    if not ways:
        if size > OSC52_LIMIT:
            return f"{what} not copied: {human_size(size)} is more than a terminal takes"
        return f"{what} not copied: there is no terminal and no clipboard"
    return f"{what}, {human_size(size)} bytes, {' and '.join(ways)}"
