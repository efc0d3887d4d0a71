"""Copying: through the terminal (OSC 52) or tmux, and into a local clipboard where there is one.

OSC 52 works over SSH and inside screen, but nothing answers, so the message names what was sent, how large
it is, and which way it went. A terminal may ignore it; very long texts are not sent at all. tmux, which
drops it unless it is set otherwise, is asked by its own command, which says whether the terminal takes it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Surroundings = Mapping[str, str]
    """Environment variables."""
    Tmux = Callable[..., str]
    """Run commands of tmux, with `data` for them to read; what they print, empty where they fail."""

OSC52_LIMIT: Final = 75_000
"""Most bytes of text sent through the terminal; common terminals drop longer ones silently."""

TMUX_PATIENCE: Final = 1.0
"""Seconds for an answer of tmux."""

WHAT_TMUX_PASSES: Final = ("display-message", "-p", "#{client_tty}", ";", "show-messages", "-T")
"""What tmux is asked, for `passes_on` to read."""

_SCREEN_PIECE: Final = 240
"""Bytes of one string that screen passes on; it drops longer ones."""

Multiplexer = Literal["", "tmux", "screen"]


class Outcome(NamedTuple):
    """What became of a copy."""

    said: str
    """The sentence that says what went where."""
    copied: bool
    to_file: bool = False
    """Whether it was not copied, and a file can take it."""


# --- what there is


def multiplexer(environ: Surroundings) -> Multiplexer:
    """Return what sits between the app and the terminal, on this machine."""
    if environ.get("TMUX"):
        return "tmux"
    return "screen" if environ.get("STY") else ""


def around_login(environ: Surroundings) -> str:
    """Return what sits around a login from another machine, which only TERM tells; empty for nothing."""
    if multiplexer(environ):
        return ""
    name = environ.get("TERM", "").partition("-")[0]
    return {"tmux": "tmux", "screen": "tmux or screen"}.get(name, "")


def deaf(environ: Surroundings) -> str:
    """Return what a terminal calls itself that takes no copies; empty for any other."""
    term = environ.get("TERM", "")
    known = term in ("", "dumb", "linux") or term.startswith(("vt1", "vt2"))
    return (printable(term, 60) or "no TERM") if known else ""


def passes_on(answer: str) -> bool | None:
    """Return whether tmux sends copies on to the terminal it is shown on; None where it does not say."""
    tty, _, told = answer.partition("\n")
    for terminal in told.split("\nTerminal ") if tty else ():
        if f" for {tty}," in terminal.partition("\n")[0]:
            line = next((each for each in terminal.splitlines() if " Ms: " in each), "")
            return "[missing]" not in line if line else None
    return None


def run_tmux(*arguments: str, data: bytes = b"") -> str:
    """Run commands of the tmux that we are in; return what they print, nothing where one fails."""
    program = shutil.which("tmux")
    if program is None:
        return ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            [program, *arguments], input=data, capture_output=True, timeout=TMUX_PATIENCE, check=False
        )
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
    return ""


def has_local_clipboard() -> bool:
    """Say whether a clipboard of this machine is within reach, and the person sits at it."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# --- the ways


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


def _into_tmux(text: str, tmux: Tmux) -> str:
    """Have tmux take it; return which way it went, empty where this tmux cannot (before 3.2)."""
    data = text.encode("utf-8", "replace")
    fits = len(data) <= OSC52_LIMIT
    answer = tmux("load-buffer", *(("-w",) if fits else ()), "-", ";", *WHAT_TMUX_PASSES, data=data)
    if not answer:
        return ""
    if not fits:
        most = human_size(OSC52_LIMIT)
        return f"to tmux alone (prefix ] pastes it), being more than a terminal takes ({most})"
    if passes_on(answer):
        return "to tmux and on to its terminal (OSC 52)"
    return "to tmux alone (prefix ] pastes it): its terminal does not say that it takes copies"


def _to_terminal(text: str, write: Callable[[str], None], environ: Surroundings) -> str:
    """Write it to the terminal; return which way it went."""
    inside, around = multiplexer(environ), around_login(environ)
    write(osc52(text, inside))
    if inside == "tmux":
        return "to the terminal (OSC 52, which tmux passes on only with allow-passthrough on)"
    if around == "tmux":
        write(osc52(text, "tmux"))  # one of the two passes where either setting is on
    if around:
        return f"to the {around} around this login (OSC 52, which tmux passes on only with set-clipboard on)"
    return f"to the terminal (OSC 52{', through screen' if inside else ''})"


def _copy_locally(text: str) -> bool:
    import pyperclip  # type: ignore[import-untyped]

    try:
        pyperclip.copy(text)
    except Exception:
        return False
    return True


async def copy(
    what: str, text: str, *, write: Callable[[str], None] | None, local: bool, tmux: Tmux = run_tmux
) -> Outcome:
    """Copy `text`; the outcome says what went where.

    `write` sends raw characters to the terminal; None where there is no terminal. `local` allows the
    machine's own clipboard beside it.
    """
    environ = os.environ
    size = len(text.encode("utf-8", "replace"))
    amount = f"{human_size(size)} bytes"
    ways = []
    if write is not None and multiplexer(environ) == "tmux":
        ways.append(await asyncio.to_thread(_into_tmux, text, tmux))
    if write is not None and not any(ways) and size <= OSC52_LIMIT and not deaf(environ):
        ways.append(_to_terminal(text, write, environ))
    if local and await asyncio.to_thread(_copy_locally, text):
        ways.append("to the local clipboard")
    if any(ways):
        return Outcome(f"Copied {what}, {amount}, {' and '.join(filter(None, ways))}", copied=True)
    if size > OSC52_LIMIT:
        most = human_size(OSC52_LIMIT)
        said = f"{what}: {amount} is more than a terminal takes ({most}); save it to a file"
        return Outcome(said, copied=False, to_file=True)
    if write is not None:
        said = f"{what} not copied: a terminal that says {deaf(environ)} takes no copies; save it to a file"
        return Outcome(said, copied=False, to_file=True)
    return Outcome(f"{what} not copied: there is no terminal and no clipboard", copied=False)
