"""`header:` and `body:` over many flows: what is found, how soon, and how soon it stops."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import perf_counter

import pytest

from soth_mitm.clock import ManualClock
from soth_mitm.config import Limits
from soth_mitm.model import events as e
from soth_mitm.policy.filters import DeepTerm, Scope, SideOf
from soth_mitm.record.bus import Bus
from soth_mitm.record.deep import DeepSearch, Progress
from soth_mitm.record.livestore import LiveStore
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.spill import open_spill
from soth_mitm.record.store import Store
from soth_mitm.record.target import FileTarget

REQUEST, RESPONSE = e.Direction.REQUEST, e.Direction.RESPONSE
TYPE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def has(scope: Scope, pattern: bytes, side: SideOf = SideOf.EITHER) -> DeepTerm:
    return DeepTerm(scope, side, pattern)


class Traffic:
    """Publishes exchanges on a bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.flows = 0

    def exchange(self, body: bytes, *, coding: bytes = b"", header: bytes = b"", sent: bytes = b"") -> int:
        """Publish one exchange with a response body; return its flow."""
        self.flows += 1
        head = TYPE + (b"Content-Encoding: " + coding + b"\r\n" if coding else b"") + header + b"\r\n"
        raw = b"POST / HTTP/1.1\r\nHost: example.com\r\n\r\n"
        events: list[e.Body] = [
            e.FlowOpened(e.FlowKind.HTTP, "http", "example.com", 80, "127.0.0.1:1", False),
            e.RequestHead(b"POST", b"/", "HTTP/1.1", raw, b"/"),
            *([e.BodyChunk(REQUEST, 0, len(sent), sent)] if sent else []),
            e.RequestEnd(len(sent), len(sent)),
            e.ResponseHead(200, b"OK", "HTTP/1.1", head, b"text/plain", coding),
        ]
        for number, event in enumerate(events, 1):
            self._bus.publish(event, 1, self.flows, number)
        self.more(self.flows, body, end=True)
        return self.flows

    def more(self, flow: int, body: bytes, *, at: int = 0, end: bool = False) -> None:
        """Publish more of a response body."""
        for start in range(0, len(body), 65536):
            piece = body[start : start + 65536]
            self._bus.publish(e.BodyChunk(RESPONSE, at + start, len(piece), piece), 1, flow, 10)
        if end:
            self._bus.publish(e.ResponseEnd(at + len(body), at + len(body)), 1, flow, 11)
            self._bus.publish(e.FlowClosed("completed"), 1, flow, 12)


class Searched:
    """A live store, traffic in it, and a search over it."""

    def __init__(self, root: Path | None, **limits: int) -> None:
        self.clock = ManualClock()
        bus = Bus(self.clock)
        spill = open_spill("run-1", limits=Limits(), root=root) if root is not None else None
        self.store: LiveStore = Store.live(bus, run_id="run-1", limits=Limits(), spill=spill)
        self.traffic = Traffic(bus)
        self.deep = DeepSearch(self.store, limits=Limits(**limits))

    async def found(self, *terms: DeepTerm) -> list[int]:
        """Return the flows of which every term is true, the newest first."""
        flows = range(self.traffic.flows, 0, -1)
        answers = dict(await self.deep.answers(flows, terms))
        assert set(answers) == set(flows)
        return [flow for flow in flows if all(answers[flow])]


Make = Callable[..., Searched]


