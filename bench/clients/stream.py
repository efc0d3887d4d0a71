"""One response read to its end: how fast its bytes come, or how late each event of an SSE stream."""

from __future__ import annotations

import sys
import time

import msgspec

from bench.clients.route import Route, dial
from bench.stats import tails

BUFFER = 262_144


class Task(msgspec.Struct, frozen=True):
    """What to read."""

    route: Route
    events: bool = False
    """Whether it is an event stream whose events hold the time of their writing."""


class Report(msgspec.Struct):
    """What came of it."""

    bytes: int = 0
    """Bytes of the body."""
    seconds: float = 0.0
    """From the first byte of the head to the last byte of the body."""
    events: int = 0
    first_byte_ms: float = 0.0
    """From the request to the first byte of the answer."""
    tails_ms: dict[str, float] = msgspec.field(default_factory=dict)
    """How late the events came."""


def _length(head: bytes) -> int:
    """Return the Content-Length of a response head.

    Raises:
        OSError: it is no 200, or has none.
    """
    if head.startswith(b"HTTP/1.1 200"):
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
    raise OSError(f"unexpected answer: {head[:60]!r}")


def read_bytes(route: Route) -> Report:
    """Read a body of known length and forget it."""
    report = Report()
    with dial(route, None) as sock:
        asked = time.perf_counter()
        sock.sendall(route.head())
        data = sock.recv(BUFFER)
        began = time.perf_counter()
        while b"\r\n\r\n" not in data:
            piece = sock.recv(BUFFER)
            if not piece:
                raise OSError("the connection was closed inside the head")
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length, buffer = _length(head), memoryview(bytearray(BUFFER))
        report.bytes = len(body)
        while report.bytes < length:
            count = sock.recv_into(buffer)
            if not count:
                raise OSError(f"the body ended after {report.bytes:,} of {length:,} bytes")
            report.bytes += count
        report.seconds = time.perf_counter() - began
        report.first_byte_ms = (began - asked) * 1e3
    return report


def read_events(route: Route) -> Report:
    """Read an event stream to its end, noting of each event how long after its writing it came."""
    report, late, held = Report(), list[float](), b""
    with dial(route, None) as sock:
        asked = time.monotonic_ns()
        sock.sendall(route.head())
        while data := sock.recv(BUFFER):
            now = time.monotonic_ns()
            report.first_byte_ms = report.first_byte_ms or (now - asked) / 1e6
            report.bytes += len(data)
            *lines, held = (held + data).split(b"\n")
            late += [(now - int(line[6:])) / 1e6 for line in lines if line.startswith(b"data: ")]
    report.events, report.tails_ms = len(late), tails(late)
    return report


if __name__ == "__main__":
    task = msgspec.json.decode(sys.argv[1], type=Task)
    done = read_events(task.route) if task.events else read_bytes(task.route)
    print(msgspec.json.encode(done).decode())
