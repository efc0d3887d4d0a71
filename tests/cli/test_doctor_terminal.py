"""What the doctor says of colours and of copying, for terminals that are not here."""

from __future__ import annotations

import os
from pathlib import Path

import pyperclip  # type: ignore[import-untyped]
import pytest

from soth_mitm.cli.checkup.terminal import terminal
from soth_mitm.model.checks import Check, Health

TRUE = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
IN_TMUX = TRUE | {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0"}


def copy_xclip(_: str) -> None:
    """Stand for the program that pyperclip has found."""


def looked_at(environ: dict[str, str], *, features: str = "", passing: str = "") -> tuple[Check, Check]:
    """Check surroundings; `features` and `passing` are what tmux says of colours, and of copies."""

    def tmux(*arguments: str, data: bytes = b"") -> str:
        return passing if "show-messages" in arguments else features

    colour, clipboard = terminal(environ, tmux)
    assert (colour.name, clipboard.name) == ("colour", "clipboard")
    return colour, clipboard


@pytest.mark.parametrize(
    ("environ", "health", "words"),
    [
        (TRUE, Health.OK, "16 million colours (TERM=xterm-256color, COLORTERM=truecolor)"),
        ({"TERM": "xterm-256color"}, Health.OK, "256 colours"),
        ({"TERM": "xterm"}, Health.OK, "16 colours"),
        (
            {"TERM": "xterm", "TEXTUAL_COLOR_SYSTEM": "256"},
            Health.OK,
            "256 colours (TEXTUAL_COLOR_SYSTEM=256)",
        ),
        ({"TERM": "xterm", "TEXTUAL_COLOR_SYSTEM": "mauve"}, Health.OK, "16 colours"),
        (TRUE | {"NO_COLOR": ""}, Health.OK, "NO_COLOR is set"),
        ({}, Health.WARNING, "TERM is not set"),
        ({"TERM": "dumb"}, Health.WARNING, "cannot be drawn"),
        (TRUE | {"STY": "1.screen"}, Health.WARNING, "from its version 5 on"),
        ({"TERM": "screen-256color", "STY": "1.screen"}, Health.OK, "256 colours"),
        ({"TERM": "x\x1b[2J"}, Health.OK, "16 colours"),
    ],
)
def test_the_colours_are_those_the_app_will_draw_with(
    environ: dict[str, str], health: Health, words: str
) -> None:
    colour, _ = looked_at(environ)
    assert colour.health == health
    assert words in colour.found
    assert "\x1b" not in colour.found


def test_tmux_is_asked_how_many_colours_it_passes_on() -> None:
    assert "tmux passes them on" in looked_at(IN_TMUX, features="256,RGB,title")[0].found
    fewer = looked_at(IN_TMUX, features="256,title")[0]
    assert "tmux makes 256 of them" in fewer.found
    assert "terminal-features" in fewer.advice
    assert "does not say" in looked_at(IN_TMUX)[0].found


def test_a_copy_goes_through_the_terminal_and_by_the_program_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = TRUE | {"DISPLAY": ":0"}
    monkeypatch.setattr(pyperclip, "determine_clipboard", lambda: (copy_xclip, None))
    assert "(OSC 52), if it allows; and by xclip of this machine" in looked_at(here)[1].found
    assert "not used over SSH" in looked_at(here | {"SSH_CONNECTION": "1"})[1].found
    monkeypatch.setattr(pyperclip, "determine_clipboard", lambda: (object(), None))
    assert looked_at(here)[1].advice == "install xclip or xsel"
    assert looked_at(here | {"WAYLAND_DISPLAY": "wayland-0"})[1].advice == "install wl-clipboard"


PASSING = "/dev/pts/1\nTerminal 0: xterm for /dev/pts/1, flags=0x20:\n 192: Ms: (string) x\n"


def test_what_swallows_a_copy_is_named_with_the_way_out() -> None:
    passed = looked_at(IN_TMUX, passing=PASSING)[1]
    assert passed.health == Health.OK
    assert "through tmux and on to its terminal" in passed.found
    kept = looked_at(IN_TMUX, passing=PASSING.replace("(string) x", "[missing]"))[1]
    assert kept.health == Health.WARNING
    assert "prefix ] pastes" in kept.found
    assert "terminal-features ',*:clipboard'" in kept.advice
    assert "allow-passthrough on" in looked_at(IN_TMUX)[1].advice
    assert "through screen" in looked_at(TRUE | {"STY": "1.screen"})[1].found
    login = looked_at({"TERM": "tmux-256color", "SSH_CONNECTION": "1"})[1]
    assert "the tmux around this login" in login.found
    assert "set-clipboard on" in login.advice
    for term, called in (("linux", "linux"), ("", "no TERM")):
        nothing = looked_at({"TERM": term})[1]
        assert nothing.health == Health.WARNING
        assert f"{called} takes no copies" in nothing.found


def test_a_program_of_this_machine_makes_up_for_a_terminal_that_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pyperclip, "determine_clipboard", lambda: (copy_xclip, None))
    assert looked_at({"TERM": "linux", "DISPLAY": ":0"})[1].health == Health.OK


def test_a_program_that_is_asked_is_heard_without_its_line_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "tmux"
    answer = PASSING.replace("(string) x", "[missing]")
    program.write_text(f'#!/bin/sh\n[ "$3" = "#{{client_tty}}" ] || exit 1\ncat <<END\n{answer}END\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    colour, clipboard = terminal(IN_TMUX)
    assert "does not say" in colour.found
    assert "tmux keeps copies" in clipboard.found