@pytest.fixture(params=["spill", "memory"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Searched] = []

    def one(**limits: int) -> Searched:
        made.append(Searched(tmp_path if request.param == "spill" else None, **limits))
        return made[-1]

    yield one
    for each in made:
        each.deep.close()
        await each.store.close()


async def test_heads_and_bodies_of_either_side_are_searched(make: Make) -> None:
    searched = make()
    exchange = searched.traffic.exchange
    one = exchange(b"nothing", header=b"X-Trace: abc\r\n")
    two = exchange(gzip.compress(b"the Needle"), coding=b"gzip")
    three = exchange(b"", sent=b"a needle that was sent")
    assert await searched.found(has(Scope.HEADER, b"x-trace: a")) == [one]
    assert await searched.found(has(Scope.BODY, b"needle")) == [three, two]
    assert await searched.found(has(Scope.BODY, b"needle", SideOf.RESPONSE)) == [two]
    assert await searched.found(has(Scope.BODY, b"needle"), has(Scope.HEADER, b"gzip")) == [two]


async def test_a_match_across_chunks_and_windows_is_found(make: Make) -> None:
    searched = make()
    flow = searched.traffic.exchange(b"x" * (256 * 1024 - 3) + b"needle" + b"x" * 100_000)
    assert await searched.found(has(Scope.BODY, b"needle")) == [flow]


async def test_a_bomb_is_searched_up_to_the_limit(make: Make) -> None:
    searched = make(search_body_bytes=1_000_000)
    searched.traffic.exchange(zlib.compress(b"\0" * 30_000_000 + b"needle"), coding=b"deflate")
    assert await searched.found(has(Scope.BODY, b"needle")) == []


async def test_a_flow_that_changed_is_asked_again_and_no_other(make: Make) -> None:
    searched = make()
    searched.traffic.exchange(b"one")
    old = searched.traffic.exchange(b"two")
    searched.traffic.more(old, b"")
    term = has(Scope.BODY, b"needle")
    assert await searched.found(term) == []
    asked: list[int] = []
    original = searched.deep._hand_over

    async def watched(candidates: list) -> None:  # type: ignore[type-arg]
        asked.extend(candidate.flow for candidate in candidates)
        await original(candidates)

    searched.deep._hand_over = watched  # type: ignore[method-assign]
    new = searched.traffic.exchange(b"the needle")
    assert await searched.found(term) == [new]
    assert asked == [new]


async def test_a_flow_that_streams_is_found_once_what_is_looked_for_has_come(make: Make) -> None:
    searched = make()
    bus_flow = searched.traffic.exchange(b"begin")
    assert await searched.found(has(Scope.BODY, b"needle")) == []
    streaming = searched.traffic
    streaming.flows += 1
    flow = streaming.flows
    opened = e.FlowOpened(e.FlowKind.HTTP, "http", "example.com", 80, "127.0.0.1:1", False)
    streaming._bus.publish(opened, 1, flow, 1)
    streaming._bus.publish(e.ResponseHead(200, b"OK", "HTTP/1.1", TYPE + b"\r\n"), 1, flow, 2)
    streaming.more(flow, b"first the nee")
    assert await searched.found(has(Scope.BODY, b"needle")) == []
    streaming.more(flow, b"dle", at=13)
    assert await searched.found(has(Scope.BODY, b"needle")) == [flow]
    assert bus_flow == 1


async def test_a_search_that_never_ends_is_cancelled_at_once(make: Make) -> None:
    searched = make()
    searched.traffic.exchange(b"a" * 5000)
    await searched.deep.warm()
    search = searched.deep.search([1], [has(Scope.BODY, b"(a+)+b")])
    started = perf_counter()
    first = await anext(search)
    assert perf_counter() - started < 0.1
    assert first == Progress(0, 1, [])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await anext(search)
    pid, started = searched.deep.lane.pid, perf_counter()
    await search.aclose()
    assert perf_counter() - started < 0.1
    assert await searched.found(has(Scope.BODY, b"aaa")) == [1]
    assert searched.deep.lane.pid not in (0, pid)


async def test_a_file_of_two_runs_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "two.soth"
    for run, body in (("run-1", b"first"), ("run-2", b"needle")):
        bus = Bus(ManualClock())
        recorder = Recorder(bus, FileTarget(path, append=path.exists()), run_id=run, limits=Limits())
        Traffic(bus).exchange(body)
        await recorder.close()
    store = Store.open_dump(path)
    await store.load()
    deep = DeepSearch(store)
    assert dict(await deep.answers([2, 1], [has(Scope.BODY, b"needle")])) == {1: (False,), 2: (True,)}
    deep.close()
    await store.close()
