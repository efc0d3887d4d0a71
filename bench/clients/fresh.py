"""New connections: CONNECT, a full TLS handshake, one GET, and close, as often as possible.

Sockets do not block and one select() serves them all, so that the handshakes of `connections` clients
overlap. No session is offered for resumption: each handshake is a full one.
"""

from __future__ import annotations

import contextlib
import enum
import gc
import select
import socket
import ssl
import sys
import time
from array import array

import msgspec

from bench.clients.kept import Report, Task
from bench.clients.route import client_context
from bench.stats import tails


class _Stage(enum.Enum):
    CONNECTING = enum.auto()
    ASKING = enum.auto()
    SHAKING = enum.auto()
    READING = enum.auto()
    DONE = enum.auto()
    FAILED = enum.auto()


class _Attempt:
    """One connection from its SYN to its end."""

    def __init__(self, task: Task, context: ssl.SSLContext) -> None:
        self._route = task.route
        self._expected = task.size
        self._context = context
        self._received = bytearray()
        self.began = time.perf_counter()
        self.stage = _Stage.CONNECTING
        self.writes = True
        """Whether it waits until it can write, rather than read."""
        self.sock = socket.socket()
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.sock.connect(self._route.first_hop)

    def step(self) -> None:
        """Go on as far as the socket lets us."""
        try:
            if self.stage is _Stage.CONNECTING:
                self._connected()
            elif self.stage is _Stage.ASKING:
                self._answered()
            if self.stage is _Stage.SHAKING:
                self._shake()
            if self.stage is _Stage.READING:
                self._read()
        except ssl.SSLWantWriteError:
            self.writes = True
        except (ssl.SSLWantReadError, BlockingIOError):
            self.writes = False
        except OSError:
            self.stage = _Stage.FAILED

    def _connected(self) -> None:
        if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.stage = _Stage.FAILED
        elif self._route.connect_head:
            self.sock.send(self._route.connect_head)
            self.writes = False
            self.stage = _Stage.ASKING
        else:
            self._wrap()

    def _answered(self) -> None:
        data = self.sock.recv(4096)
        self._received += data
        if not data or not self._received.startswith(b"HTTP/1.1 200"[: len(self._received)]):
            self.stage = _Stage.FAILED
        elif b"\r\n\r\n" in self._received:
            self._received.clear()
            self._wrap()

    def _wrap(self) -> None:
        self.sock = self._context.wrap_socket(
            self.sock, server_hostname="localhost", do_handshake_on_connect=False
        )
        self.stage = _Stage.SHAKING

    def _shake(self) -> None:
        assert isinstance(self.sock, ssl.SSLSocket)
        self.sock.do_handshake()
        self.sock.send(self._route.head(close=True))
        self.stage = _Stage.READING

    def _read(self) -> None:
        while data := self.sock.recv(65_536):
            self._received += data
            head = self._received.find(b"\r\n\r\n")
            if head >= 0 and len(self._received) >= head + 4 + self._expected:
                good = self._received.startswith(b"HTTP/1.1 200")
                self.stage = _Stage.DONE if good else _Stage.FAILED
                return
        self.stage = _Stage.FAILED


def run(task: Task) -> Report:
    """Keep `task.connections` attempts under way for `task.seconds` seconds.

    Raises:
        OSError: almost all attempts failed.
    """
    gc.disable()
    report, latencies, context = Report(), array("d"), client_context()
    begin = time.perf_counter()
    counting, stop = begin + task.warm, begin + task.warm + task.seconds
    attempts = [_Attempt(task, context) for _ in range(task.connections)]
    while (now := time.perf_counter()) < stop:
        by_fileno = {attempt.sock.fileno(): attempt for attempt in attempts}
        writing = [fileno for fileno, attempt in by_fileno.items() if attempt.writes]
        reading = [fileno for fileno, attempt in by_fileno.items() if not attempt.writes]
        readable, writable, _ = select.select(reading, writing, (), 0.2)
        for fileno in (*readable, *writable):
            by_fileno[fileno].step()
        for number, attempt in enumerate(attempts):
            if attempt.stage not in (_Stage.DONE, _Stage.FAILED):
                continue
            attempt.sock.close()
            if attempt.stage is _Stage.FAILED:
                report.errors += 1
            elif attempt.began >= counting:
                latencies.append(time.perf_counter() - attempt.began)
            attempts[number] = _Attempt(task, context)
        if report.errors > 100 and report.errors > 10 * len(latencies):
            raise OSError("almost all connections failed")
    for attempt in attempts:
        attempt.sock.close()
    report.requests, report.seconds = len(latencies), now - counting
    report.tails_ms = {name: value * 1e3 for name, value in tails(latencies).items()}
    return report


if __name__ == "__main__":
    print(msgspec.json.encode(run(msgspec.json.decode(sys.argv[1], type=Task))).decode())
