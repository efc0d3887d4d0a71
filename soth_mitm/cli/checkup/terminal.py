"""What the app has to draw with and to copy through: the terminal, and what stands between."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from soth_mitm.cli.checkup.surroundings import guarded
from soth_mitm.model.checks import Check, Health
from soth_mitm.text import printable

Surroundings = Mapping[str, str]
"""Environment variables."""
Tmux = Callable[..., str]
"""Ask tmux with these arguments; what it says, or nothing where it does not answer."""

_COLOURS: Final = {"truecolor": "16 million colours", "256": "256 colours", "standard": "16 colours"}


def terminal(environ: Surroundings, tmux: Tmux | None = None) -> Iterator[Check]:
    """Yield what the app will draw with, and how it can copy."""
    from soth_mitm_tui.clipboard import run_tmux

    ask = tmux or run_tmux
    yield guarded("colour", lambda: colour(environ, ask))
    yield guarded("clipboard", lambda: clipboard(environ, ask))


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
    features = printable(tmux("display-message", "-p", "#{client_termfeatures}").strip(), 400)
    if not features:
        return Check("colour", Health.OK, f"{text}; tmux does not say how many it passes on")
    if "RGB" in features.split(","):
        return Check("colour", Health.OK, f"{text}, and tmux passes them on")
    text += "; tmux makes 256 of them, since its terminal does not promise more"
    return Check("colour", Health.OK, text, "if it has them: set -as terminal-features ',*:RGB' in tmux.conf")


def clipboard(environ: Surroundings, tmux: Tmux) -> Check:
    """Say which ways a copy takes: through the terminal, by a program of this machine, or both."""
    from soth_mitm_tui import clipboard as ways

    local, advice, reached = _local(environ)

    def check(text: str, way_out: str = "") -> Check:
        """Where there is a way out of something, a copy may get nowhere but to a program of this machine."""
        health = Health.WARNING if way_out and not reached else Health.OK
        return Check("clipboard", health, f"{text}; {local}", way_out or advice)

    if ways.multiplexer(environ) == "tmux":
        passes = ways.passes_on(tmux(*ways.WHAT_TMUX_PASSES))
        if passes:
            return check("through tmux and on to its terminal (OSC 52), if that allows")
        if passes is None:
            text = "tmux does not say whether it passes copies on to the terminal (OSC 52)"
            return check(text, "set -g allow-passthrough on in tmux.conf")
        text = "tmux keeps copies (prefix ] pastes them): its terminal does not say that it takes them"
        return check(text, "if it does: set -as terminal-features ',*:clipboard' in tmux.conf")
    if term := ways.deaf(environ):
        text = f"a terminal that says {term} takes no copies (OSC 52)"
        return check(text, "use another terminal, or save to files (w)")
    if around := ways.around_login(environ):
        text = f"to the {around} around this login (OSC 52), which tmux passes on only with set-clipboard on"
        return check(text, "set -s set-clipboard on in the tmux.conf of that machine")
    through = "through screen to the terminal" if ways.multiplexer(environ) else "through the terminal"
    return check(f"{through} (OSC 52), if it allows")


def _local(environ: Surroundings) -> tuple[str, str, bool]:
    """Return what is there of a clipboard of this machine, what would help, and whether one is."""
    if environ.get("SSH_CONNECTION"):
        return "the clipboard of this machine is not used over SSH", "", False
    program = _program()
    if program:
        return f"and by {program} of this machine", "", True
    if environ.get("WAYLAND_DISPLAY"):
        return "no program for the clipboard of this machine was found", "install wl-clipboard", False
    if environ.get("DISPLAY"):
        return "no program for the clipboard of this machine was found", "install xclip or xsel", False
    return "this machine has no screen, so no clipboard of its own", "", False


def _program() -> str:
    """Return what pyperclip would use here, such as `xclip`; nothing where there is nothing."""
    import pyperclip  # type: ignore[import-untyped]

    copying, _ = pyperclip.determine_clipboard()
    name = str(getattr(copying, "__name__", ""))
    return printable(name.removeprefix("copy_").replace("_", " "), 60) if name.startswith("copy_") else ""
