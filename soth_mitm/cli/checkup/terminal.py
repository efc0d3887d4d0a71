"""What the app has to draw with and to copy through: the terminal, and what stands between."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from soth_mitm.cli.checkup.surroundings import guarded
from soth_mitm.model.checks import Check, Health
from soth_mitm.text import printable

PATIENCE: Final = 1.0
"""Seconds for an answer of tmux."""

Surroundings = Mapping[str, str]
"""Environment variables."""
Tmux = Callable[..., str]
"""Ask tmux with these arguments; what it says, or nothing where it does not answer."""

_COLOURS: Final = {"truecolor": "16 million colours", "256": "256 colours", "standard": "16 colours"}


def terminal(environ: Surroundings, tmux: Tmux | None = None) -> Iterator[Check]:
    """Yield what the app will draw with, and how it can copy."""
    ask = tmux or _ask_tmux
    yield guarded("colour", lambda: colour(environ, ask))
    yield guarded("clipboard", lambda: clipboard(environ, ask))


def _ask_tmux(*arguments: str) -> str:
    program = shutil.which("tmux")
    if program is None:
        return ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            [program, *arguments], capture_output=True, timeout=PATIENCE, check=False
        )
        return printable(done.stdout.strip(), 400) if done.returncode == 0 else ""
    return ""


def colour(environ: Surroundings, tmux: Tmux) -> Check:
    """Say how many colours the app will use, from what, and whether they get through."""
    from rich.console import Console

    wish = environ.get("TEXTUAL_COLOR_SYSTEM", "auto")
    wish = wish if wish in _COLOURS else "auto"
    found = Console(
        file=io.StringIO(),
        force_terminal=True,
        legacy_windows=False,
        color_system=wish,  # type: ignore[arg-type]
        _environ=environ,
    ).color_system
    term = printable(environ.get("TERM", ""), 60)
    named = [f"{name}={printable(environ[name], 60)}" for name in ("TERM", "COLORTERM") if environ.get(name)]
    by = f"TEXTUAL_COLOR_SYSTEM={printable(wish, 60)}" if wish != "auto" else ", ".join(named) or "no TERM"
    if "NO_COLOR" in environ:
        return Check("colour", Health.OK, "none: the app draws without, for NO_COLOR is set")
    if found is None:
        text = f"none: a terminal that says {by} takes no sequences, and the app cannot be drawn on it"
        return Check("colour", Health.WARNING, text, "use another terminal, or --dump")
    text = f"the app uses {_COLOURS.get(found, found)} ({by})"
    if not term:
        return Check("colour", Health.WARNING, f"{text}; TERM is not set", "export TERM=xterm-256color")
    if environ.get("TMUX"):
        return _in_tmux(text, found, tmux)
    if environ.get("STY") and found == "truecolor":
        text += "; screen passes 16 million on from its version 5 on, and mangles them before"
        return Check("colour", Health.WARNING, text, "where colours are wrong: unset COLORTERM")
    if found == "standard" and not environ.get("COLORTERM"):
        more = "for more, if the terminal has them: export COLORTERM=truecolor"
        return Check("colour", Health.OK, text, more)
    return Check("colour", Health.OK, text)


def _in_tmux(text: str, found: str, tmux: Tmux) -> Check:
    """What tmux tells of the terminal around it is what is seen."""
    if found != "truecolor":
        return Check("colour", Health.OK, f"{text}, inside tmux")
    features = tmux("display-message", "-p", "#{client_termfeatures}")
    if not features:
        return Check("colour", Health.OK, f"{text}; tmux does not say how many it passes on")
    if "RGB" in features.split(","):
        return Check("colour", Health.OK, f"{text}, and tmux passes them on")
    text += "; tmux makes 256 of them, since its terminal does not promise more"
    return Check("colour", Health.OK, text, "if it has them: set -as terminal-features ',*:RGB' in tmux.conf")


def clipboard(environ: Surroundings, tmux: Tmux) -> Check:
    """Say which ways a copy takes: through the terminal, by a program of this machine, or both."""
    local, advice = _local(environ)
    if environ.get("TERM", "") in ("", "dumb", "linux"):
        term = printable(environ.get("TERM", "") or "no TERM", 60)
        text = f"a terminal that says {term} takes no copies (OSC 52); {local}"
        return Check("clipboard", Health.OK if not advice else Health.WARNING, text, advice)
    inside = "tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else ""
    if inside == "tmux" and tmux("show-options", "-gwv", "allow-passthrough") == "off":
        text = f"tmux keeps back what is copied through the terminal (OSC 52); {local}"
        return Check("clipboard", Health.WARNING, text, "set -g allow-passthrough on in tmux.conf")
    through = f"through {inside} to the terminal" if inside else "through the terminal"
    return Check("clipboard", Health.OK, f"{through} (OSC 52), if it allows; {local}", advice)


def _local(environ: Surroundings) -> tuple[str, str]:
    """Return what is there of a clipboard of this machine, and what to do where none is but could be."""
    if environ.get("SSH_CONNECTION"):
        return "the clipboard of this machine is not used over SSH", ""
    program = _program()
    if program:
        return f"and by {program} of this machine", ""
    if environ.get("WAYLAND_DISPLAY"):
        return "no program for the clipboard of this machine was found", "install wl-clipboard"
    if environ.get("DISPLAY"):
        return "no program for the clipboard of this machine was found", "install xclip or xsel"
    return "this machine has no screen, so no clipboard of its own", ""


def _program() -> str:
    """Return what pyperclip would use here, such as `xclip`; nothing where there is nothing."""
    import pyperclip  # type: ignore[import-untyped]

    copying, _ = pyperclip.determine_clipboard()
    name = str(getattr(copying, "__name__", ""))
    return printable(name.removeprefix("copy_").replace("_", " "), 60) if name.startswith("copy_") else ""
