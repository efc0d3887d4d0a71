"""Copying: which way it takes in which surroundings, and what is said where none is open."""

from __future__ import annotations

import base64
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from soth_mitm_tui.clipboard import OSC52_LIMIT, WHAT_TMUX_PASSES, Outcome, copy, osc52, passes_on
from tests.tui.stage import stage

CAPABILITIES = """/dev/pts/7
Terminal 0: linux for /dev/pts/3, flags=0x20:
 192: Ms: [missing]
Terminal 1: xterm-256color for /dev/pts/7, flags=0x20:
 191: Ls: [missing]
 192: Ms: (string) \\033]52;%p1%s;%p2%s\\a
"""


class Surroundings:
    """Environment variables, and a tmux that answers by script."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.written: list[str] = []
        self.asked: list[tuple[str, ...]] = []
        self.taken = b""

    async def copy(self, text: str, environ: Mapping[str, str], *, answer: str = "") -> Outcome:
        """Copy a text there; `answer` is what tmux says, nothing for one that fails."""
        for name in ("TMUX", "STY", "TERM", "SSH_CONNECTION"):
            self._patch.delenv(name, raising=False)
        for name, value in environ.items():
            self._patch.setenv(name, value)
        self.written.clear()

        def tmux(*arguments: str, data: bytes = b"") -> str:
            self.asked.append(arguments)
            self.taken = data
            return answer

        return await copy("URL", text, write=self.written.append, local=False, tmux=tmux)


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    return Surroundings(monkeypatch)


IN_TMUX = {"TMUX": "/tmp/tmux,1,0", "TERM": "tmux-256color"}


async def test_a_terminal_gets_the_sequence_and_what_is_too_long_for_it_is_for_a_file(
    around: Surroundings,
) -> None:
    done = await around.copy("https://a.test/", {"TERM": "xterm"})
    assert done == ("Copied URL, 15 bytes, to the terminal (OSC 52)", True, False)
    assert around.written == [osc52("https://a.test/", "")]
    large = await around.copy("x" * (OSC52_LIMIT + 1), {"TERM": "xterm"})
    assert large == ("URL: 75k bytes is more than a terminal takes (75k); save it to a file", False, True)
    assert around.written == []
    nowhere = await copy("URL", "x", write=None, local=False)
    assert nowhere == ("URL not copied: there is no terminal and no clipboard", False, False)


async def test_tmux_takes_it_by_its_own_command_whatever_it_lets_through(around: Surroundings) -> None:
    done = await around.copy("hello", IN_TMUX, answer=CAPABILITIES)
    assert done.said == "Copied URL, 5 bytes, to tmux and on to its terminal (OSC 52)"
    assert around.asked == [("load-buffer", "-w", "-", ";", *WHAT_TMUX_PASSES)]
    assert (around.taken, around.written) == (b"hello", [])
    deaf = await around.copy("hello", IN_TMUX, answer=CAPABILITIES.replace("pts/7\n", "pts/3\n", 1))
    assert "to tmux alone (prefix ] pastes it)" in deaf.said
    large = await around.copy("x" * (OSC52_LIMIT + 1), IN_TMUX, answer=CAPABILITIES)
    assert large.copied
    assert "more than a terminal takes" in large.said
    assert around.asked[-1][:2] == ("load-buffer", "-")


async def test_a_tmux_that_cannot_is_gone_through_and_a_setting_it_needs_is_named(
    around: Surroundings,
) -> None:
    done = await around.copy("a", IN_TMUX)
    assert "only with allow-passthrough on" in done.said
    assert around.written == ["\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\"]


async def test_in_a_login_from_tmux_both_settings_that_let_it_through_are_used(around: Surroundings) -> None:
    done = await around.copy("a", {"TERM": "tmux-256color", "SSH_CONNECTION": "1"})
    assert "the tmux around this login" in done.said
    assert "set-clipboard on" in done.said
    assert around.written == [osc52("a", ""), osc52("a", "tmux")]
    await around.copy("a", {"TERM": "screen-256color", "SSH_CONNECTION": "1"})
    assert around.written == [osc52("a", "")]


async def test_screen_gets_pieces_that_it_passes_on(around: Surroundings) -> None:
    assert "through screen" in (await around.copy("a" * 300, {"STY": "1", "TERM": "screen"})).said
    pieces = around.written[0].removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert "".join(pieces) == osc52("a" * 300, "")
    assert max(map(len, pieces)) <= 240


@pytest.mark.parametrize(("term", "called"), [("linux", "linux"), ("vt220", "vt220"), ("", "no TERM")])
async def test_a_terminal_that_takes_no_copies_gets_none_and_a_file_is_offered(
    around: Surroundings, term: str, called: str
) -> None:
    done = await around.copy("a", {"TERM": term})
    assert done == (
        f"URL not copied: a terminal that says {called} takes no copies; save it to a file",
        False,
        True,
    )
    assert around.written == []


def test_of_several_terminals_the_one_counts_that_shows_the_app() -> None:
    assert passes_on(CAPABILITIES) is True
    assert passes_on(CAPABILITIES.replace("pts/7\n", "pts/3\n", 1)) is False
    assert passes_on(CAPABILITIES.replace("pts/7\n", "pts/9\n", 1)) is None
    assert passes_on("") is passes_on("\n") is passes_on("/dev/pts/7\n") is None


async def test_what_a_field_copies_by_its_own_keys_goes_the_same_way() -> None:
    async with stage() as staged:
        staged.app.copy_to_clipboard("host:a.test")
        told = staged.app._notifications
        await staged.until(lambda: any("Copied the selection, 11 bytes" in each.message for each in told))
        assert staged.app.clipboard == "host:a.test"


COPYING = """
import asyncio, sys
from soth_mitm_tui.clipboard import copy
said = asyncio.run(copy("URL", "hello", write=sys.stdout.write, local=False)).said
open("said", "w").write(said)
"""


@pytest.mark.outside("tmux")
@pytest.mark.parametrize("setting", ["external", "off"])
def test_a_real_tmux_hands_it_to_its_terminal_though_it_lets_nothing_through(
    tmp_path: Path, setting: str
) -> None:
    (tmp_path / "conf").write_text(f"set -s set-clipboard {setting}\nset -g allow-passthrough off\n")
    command = ["tmux", "-S", str(tmp_path / "tmux"), "-f", str(tmp_path / "conf")]
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - it becomes tmux
        os.chdir(tmp_path)
        os.execvp("tmux", [*command, "new-session", sys.executable, "-c", COPYING])
    seen, end = b"", time.monotonic() + 20
    while time.monotonic() < end and select.select([terminal], [], [], 20)[0]:
        try:
            seen += os.read(terminal, 65_536)
        except OSError:  # tmux is at its end
            break
    os.close(terminal)
    os.waitpid(child, 0)
    subprocess.run([*command, "kill-server"], capture_output=True, check=False)
    copies = [base64.b64decode(found) for found in re.findall(rb"\x1b\]52;[^;]*;([^\x07\x1b]+)", seen)]
    assert copies == [b"hello"]
    said = (tmp_path / "said").read_text()
    assert said == "Copied URL, 5 bytes, to tmux and on to its terminal (OSC 52)"
