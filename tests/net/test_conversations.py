"""Random conversations, cut at random points: the same bytes on both ends, and the same events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.model.events import (
    BodyChunk,
    ConnClosed,
    Direction,
    Event,
    FlowBound,
    FlowClosed,
    FlowOpened,
    RequestEnd,
    RequestHead,
    ResponseEnd,
)
from tests.helpers.invariants import story
from tests.helpers.net import Lab, World, loop_factories
from tests.helpers.wire import Wire

TOKEN = st.text("abcXYZ-09", min_size=1, max_size=8).map(str.encode)
VALUE = st.binary(max_size=12).map(
    lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F).strip()
)
FIELDS = st.lists(st.tuples(TOKEN.map(lambda name: b"X-" + name), VALUE), max_size=4)
BODY = st.binary(max_size=300)


@st.composite
def framed(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return the fields of a framing, and the framed body."""
    body = draw(BODY)
    if draw(st.booleans()):
        return b"Content-Length: %d\r\n" % len(body), body
    wire = b""
    at = 0
    while at < len(body):
        size = draw(st.integers(1, 64))
        piece = body[at : at + size]
        extension = draw(st.sampled_from([b"", b";a", b';b="c;d"']))
        wire += (
            draw(st.sampled_from([b"%x", b"%X", b"0%x"])) % len(piece) + extension + b"\r\n" + piece + b"\r\n"
        )
        at += size
    trailers = draw(st.sampled_from([b"", b"X-T: 1\r\n", b"X-T:\xff\r\nx-u: \r\n"]))
    return b"Transfer-Encoding: chunked\r\n", wire + b"0\r\n" + trailers + b"\r\n"


