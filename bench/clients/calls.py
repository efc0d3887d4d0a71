"""gRPC calls that stay open, of an origin that sends each message back: one under way in each call."""

from __future__ import annotations

import gc
import select
import ssl
import sys
import time
from array import array

import msgspec

from bench.clients.kept import Report
from bench.clients.route import Route, client_context, dial
from bench.origin.grpc import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    GREETING,
    HEADERS,
    PREFACE,
    RESET,
    Frames,
    field,
    frame,
    message,
)
from bench.stats import tails


class Task(msgspec.Struct, frozen=True):
    """What to do."""

    route: Route
    size: int
    """Bytes of a message without its prefix; at most 16,000."""
    connections: int
    streams: int
    """Calls on each connection."""
    seconds: float
    warm: float = 0.5
    """Seconds at the start that count for nothing."""


def head(route: Route) -> bytes:
    """Return the fields of a request."""
    return b"".join(
        (
            field(b":method", b"POST"),
            field(b":scheme", b"https"),
            field(b":path", route.path.encode()),
            field(b":authority", route.authority.encode()),
            field(b"content-type", b"application/grpc"),
            field(b"te", b"trailers"),
        )
    )


class _Connection:
    """One connection and its calls."""

    def __init__(self, task: Task, context: ssl.SSLContext) -> None:
        self.sock = dial(task.route, context)
        self._frames = Frames()
        self._size = task.size + 5
        self._message = message(b"x" * task.size)
        self._streams = range(1, 2 * task.streams, 2)
        self._got = dict.fromkeys(self._streams, 0)
        self._sent = dict.fromkeys(self._streams, 0.0)
        heads = (frame(HEADERS, END_HEADERS, stream, head(task.route)) for stream in self._streams)
        self.sock.sendall(PREFACE + GREETING + b"".join(heads))
        self.sock.setblocking(False)

    def begin(self) -> None:
        """Send the first message of each call."""
        self.sock.send(b"".join(map(self._next, self._streams)))

    def _next(self, stream: int) -> bytes:
        self._got[stream], self._sent[stream] = 0, time.perf_counter()
        return frame(DATA, 0, stream, self._message)

    def read(self) -> list[tuple[float, float]]:
        """Read what there is and send what follows; return when each message that is back was sent, and came.

        Raises:
            OSError: the connection was closed, or a call ended.
        """
        back, out = list[tuple[float, float]](), list[bytes]()
        while True:
            try:
                data = self.sock.recv(262_144)
            except (ssl.SSLWantReadError, BlockingIOError):
                break
            if not data:
                raise OSError("the connection was closed")
            for kind, flags, stream, payload in self._frames.feed(data):
                if kind in (RESET, GOAWAY) or (kind in (DATA, HEADERS) and flags & END_STREAM):
                    raise OSError(f"call {stream} ended, by a frame of kind {kind}: {payload[:60]!r}")
                out.append(self._frames.due(kind, flags, payload))
                if kind != DATA:
                    continue
                self._got[stream] += len(payload)
                if self._got[stream] >= self._size:
                    back.append((self._sent[stream], time.perf_counter()))
                    out.append(self._next(stream))
        if answer := b"".join(out):
            self.sock.send(answer)
        return back


def run(task: Task) -> Report:
    """Do what `task` says.

    Raises:
        OSError: a connection could not be opened, or was closed, or a call ended.
    """
    report, latencies = Report(), array("d")
    context = client_context()
    context.set_alpn_protocols(["h2"])
    connections = [_Connection(task, context) for _ in range(task.connections)]
    by_number = {connection.sock.fileno(): connection for connection in connections}
    gc.disable()  # a collection in the middle would be charged to the proxy
    begin = time.perf_counter()
    counting, stop = begin + task.warm, begin + task.warm + task.seconds
    for connection in connections:
        connection.begin()
    now = begin
    while now < stop:
        ready, _, _ = select.select(list(by_number), (), (), 0.2)
        for number in ready:
            came = by_number[number].read()
            latencies.extend(back - sent for sent, back in came if sent >= counting)
        now = time.perf_counter()
    for connection in connections:
        connection.sock.close()
    report.seconds, report.requests = now - counting, len(latencies)
    report.tails_ms = {name: value * 1e3 for name, value in tails(latencies).items()}
    return report


if __name__ == "__main__":
    print(msgspec.json.encode(run(msgspec.json.decode(sys.argv[1], type=Task))).decode())
