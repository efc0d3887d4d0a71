"""Many event streams that stay open: how late their events come while all of them are."""

from __future__ import annotations

import selectors
import ssl
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from bench.clients.route import Route, client_context, dial
from bench.processes import allow_many_files
from bench.stats import tails

if TYPE_CHECKING:
    import socket

BUFFER = 65_536


class Task(msgspec.Struct, frozen=True):
    """What to open, and how long to listen once all is open."""

    route: Route
    streams: int
    seconds: float


class Report(msgspec.Struct):
    """What came of it."""

    events: int = 0
    """Events that came while all streams were open."""
    lost: int = 0
    """Streams that ended before the time."""
    tails_ms: dict[str, float] = msgspec.field(default_factory=dict)
    """How late the events came."""


class _Stream:
    """One of them, and the line that is not whole yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._held = b""

    def read(self) -> list[int] | None:
        """Return when the events that came were written; None where the stream has ended."""
        came: list[int] = []
        while True:
            try:
                data = self.sock.recv(BUFFER)
            except (BlockingIOError, ssl.SSLWantReadError):
                return came
            except OSError:
                return None
            if not data:
                return None
            *lines, self._held = (self._held + data).split(b"\n")
            came += [int(line[6:]) for line in lines if line.startswith(b"data: ")]


def listen(task: Task) -> Report:
    """Open the streams one after another; then take what comes on all of them."""
    report, late = Report(), list[float]()
    selector, context = selectors.DefaultSelector(), client_context()
    for _ in range(task.streams):
        sock = dial(task.route, context)
        sock.sendall(task.route.head())
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, _Stream(sock))
    began = time.monotonic()
    while (left := began + task.seconds - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            came = key.data.read()
            now = time.monotonic_ns()
            if came is None:
                selector.unregister(key.fileobj)
                report.lost += 1
                continue
            # What was written before all streams were open waited for this program, not for the proxy.
            late += [(now - at) / 1e6 for at in came if at / 1e9 >= began]
    report.events, report.tails_ms = len(late), tails(late)
    return report


if __name__ == "__main__":
    allow_many_files()
    print(msgspec.json.encode(listen(msgspec.json.decode(sys.argv[1], type=Task))).decode())
