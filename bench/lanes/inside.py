"""What the parts of an exchange cost on the loop, measured in this process without any network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.lane import OURS, Lane, Sample
from soth_mitm.config import Limits
from soth_mitm.export.lines import TextPrinter
from soth_mitm.model import events as e
from soth_mitm.net.loops import run
from soth_mitm.proto.http1 import RequestReader, ResponseReader
from soth_mitm.record.bus import Bus
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rows import RowFold
from soth_mitm.record.target import MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.setting import Bench

EXCHANGES = 2_000
BATCHES = 5
REQUEST = (
    b"GET /1k HTTP/1.1\r\nHost: 127.0.0.1:8443\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip, br\r\nCookie: session=0123456789abcdef\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nDate: Tue, 24 Nov 2026 10:00:00 GMT\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n"
    b'ETag: "6740f0e0-400"\r\nAccept-Ranges: bytes\r\n\r\n'
)
BODY = bytes(range(256)) * 4


def _publish(bus: Bus, flow: int) -> None:
    """Publish the eight events of one intercepted GET, as the drivers do."""
    publish, wire = bus.publish, len(RESPONSE) + len(BODY)
    opened = e.FlowOpened(e.FlowKind.HTTP, "https", "127.0.0.1", 8443, "127.0.0.1:50000", True)
    publish(opened, 1, flow, 1)
    publish(e.RequestHead(b"GET", b"/1k", "1.1", REQUEST, b"/1k"), 1, flow, 2)
    publish(e.FlowBound(1, 2, True, "127.0.0.1:8443"), 1, flow, 3)
    publish(e.RequestEnd(0, len(REQUEST)), 1, flow, 4)
    publish(e.ResponseHead(200, b"OK", "1.1", RESPONSE, b"application/octet-stream"), 1, flow, 5)
    publish(e.BodyChunk(e.Direction.RESPONSE, 0, len(BODY), BODY), 1, flow, 6)
    publish(e.ResponseEnd(len(BODY), wire), 1, flow, 7)
    publish(e.FlowClosed("completed", "", len(REQUEST), wire), 1, flow, 8)


def _each(step: Callable[[int], None], start: int) -> float:
    """Return the microseconds that one of `EXCHANGES` steps takes."""
    begin = time.perf_counter()
    for number in range(start, start + EXCHANGES):
        step(number)
    return (time.perf_counter() - begin) / EXCHANGES * 1e6


def _best(step: Callable[[int], None]) -> float:
    """Return the lowest of several measurements, the one that was disturbed least."""
    return min(_each(step, batch * EXCHANGES + 1) for batch in range(BATCHES))


def _plain() -> float:
    bus = Bus()
    return _best(lambda flow: _publish(bus, flow))


def _folded() -> float:
    bus, fold = Bus(), RowFold()

    def sink(event: e.Event) -> None:
        fold.apply(event)

    bus.attach(sink)
    return _best(lambda flow: _publish(bus, flow))


def _printed() -> float:
    bus = Bus()
    bus.attach(TextPrinter(lambda line: None, fold=RowFold()))
    return _best(lambda flow: _publish(bus, flow))


async def _recorded() -> float:
    """Return the cost with a recorder, whose writer gets its turn between the measurements."""
    bus, times = Bus(), []
    recorder = Recorder(bus, MemoryTarget(), run_id="bench", limits=Limits(), keep_bytes=64 * 1024 * 1024)
    for batch in range(BATCHES):
        times.append(_each(lambda flow: _publish(bus, flow), batch * EXCHANGES + 1))
        await recorder.flush()
    await recorder.close()
    return min(times)


def _requests() -> float:
    reader = RequestReader()

    def step(_: int) -> None:
        reader.receive(REQUEST)
        reader.next_message()

    return _best(step)


def _responses() -> float:
    reader, message = ResponseReader(), RESPONSE + BODY

    def step(_: int) -> None:
        reader.begin(b"GET")
        reader.receive(message)

    return _best(step)


def _measure(bench: Bench, side: str) -> Sample:
    published = _plain()
    figures = {
        "publish us": published,
        "record us": run(_recorded()) - published,
        "fold us": _folded() - published,
        "fold and line us": _printed() - published,
        "request head us": _requests(),
        "response us": _responses(),
    }
    return Sample(figures, note="each per exchange, above the bare publish")


LANES = (
    Lane(
        "inside",
        "What the parts of an exchange cost on the loop",
        f"In this process, no network: the eight events of one intercepted GET published on a bus nobody "
        "listens to; the same with a recorder into memory, with the row fold, and with the row fold and the "
        "line of --dump, each less the first; the HTTP/1.1 reader for one request head and for one response "
        f"of 1 KiB. Best of {BATCHES} batches of {EXCHANGES:,}.",
        _measure,
        sides=(OURS,),
    ),
)
