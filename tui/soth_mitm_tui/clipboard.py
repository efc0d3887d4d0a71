"""Copying: through the terminal first (OSC 52), and into a local clipboard where there is one.

OSC 52 works over SSH and inside tmux and screen, but nothing answers, so the message names what was
sent, how large it is, and which way it went. A terminal may ignore it; very long texts are not sent
at all.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from soth_mitm.text import human_size

if TYPE_CHECKING:
    from collections.abc import Callable

OSC52_LIMIT: Final = 75_000
"""Most bytes of text sent through the terminal; common terminals drop longer ones silently."""

_SCREEN_PIECE: Final = 240
"""Bytes of one string that screen passes on; it drops longer ones."""

Multiplexer = Literal["", "tmux", "screen"]


class Outcome(NamedTuple):
    """What became of a copy."""

    said: str
    """The sentence that says what went where."""
    copied: bool
    too_large: bool = False
    """Whether it was not copied for its size alone; a file can take it."""


def multiplexer() -> Multiplexer:
    """Return what sits between the app and the terminal, and takes only wrapped sequences."""
    if os.environ.get("TMUX"):
        return "tmux"
    return "screen" if os.environ.get("STY") else ""


def osc52(text: str, inside: Multiplexer) -> str:
    """Return the sequence that asks the terminal to take `text`, wrapped for what it runs inside."""
    payload = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    sequence = f"\x1b]52;c;{payload}\a"
    if inside == "tmux":
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if inside == "screen":
        pieces = range(0, len(sequence), _SCREEN_PIECE)
        return "".join(f"\x1bP{sequence[start : start + _SCREEN_PIECE]}\x1b\\" for start in pieces)
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


async def copy(what: str, text: str, *, write: Callable[[str], None] | None, local: bool) -> Outcome:
    """Copy `text`; the outcome says what went where.

    `write` sends raw characters to the terminal; None where there is no terminal. `local` allows the
    machine's own clipboard beside it.
    """
    size = len(text.encode("utf-8", "replace"))
    amount = f"{human_size(size)} bytes"
    inside = multiplexer()
    ways: list[str] = []
    if write is not None and size <= OSC52_LIMIT:
        write(osc52(text, inside))
        ways.append(f"to the terminal (OSC 52{f', through {inside}' if inside else ''})")
    if local and await asyncio.to_thread(_copy_locally, text):
        ways.append("to the local clipboard")
    if ways:
        return Outcome(f"Copied {what}, {amount}, {' and '.join(ways)}", copied=True)
    if size > OSC52_LIMIT:
        most = human_size(OSC52_LIMIT)
        return Outcome(
            f"{what}: {amount} is more than a terminal takes ({most}); save it to a file",
            copied=False,
            too_large=True,
        )
    return Outcome(f"{what} not copied: there is no terminal and no clipboard", copied=False)
