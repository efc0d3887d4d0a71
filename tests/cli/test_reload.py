"""SIGUSR1: the settings are read again for what comes; a file with an error changes nothing."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.helpers.client import ask
from tests.helpers.origins import HOST, Origin
from tests.helpers.program import DEADLINE, Running, running

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs SIGUSR1")


def until(status: int, program: Running, url: str) -> None:
    """Ask until the answer has a status: that a signal has arrived cannot be seen otherwise."""
    end = time.monotonic() + DEADLINE
    while (got := ask(program.port, url).status) != status:
        assert time.monotonic() < end, got


def test_a_reload_holds_for_connections_from_then_on_and_an_error_changes_nothing(
    origin: Origin, home: Path
) -> None:
    config = home / "mine.toml"
    config.write_text("")
    url = origin.url("/ok")
    with running("--dump", "-q", "-p", "0", "--config", config, home=home) as program:
        assert ask(program.port, url).status == 200
        config.write_text(f'block = ["{HOST}"]\n')
        program.send(signal.SIGUSR1)
        until(403, program, url)

        config.write_text("block = [\n")
        program.send(signal.SIGUSR1)
        said = program.wait_for(r"^soth-mitm: settings not read again: .*\n", on="err")[0]
        assert "mine.toml is not valid TOML" in said
        assert ask(program.port, url).status == 403

        config.write_text('blok = ["x"]\n')
        program.send(signal.SIGUSR1)
        program.wait_for(r"^soth-mitm: settings not read again: .*did you mean block\?", on="err")
        assert ask(program.port, url).status == 403

        config.write_text("")
        program.send(signal.SIGUSR1)
        until(200, program, url)
        assert program.end().code == 0


def test_what_the_command_line_says_outlives_a_reload(origin: Origin, home: Path) -> None:
    config = home / "mine.toml"
    config.write_text("")
    with running("--dump", "-q", "-p", "0", "--block", HOST, "--config", config, home=home) as program:
        assert ask(program.port, origin.url("/ok")).status == 403
        config.write_text('block = ["other.test"]\n')
        program.send(signal.SIGUSR1)
        until(403, program, "http://other.test/")
        assert ask(program.port, origin.url("/ok")).status == 403
        assert program.end().code == 0
