"""How the program ends: by one signal, by two, by a reader that stalls, before it began."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.program import DEADLINE, PROGRAM, running, soth_mitm, surroundings
from tests.helpers.sites import Site, get, site, streaming

LINE = re.compile(r"^\d\d:\d\d:\d\d  200 +GET +(\S+)  ", re.MULTILINE)


@pytest.fixture
def plain() -> Iterator[Site]:
    with site() as server:
        yield server


def drains_in(seconds: float, tmp_path: Path) -> tuple[str | Path, ...]:
    """Return the arguments of a proxy that gives open flows so long."""
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[limits]\ndrain_timeout = {seconds}\n")
    return ("--dump", "-p", "0", "--config", settings)


def listens(port: int) -> bool:
    """Return whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_every_flow_told(number: int, plain: Site, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{plain.port}/stream"
    with (
        running(*drains_in(0.2, tmp_path), home=tmp_path) as program,
        streaming(program.port, url),
    ):
        program.wait_for(f"200 +GET +{re.escape(url)}  …  ")
        ended = program.end(number)
    assert ended.code == 0
    assert LINE.findall(ended.out) == [url, url]
    assert ended.err.count("\n") == 2


def test_a_second_signal_cuts_what_is_open_and_writes_it_all(plain: Site, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{plain.port}/stream"
    recording = tmp_path / "run.soth"
    with (
        running(*drains_in(600, tmp_path), "-w", recording, home=tmp_path) as program,
        streaming(program.port, url),
    ):
        port = program.port
        program.send(signal.SIGINT)
        while listens(port):
            pass
        program.send(signal.SIGINT)
        ended = program.ended()
    assert ended.code == 130
    assert ended.err.count("\n") == 2, ended.err
    back = soth_mitm("--dump", "-r", recording, home=tmp_path)
    assert (back.code, back.err) == (0, "")
    assert LINE.findall(back.out)[-1] == url


def test_a_recording_that_never_began_leaves_no_file(plain: Site, tmp_path: Path) -> None:
    recording = tmp_path / "run.soth"
    for _ in range(2):
        refused = soth_mitm("--dump", "-p", str(plain.port), "-w", recording, home=tmp_path)
        assert refused.code == 2
        assert "the port is taken" in refused.err
        assert not recording.exists()


@pytest.mark.skipif(os.name != "posix", reason="a pipe that is full is made as POSIX has it")
def test_a_reader_that_stalls_cannot_keep_the_program(plain: Site, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(65536)):
            pass
    os.set_blocking(writing, True)
    program = subprocess.Popen(
        [*PROGRAM, "--dump", "-p", "0"], stdout=writing, stderr=subprocess.PIPE, env=surroundings(tmp_path)
    )
    os.close(writing)
    assert program.stderr is not None
    said = re.search(rb":(\d+) ", program.stderr.readline())
    assert said is not None
    get(int(said[1]), f"http://127.0.0.1:{plain.port}/lost")
    program.send_signal(signal.SIGTERM)
    _, complaints = program.communicate(timeout=DEADLINE)
    os.close(reading)
    assert program.returncode == 0
    lost, summary = complaints.splitlines()
    assert lost == b"soth-mitm: standard output was not read fast enough: 1 batch of lines is lost"
    assert summary == b"soth-mitm: 1 flow, 17 received"