def lines(fields: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%s: %s\r\n" % pair for pair in fields)


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return a request and its response."""
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PURGE"]))
    request_framing, request_body = (b"", b"")
    if method in (b"POST", b"PUT"):
        request_framing, request_body = draw(framed())
    head = b"Host: site.test\r\n" + lines(draw(FIELDS)) + request_framing
    request = method + b" /" + draw(TOKEN) + b" HTTP/1.1\r\n" + head + b"\r\n" + request_body
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" if draw(st.booleans()) else b""
    status = draw(st.sampled_from([200, 204, 304, 404, 500]))
    response_framing, response_body = draw(framed())
    if status in (204, 304):
        response_framing = response_body = b""
    if method == b"HEAD":
        response_body = b""
    start = interim + b"HTTP/1.1 %d Some Reason\r\n" % status
    return request, start + lines(draw(FIELDS)) + response_framing + b"\r\n" + response_body


@st.composite
def cuts(draw: st.DrawFn) -> Callable[[bytes], list[bytes]]:
    """Return a way to cut bytes into pieces."""
    sizes = draw(st.lists(st.integers(1, 120), min_size=1, max_size=8))

    def cut(data: bytes) -> list[bytes]:
        pieces, at, turn = [], 0, 0
        while at < len(data):
            size = sizes[turn % len(sizes)]
            pieces.append(data[at : at + size])
            at, turn = at + size, turn + 1
        return pieces

    return cut


async def send(wire: Wire, pieces: list[bytes]) -> None:
    for piece in pieces:
        wire.send(piece)
        await asyncio.sleep(0)


Cut = Callable[[bytes], list[bytes]]


async def converse(world: World, route: str, talk: Sequence[tuple[bytes, bytes]], cut: Cut) -> list[Event]:
    """Run a conversation through a proxy of its own, insist on every byte, and return its events."""
    lab = Lab(world)
    try:
        await lab.start()
        link = await lab.link(route)
        for request, response in talk:
            await send(link.client, cut(link.wrote(request)))
            server = await link.server()
            await server.same(request)
            await send(server, cut(response))
            await link.client.same(response)
            await lab.settled()
        server = await link.server()
        assert server.unread == link.client.unread == b""
        link.client.close()
    finally:
        await lab.stop()
    return lab.events


def told(events: Sequence[Event]) -> list[list[object]]:
    """Return the story of each flow, without what differs from run to run: clocks and ports."""
    flows = sorted({event.flow for event in events if event.flow})
    stories: list[list[object]] = []
    for flow in flows:
        # The upstream is reached somewhere between the first chunks of a request.
        own = [event for event in events if event.flow == flow]
        stories.append(
            [*story([event for event in own if not isinstance(event.body, FlowOpened | FlowBound)])]
        )
    return stories


def without_port(stories: list[list[object]]) -> list[list[object]]:
    """Drop the raw heads, which name the origin's port in absolute-form."""
    plain: list[list[object]] = []
    for bodies in stories:
        row: list[object] = []
        for body in bodies:
            if isinstance(body, RequestHead):
                row.append((body.method, body.path, body.version, body.content_type))
            elif isinstance(body, RequestEnd | ResponseEnd):
                row.append((type(body).__name__, body.body_bytes, body.trailers))
            elif isinstance(body, FlowClosed | ConnClosed):
                row.append((type(body).__name__, str(body.reason)))
            elif isinstance(body, BodyChunk):
                row.append((body.direction, body.offset, body.length, body.data))
            else:
                row.append(body)
        plain.append(row)
    return plain


@pytest.mark.parametrize("loop", list(loop_factories()))
@pytest.mark.parametrize("route", ["plain", "tls"])
@settings(max_examples=12)
@given(talk=st.lists(exchanges(), min_size=1, max_size=4), cut=cuts())
def test_any_conversation_passes_byte_for_byte_however_it_is_cut(
    world: World, loop: str, route: str, talk: list[tuple[bytes, bytes]], cut: Cut
) -> None:
    def whole(data: bytes) -> list[bytes]:
        return [data]

    with asyncio.Runner(loop_factory=loop_factories()[loop]) as runner:
        cut_up = runner.run(converse(world, route, talk, cut))
        in_one = runner.run(converse(world, route, talk, whole))
    assert without_port(told(cut_up)) == without_port(told(in_one))
    assert len(told(cut_up)) == len(talk)


@pytest.mark.parametrize("loop", list(loop_factories()))
@settings(max_examples=10)
@given(data=st.binary(min_size=1, max_size=400))
def test_random_bytes_to_the_proxy_never_break_it(world: World, loop: str, data: bytes) -> None:
    """Whatever comes in, the stream keeps its promises and no internal error is counted."""

    async def attack() -> None:
        lab = Lab(world)
        try:
            await lab.start(limits={"connect_timeout": 0.2})
            client = await lab.client()
            client.send(data)
            client.finish()
            await client.rest()
        finally:
            await lab.stop()

    with asyncio.Runner(loop_factory=loop_factories()[loop]) as runner:
        runner.run(attack())


@pytest.mark.parametrize("loop", list(loop_factories()))
@settings(max_examples=10)
@given(data=st.binary(min_size=1, max_size=400))
def test_random_bytes_from_the_origin_never_break_it(world: World, loop: str, data: bytes) -> None:
    async def attack() -> None:
        lab = Lab(world)
        try:
            await lab.start()
            link = await lab.link("plain")
            server = await link.pass_request(link.get())
            server.send(data)
            server.close()
            await link.client.rest()
        finally:
            await lab.stop()

    with asyncio.Runner(loop_factory=loop_factories()[loop]) as runner:
        runner.run(attack())


def test_the_pieces_of_a_direction_are_told_apart() -> None:
    """Merging never joins bytes of different directions."""
    chunks = [
        BodyChunk(Direction.REQUEST, 0, 1, b"a"),
        BodyChunk(Direction.REQUEST, 1, 1, b"b"),
        BodyChunk(Direction.RESPONSE, 0, 1, b"c"),
    ]
    events = [Event(number, 1, 1, number, 0, 0, chunk) for number, chunk in enumerate(chunks, 1)]
    assert story(events) == [
        BodyChunk(Direction.REQUEST, 0, 2, b"ab"),
        BodyChunk(Direction.RESPONSE, 0, 1, b"c"),
    ]
