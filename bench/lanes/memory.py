"""Memory of the proxy: growth over a large download, and what an idle pair of connections costs."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from bench.clients import stream
from bench.clients.route import Route, client_context, dial
from bench.clients.start import OWN, own_client
from bench.lane import OURS, PEER, Goal, Lane, Relation, Sample
from bench.processes import BenchError

if TYPE_CHECKING:
    import socket

    from bench.setting import Bench, Target

STEP = 0.01
"""Seconds between two looks at the memory."""
WARM_PAIRS = 20
PAIRS = 200
MANY = 1000
STALLED = 8
STALL_SECONDS = 3.0
SETTLE_SECONDS = 1.0


class Watch:
    """The highest resident memory of a proxy while the block lasts."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)
        self.before = self.peak = target.rss

    def _look(self) -> None:
        while not self._done.wait(STEP):
            self.peak = max(self.peak, self._target.rss)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.peak = max(self.peak, self._target.rss)


def _settled(target: Target) -> int:
    """Return the resident memory once it has stood still for a moment."""
    seen = target.rss
    for _ in range(10):
        time.sleep(SETTLE_SECONDS / 2)
        now = target.rss
        if abs(now - seen) < 65_536:
            return now
        seen = now
    return seen


def _download(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        for path in ("/1k", "/64k"):
            own_client("stream", stream.Task(bench.route(target, path)), stream.Report, seconds=30.0)
        with Watch(target) as watch:
            task = stream.Task(bench.route(target, "/100m"))
            report = own_client("stream", task, stream.Report, seconds=60.0)
        after = _settled(target)
    figures = {
        "growth MB": (watch.peak - watch.before) / 1e6,
        "kept MB": (after - watch.before) / 1e6,
        "MB/s": report.bytes / report.seconds / 1e6,
        "first byte ms": report.first_byte_ms,
    }
    return Sample(figures, {}, OWN)


def _get(sock: socket.socket, route: Route, size: int = 1024) -> None:
    """Ask for a body of `size` bytes and read it."""
    sock.sendall(route.head())
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < size:
        piece = sock.recv(65_536)
        if not piece:
            raise BenchError("the proxy closed a connection that should stay idle")
        data += piece


def _stalled(bench: Bench, side: str) -> Sample:
    context = client_context()
    with bench.running(side) as target, contextlib.ExitStack() as stack:
        for _ in range(STALLED):
            with dial(bench.route(target, "/64k"), context) as sock:
                _get(sock, bench.route(target, "/64k"), 65_536)
        with Watch(target) as watch:
            for _ in range(STALLED):
                sock = stack.enter_context(dial(bench.route(target, "/100m"), context))
                sock.sendall(bench.route(target, "/100m").head())
            time.sleep(STALL_SECONDS)
    return Sample({"growth MB": (watch.peak - watch.before) / 1e6}, {}, OWN)


def _idle(bench: Bench, side: str, count: int = PAIRS) -> Sample:
    context = client_context()
    with bench.running(side) as target, contextlib.ExitStack() as stack:
        route = bench.route(target, "/1k")

        def pairs(count: int) -> int:
            for _ in range(count):
                sock = stack.enter_context(dial(route, context))
                _get(sock, route)
            return _settled(target)

        before = pairs(WARM_PAIRS)
        after = pairs(count)
    return Sample({"KiB a pair": (after - before) / count / 1024}, {}, OWN)


def _many_idle(bench: Bench, side: str) -> Sample:
    return _idle(bench, side, MANY)


LANES = (
    Lane(
        "rss-100mb",
        "Memory growth of a 100 MB download through interception",
        "Resident memory of the proxy and its children each 10 ms; growth is the peak minus what it was "
        "after two small downloads. Kept is what is left a moment later.",
        _download,
        (Goal("growth MB", Relation.ALONE, 16, 4, less=True),),
        sides=(OURS, PEER),
    ),
    Lane(
        "idle-pair",
        "Memory of an idle pair of connections (client + upstream, TLS on both)",
        f"{PAIRS} intercepted connections, one request each, then silence, after {WARM_PAIRS} that warm up; "
        "growth of the resident memory, divided. Kernel buffers are not in it.",
        _idle,
        (Goal("KiB a pair", Relation.ALONE, 80, 60, less=True),),
        sides=(OURS, PEER),
    ),
    Lane(
        "idle-1000",
        f"Memory of an idle pair, of {MANY:,} that are open",
        f"The same with {MANY:,} connections.",
        _many_idle,
        (Goal("KiB a pair", Relation.ALONE, 80, 60, less=True),),
        sides=(OURS, PEER),
    ),
    Lane(
        "h1-stalled",
        "Memory while the readers of HTTP/1.1 responses stall",
        f"{STALLED} intercepted connections ask for 100 MB each and take nothing of it for "
        f"{STALL_SECONDS:g} s. Growth is the peak of the proxy's resident memory minus what it was after as "
        "many responses of 64 KiB.",
        _stalled,
        (Goal("growth MB", Relation.ALONE, 16, 4, less=True),),
        sides=(OURS, PEER),
    ),
)
