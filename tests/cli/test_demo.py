"""The stage of the demo around a real proxy: what it shows, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil  # type: ignore[import-untyped]
import pytest

from soth_mitm.cli.demo import content
from soth_mitm.cli.demo.client import Ask
from soth_mitm.cli.demo.stage import Stage
from soth_mitm.core import Proxy
from soth_mitm.model.events import (
    Body,
    BodyChunk,
    DialFailed,
    Event,
    FlowBound,
    FlowClosed,
    FlowKind,
    FlowOpened,
    MessageSeen,
    Notice,
    RequestEnd,
    RequestHead,
    ResponseEnd,
    ResponseHead,
    ResponseInfo,
    Side,
    TlsFailed,
)
from soth_mitm.model.reasons import CloseReason
from tests.helpers import invariants
from tests.helpers.net import loop_factories
from tests.helpers.wire import eventually

FLOWS = 180
"""More than two decks of the script, so that every sort has come and connections were used again."""
PACE = 0.1
RATE = 60.0

B = TypeVar("B", bound=Body)


class Flow:
    """The events of one flow."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def all(self, kind: type[B]) -> list[B]:
        return [event.body for event in self.events if isinstance(event.body, kind)]

    def one(self, kind: type[B]) -> B | None:
        found = self.all(kind)
        return found[0] if found else None

    @property
    def opened(self) -> FlowOpened:
        return self.all(FlowOpened)[0]

    @property
    def reason(self) -> str:
        return self.all(FlowClosed)[0].reason

    @property
    def status(self) -> int:
        head = self.one(ResponseHead)
        return head.status if head is not None else 0

    def says(self, field: bytes) -> bool:
        head = self.one(ResponseHead)
        # HTTP/2 has its names in lower case.
        return head is not None and field.lower() in head.raw.lower()


class Show(NamedTuple):
    """What was seen and what was left."""

    events: list[Event]
    flows: dict[int, Flow]
    unanswered: list[tuple[Ask, str]]
    faults: list[str]
    internal_errors: int
    tasks: set[str]
    sockets: set[tuple[object, ...]]
    directory: Path


def sockets() -> set[tuple[object, ...]]:
    return {(each.fd, each.laddr, each.raddr) for each in psutil.Process().net_connections("tcp")}


async def play() -> Show:
    """Run the stage until enough flows have ended, then clear it away."""
    events: list[Event] = []
    before = sockets()
    async with Stage(pace=PACE) as stage:
        config = stage.config()
        proxy = Proxy(config, resolver=stage.resolver)
        proxy.bus.attach(events.append)
        ended = asyncio.Event()
        left = FLOWS

        def count(event: Event) -> None:
            nonlocal left
            left -= isinstance(event.body, FlowClosed)
            if left <= 0:
                ended.set()

        proxy.bus.attach(count)
        async with proxy:
            await stage.start_traffic(proxy.addresses[0], proxy.ca.certificate_path, rate=RATE)
            async with asyncio.timeout(30):
                await ended.wait()
            await stage.stop_traffic()
        internal_errors = proxy.counters.hits.get("internal_errors", 0)
    await eventually(lambda: not sockets() - before, "the end of all sockets")
    flows: dict[int, Flow] = defaultdict(Flow)
    for event in events:
        if event.flow:
            flows[event.flow].events.append(event)
    assert stage.traffic is not None
    return Show(
        events,
        flows,
        stage.traffic.unanswered,
        stage.faults,
        internal_errors,
        tasks={task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()},
        sockets=sockets() - before,
        directory=Path(config.upstream_roots).parent,
    )


LOOPS = loop_factories()


@pytest.fixture(scope="module", params=list(LOOPS))
def show(request: pytest.FixtureRequest) -> Show:
    """One performance, looked at by all tests; once on each loop."""
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        return runner.run(play())


def failed_tls(flow: Flow, side: Side) -> str:
    failure = flow.one(TlsFailed)
    return failure.failure.reason if failure is not None and failure.side is side else ""


