"""Requests on kept connections: closed loop (always busy) or open loop (at a given rate).

In the open loop a request counts from the moment at which it was due, not from when a connection was
free for it: a proxy that stalls is charged for the requests that would have come meanwhile. The wait
is select(), whose time-out is exact to tens of microseconds where epoll's is whole milliseconds.
"""

from __future__ import annotations

import gc
import select
import ssl
import sys
import time
from array import array
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from bench.clients.route import Route, client_context, dial
from bench.stats import tails

if TYPE_CHECKING:
    import socket

DRAIN_SECONDS = 5.0
"""How long the open loop waits for answers after its last request."""


class Task(msgspec.Struct, frozen=True):
    """What to do."""

    route: Route
    size: int
    """Bytes of the body that is expected."""
    connections: int
    seconds: float
    warm: float = 0.5
    """Seconds at the start that count for nothing."""
    rate: float = 0.0
    """Requests a second of the open loop; 0 is the closed loop."""
    count: int = 0
    """Requests after which the closed loop ends before its time; 0 for as many as there is time for."""


class Report(msgspec.Struct):
    """What came of it."""

    requests: int = 0
    seconds: float = 0.0
    errors: int = 0
    unfinished: int = 0
    """Requests of the open loop that were due and got no answer in time."""
    tails_ms: dict[str, float] = msgspec.field(default_factory=dict)


class _Wrong(Exception):
    """The answer is not the one that was expected."""


class _Connection:
    """One connection with at most one request under way."""

    __slots__ = ("due", "need", "received", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.due = 0.0
        self.need = 0
        self.received = 0

    def send(self, head: bytes, due: float) -> None:
        """Send a request; it fits into the socket's buffer, which is empty."""
        self.due, self.need, self.received = due, 0, 0
        self.sock.send(head)

    def read(self, size: int) -> bool:
        """Read what there is; return whether the answer is complete."""
        while True:
            try:
                data = self.sock.recv(262_144)
            except (ssl.SSLWantReadError, BlockingIOError):
                return False
            if not data:
                raise _Wrong("the connection was closed")
            if not self.need:
                end = data.find(b"\r\n\r\n")
                if end < 0 or not data.startswith(b"HTTP/1.1 200"):
                    raise _Wrong(f"unexpected answer: {data[:60]!r}")
                self.need = end + 4 + size
            self.received += len(data)
            if self.received >= self.need:
                return True


class _Load:
    """The connections of one task, and what was measured."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.head = task.route.head()
        self.context = client_context()
        self.open: dict[int, _Connection] = {}
        self.latencies = array("d")
        self.report = Report()
        for _ in range(task.connections):
            self.connect()

    def connect(self) -> _Connection:
        """Open one more connection."""
        sock = dial(self.task.route, self.context)
        sock.setblocking(False)
        connection = self.open[sock.fileno()] = _Connection(sock)
        return connection

    def replace(self, fileno: int) -> _Connection:
        """Put a new connection in place of one that failed, and count that."""
        self.open.pop(fileno).sock.close()
        self.report.errors += 1
        if self.report.errors > 10 * self.task.connections:
            raise OSError("too many requests failed")
        return self.connect()

    def close(self) -> Report:
        """Close everything and return the report."""
        for connection in self.open.values():
            connection.sock.close()
        report = self.report
        report.requests = len(self.latencies)
        report.tails_ms = {name: value * 1e3 for name, value in tails(self.latencies).items()}
        return report

    def closed_loop(self) -> None:
        """Keep every connection busy."""
        begin = time.perf_counter()
        counting, stop = begin + self.task.warm, begin + self.task.warm + self.task.seconds
        left = self.task.count or sys.maxsize
        unanswered = 0
        for connection in list(self.open.values())[:left]:
            connection.send(self.head, begin)
            unanswered += 1
        left -= unanswered
        now = begin
        while now < stop and unanswered:
            ready, _, _ = select.select(list(self.open), (), (), 0.2)
            for fileno in ready:
                connection = self.open[fileno]
                try:
                    if not connection.read(self.task.size):
                        continue
                    now = time.perf_counter()
                    if connection.due >= counting:
                        self.latencies.append(now - connection.due)
                except (OSError, _Wrong):
                    connection = self.replace(fileno)
                if left:
                    left -= 1
                    connection.send(self.head, time.perf_counter())
                else:
                    unanswered -= 1
            now = time.perf_counter()
        self.report.seconds = now - counting

    def open_loop(self) -> None:
        """Send each request when it is due, or as soon after as a connection is free."""
        step, begin = 1 / self.task.rate, time.perf_counter()
        counting, stop = begin + self.task.warm, begin + self.task.warm + self.task.seconds
        idle, waiting = deque(self.open.values()), deque[float]()
        sent, now = 0, begin
        while now < stop + DRAIN_SECONDS:
            while (due := begin + sent * step) <= min(now, stop):
                waiting.append(due)
                sent += 1
            while waiting and idle:
                idle.popleft().send(self.head, waiting.popleft())
            if due > stop and not waiting and len(idle) == len(self.open):
                break
            ready, _, _ = select.select(list(self.open), (), (), max(min(due, stop + 1) - now, 0))
            now = time.perf_counter()
            for fileno in ready:
                connection = self.open[fileno]
                try:
                    if not connection.read(self.task.size):
                        continue
                    if connection.due >= counting:
                        self.latencies.append(time.perf_counter() - connection.due)
                except (OSError, _Wrong):
                    connection = self.replace(fileno)
                idle.append(connection)
        self.report.unfinished = len(waiting) + len(self.open) - len(idle)
        self.report.seconds = self.task.seconds


def run(task: Task) -> Report:
    """Do what `task` says.

    Raises:
        OSError: no connection could be opened, or almost all requests failed.
    """
    load = _Load(task)
    # A collection in the middle would be charged to the proxy.
    gc.disable()
    try:
        (load.open_loop if task.rate else load.closed_loop)()
    finally:
        report = load.close()
    return report


if __name__ == "__main__":
    print(msgspec.json.encode(run(msgspec.json.decode(sys.argv[1], type=Task))).decode())
