"""Whoever reads standard output may stall or leave: traffic goes on, memory stays, nothing is thrown."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.cli.conftest import ANSWERS
from tests.helpers.client import ask
from tests.helpers.origins import Origin
from tests.helpers.program import DEADLINE, PROGRAM, soth_mitm, surroundings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and signals as POSIX has them")

FLOWS = 300
MOST_GROWTH = 48 * 1024 * 1024
"""More than what may wait for a reader, in every form in which it waits; less than what was printed."""


class Piped:
    """A program whose standard output is a pipe in our hands."""

    def __init__(self, process: subprocess.Popen[bytes], output: int, port: int) -> None:
        self.process = process
        self.output = output
        self.port = port

    def end(self) -> str:
        """Wait for its end in order; return what it said after the address."""
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode()
        assert self.process.wait(DEADLINE) == 0
        return said


@contextmanager
def piped(*arguments: str | Path, home: Path) -> Iterator[Piped]:
    """Run the program; nobody reads its output but the test."""
    read, write = os.pipe()
    with subprocess.Popen(
        [*PROGRAM, "--dump", "-p", "0", *map(str, arguments)],
        stdout=write, stderr=subprocess.PIPE, env=surroundings(home),
    ) as process:  # fmt: skip
        os.close(write)
        output = os.fdopen(read, "rb", buffering=0)
        try:
            assert process.stderr is not None
            port = re.search(rb"http://127\.0\.0\.1:([0-9]+)", process.stderr.readline())
            assert port is not None
            yield Piped(process, read, int(port[1]))
        finally:
            process.kill()
            try:
                output.close()
            except OSError:
                assert output.closed


def test_a_reader_that_stalls_never_blocks_the_proxy(origin: Origin, home: Path) -> None:
    path = home / "all.soth"
    with piped("-vv", "-w", path, home=home) as program:
        assert ask(program.port, origin.url("/large")).status == 200
        process = psutil.Process(program.process.pid)
        before = process.memory_info().rss
        for number in range(FLOWS):
            assert len(ask(program.port, origin.url(f"/large?{number}")).body) == 60_000
        assert process.memory_info().rss - before < MOST_GROWTH
        program.process.send_signal(signal.SIGTERM)
        said = program.end()
    assert re.fullmatch(
        r"soth-mitm: .*standard output was not read fast enough.*\nsoth-mitm: \d+ flows.*\n", said
    )
    # What was recorded is whole, whoever read what was printed.
    result = soth_mitm("--dump", "-r", path, home=home)
    assert (result.out.count("\n"), result.err) == (FLOWS + 1, "")


def test_a_reader_that_leaves_ends_the_program_once_open_flows_are_done(home: Path) -> None:
    gone_on = threading.Event()

    def slow(sock: socket.socket) -> None:
        """Answer half, and the rest once the reader has left."""
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        assert gone_on.wait(DEADLINE)
        sock.sendall(b"rest")

    origin = Origin({**ANSWERS, "/slow": slow})
    with piped(home=home) as program, socket.create_connection(("127.0.0.1", program.port), DEADLINE) as sock:
        site = f"localhost:{origin.port}"
        sock.sendall(f"GET http://{site}/slow HTTP/1.1\r\nHost: {site}\r\n\r\n".encode())
        got = b""
        while not got.endswith(b"half"):
            got += sock.recv(4096)
        os.close(program.output)
        # The line of this flow is what the program finds out by.
        assert ask(program.port, origin.url("/ok")).body == b"ok"
        while accepts(program.port):
            pass
        gone_on.set()
        while part := sock.recv(4096):
            got += part
        assert got.endswith(b"\r\n\r\nhalfrest")
        assert program.end() == ""
    origin.close()


def accepts(port: int) -> bool:
    """Return whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    except ConnectionError:
        return False
    return True