def grpc(flow: Flow) -> tuple[bytes, int, bytes]:
    """Return the method, the messages and the status of a call of gRPC."""
    head, answer, end = flow.one(RequestHead), flow.one(ResponseHead), flow.one(ResponseEnd)
    if head is None or answer is None or end is None:
        return b"", 0, b""
    status = (answer.raw + end.trailers).partition(b"grpc-status: ")[2]
    return head.path or head.target, len(flow.all(MessageSeen)), status[:1]


def streamed(flow: Flow, kind: bytes) -> bool:
    return flow.says(kind) and len(flow.all(BodyChunk)) > 10 and flow.reason == CloseReason.COMPLETED


SORTS: dict[str, Callable[[Flow], bool]] = {
    **{
        str(status): lambda flow, status=status: flow.status == status  # type: ignore[misc]
        for status in (101, 200, 201, 204, 206, 301, 304, 404, 500, 502)
    },
    "100 asked for": lambda flow: any(info.status == 100 for info in flow.all(ResponseInfo)),
    "103": lambda flow: any(info.status == 103 for info in flow.all(ResponseInfo)),
    "HEAD": lambda flow: any(head.method == b"HEAD" for head in flow.all(RequestHead)) and flow.status == 200,
    "OPTIONS": lambda flow: any(head.method == b"OPTIONS" for head in flow.all(RequestHead)),
    "gzip": lambda flow: flow.says(b"Content-Encoding: gzip"),
    "br": lambda flow: flow.says(b"Content-Encoding: br"),
    "picture": lambda flow: flow.says(b"image/png"),
    "events": lambda flow: streamed(flow, b"text/event-stream"),
    "lines of JSON": lambda flow: streamed(flow, b"application/x-ndjson"),
    "left in the middle": lambda flow: (
        flow.says(b"text/event-stream") and flow.reason == CloseReason.CLIENT_CLOSED
    ),
    "a chat that was closed in order": lambda flow: (
        flow.opened.host == content.CHAT
        and flow.reason == CloseReason.WEBSOCKET_COMPLETED
        and {"text", "ping", "pong", "close"} == {seen.label for seen in flow.all(MessageSeen)}
    ),
    "rates that were left in order": lambda flow: (
        flow.opened.host == content.RATES and flow.all(FlowClosed)[0].detail.startswith("1001")
    ),
    "a call": lambda flow: grpc(flow) == (b"/shop.cart.v1.Cart/Add", 2, b"0"),
    "a call of a stream": lambda flow: grpc(flow) == (b"/shop.cart.v1.Cart/Watch", 16, b"0"),
    "a call that failed": lambda flow: grpc(flow) == (b"/shop.cart.v1.Cart/Add", 1, b"5"),
    "large download": lambda flow: any(end.body_bytes > 2_000_000 for end in flow.all(ResponseEnd)),
    "upload": lambda flow: any(end.body_bytes > 1_000 for end in flow.all(RequestEnd)),
    "trailers of a request": lambda flow: any(b"X-Rows: 200" in end.trailers for end in flow.all(RequestEnd)),
    "trailers of a response": lambda flow: any(
        b"X-Rows: 400" in end.trailers for end in flow.all(ResponseEnd)
    ),
    "plain HTTP": lambda flow: flow.opened.scheme == "http" and flow.status == 200,
    "expired certificate": lambda flow: (
        failed_tls(flow, Side.UPSTREAM) == "certificate_expired"
        and flow.status == 502
        and flow.opened.host == content.EXPIRED
    ),
    "CA refused by the client": lambda flow: failed_tls(flow, Side.CLIENT) == "client_rejected_ca",
    "tunnel": lambda flow: (
        flow.opened.flow_kind is FlowKind.TUNNEL
        and flow.opened.host == content.TUNNELLED
        and flow.all(FlowClosed)[0].from_upstream > 1_000
    ),
    "blocked": lambda flow: flow.reason == CloseReason.BLOCKED and flow.opened.host == content.BLOCKED,
    "refused by the upstream": lambda flow: any(
        failure.code == "connect_refused" for failure in flow.all(DialFailed)
    ),
    "an AWS event stream": lambda flow: streamed(flow, b"vnd.amazon.eventstream"),
    "a WebSocket to a model": lambda flow: (
        flow.opened.host == content.LLM and flow.reason == CloseReason.WEBSOCKET_COMPLETED
    ),
    "a call of a tool by MCP": lambda flow: flow.says(b"Mcp-Session-Id") and bool(flow.all(MessageSeen)),
    "connection used again": lambda flow: any(bound.reused for bound in flow.all(FlowBound)),
}


