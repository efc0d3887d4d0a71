"""Reading 100,000 messages of one flow back, as the app does when the flow is opened."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

from bench.lane import OURS, Goal, Lane, Relation, Sample
from soth_mitm.clock import SystemClock
from soth_mitm.config import Limits
from soth_mitm.model import events as e
from soth_mitm.net.loops import run
from soth_mitm.record.bus import Bus
from soth_mitm.record.store import Store

if TYPE_CHECKING:
    from bench.setting import Bench

MESSAGES = 100_000
PAGE = 40


async def _read() -> dict[str, float]:
    bus = Bus(SystemClock())
    store = Store.live(bus, run_id="bench", limits=Limits())
    bus.publish(e.FlowOpened(e.FlowKind.HTTP, "https", "a.test", 443, "127.0.0.1:5000"), 1, 1, 1)
    bus.publish(e.MessagesStarted(e.Direction.RESPONSE, e.MessageForm.WEBSOCKET), 1, 1, 2)
    for number in range(1, MESSAGES + 1):
        data = b'{"type":"text_delta","index":0,"text":"word %d"}' % number
        bus.publish(e.MessageSeen(e.Direction.RESPONSE, number, "text", len(data), data), 1, 1, number + 2)
    store.catch_up()
    log, before = store.messages(1), psutil.Process().memory_info().rss
    begin, first, late, ended = time.perf_counter(), 0.0, 0.0, False

    def begun() -> None:
        nonlocal first
        first = time.perf_counter() - begin

    async def beat() -> None:
        nonlocal late
        while not ended:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            late = max(late, time.perf_counter() - due)

    async def read() -> None:
        nonlocal ended
        await log.refresh(begun)
        ended = True

    await asyncio.gather(beat(), read())
    whole = time.perf_counter() - begin
    begin = time.perf_counter()
    await log.details(range(MESSAGES - PAGE, MESSAGES))
    page = time.perf_counter() - begin
    grown = psutil.Process().memory_info().rss - before
    await store.close()
    return {
        "first ms": (first + page) * 1e3,
        "all ms": whole * 1e3,
        "page ms": page * 1e3,
        "max late ms": late * 1e3,
        "RSS growth MB": grown / 1e6,
    }


def _measure(bench: Bench, side: str) -> Sample:
    return Sample(run(_read()))


LANES = (
    Lane(
        "messages-100k",
        "Opening a flow of 100,000 messages",
        f"In this process, no network: {MESSAGES:,} messages of 48 bytes of one flow, recorded in memory, "
        f"read back as the app does: until there is something to see, and the start of {PAGE} payloads, "
        "until all are there; how late a timer of 1 ms came at most; what the memory grew by.",
        _measure,
        (Goal("first ms", Relation.ALONE, 300, less=True),),
        sides=(OURS,),
    ),
)