@pytest.mark.parametrize("sort", SORTS)
def test_every_sort_of_row_occurs(show: Show, sort: str) -> None:
    assert any(SORTS[sort](flow) for flow in show.flows.values())


def test_the_stream_keeps_its_promises_and_everything_ends(show: Show) -> None:
    invariants.check(show.events)
    assert len(show.flows) >= FLOWS


def test_neither_the_stage_nor_the_proxy_has_a_fault(show: Show) -> None:
    notices = [event.body for event in show.events if isinstance(event.body, Notice)]
    assert show.faults == []
    assert [notice for notice in notices if notice.level == "error"] == []
    assert show.internal_errors == 0


def test_only_what_is_meant_to_fail_is_left_unanswered(show: Show) -> None:
    hosts = {ask.site.host for ask, _ in show.unanswered}
    assert hosts == {content.PINNED, content.BLOCKED, content.DOWN}


def test_several_clients_are_at_work_at_the_same_time(show: Show) -> None:
    heads = [head.raw for flow in show.flows.values() for head in flow.all(RequestHead)]
    agents = {line for raw in heads for line in raw.split(b"\r\n") if line.lower().startswith(b"user-agent:")}
    assert len(agents) >= 6
    open_now = most = 0
    for event in show.events:
        open_now += isinstance(event.body, FlowOpened) - isinstance(event.body, FlowClosed)
        most = max(most, open_now)
    assert most >= 4


def test_nothing_is_left_behind(show: Show) -> None:
    assert show.tasks == set()
    assert show.sockets == set()
    assert not show.directory.exists()


async def test_a_proxy_that_is_gone_leaves_requests_unanswered_and_nothing_else(tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        gone = stage.resolver("nobody.test", 443)[0]
        await stage.start_traffic(gone, Path(stage.config().upstream_roots), rate=2_000)
        traffic = stage.traffic
        assert traffic is not None
        await eventually(lambda: len(traffic.unanswered) == 100, "many requests without an answer")
        await stage.stop_traffic()
        assert (traffic.answered, stage.faults) == (0, [])


async def test_the_stage_can_be_stopped_in_the_middle_of_everything_and_twice(tmp_path: Path) -> None:
    async with Stage(tmp_path / "conf") as stage, Proxy(stage.config(), resolver=stage.resolver) as proxy:
        await stage.start_traffic(proxy.addresses[0], proxy.ca.certificate_path, rate=500)
        traffic = stage.traffic
        assert traffic is not None
        await eventually(lambda: traffic.answered >= 3, "some answers")
        await stage.stop()
        await stage.stop()
        assert stage.faults == []
    assert os.listdir(tmp_path) == ["conf"]


async def test_what_is_given_to_the_settings_comes_before_what_the_stage_needs(tmp_path: Path) -> None:
    async with Stage(tmp_path) as stage:
        config = stage.config(tunnel=["a.test"], block=["b.test"], listen_port=1234, insecure=True)
        assert config.tunnel == ("a.test", content.TUNNELLED)
        assert config.block == ("b.test", content.BLOCKED)
        assert (config.listen_port, config.insecure, config.confdir) == (1234, True, str(tmp_path))


@pytest.mark.parametrize(
    "host", ["example.com", "192.0.2.1", "2001:db8::1", "localhost", "api.shop.test.evil.com"]
)
async def test_no_name_leads_off_the_machine(tmp_path: Path, host: str) -> None:
    async with Stage(tmp_path) as stage:
        for port in (80, 443, 8080):
            ((address, at),) = stage.resolver(host, port)
            assert address == "127.0.0.1"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(address, at)
