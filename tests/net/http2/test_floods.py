"""Clients that make work for nothing: their connection ends with ENHANCE_YOUR_CALM, a row and a count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes

from soth_mitm.model.events import FlowClosed, GoneAway, GuardTripped, LimitReached
from soth_mitm.model.limits import OF_CODE
from soth_mitm.model.reasons import CloseReason
from tests.helpers.h2peer import GET, H2Link, Peer, get, h2_link
from tests.helpers.net import Lab

HEAD = bytes([0x82, 0x87, 0x84]) + b"\x41\x09site.test"
"""GET https://site.test/"""


def _rapid_reset(client: Peer) -> None:
    for number in range(1, 101, 2):
        client.raw(0x1, 0x5, number, HEAD)
        client.raw(0x3, 0, number, (8).to_bytes(4, "big"))


def _made_you_reset(client: Peer) -> None:
    for number in range(1, 101, 2):
        client.raw(0x1, 0x4, number, HEAD)
        client.raw(0x8, 0, number, (0).to_bytes(4, "big"))


def _pings(client: Peer) -> None:
    for _ in range(60):
        client.raw(0x6, 0, 0, b"12345678")


def _settings(client: Peer) -> None:
    for _ in range(60):
        client.raw(0x4, 0, 0)


def _empty_frames(client: Peer) -> None:
    client.raw(0x1, 0x4, 1, HEAD)
    for _ in range(60):
        client.raw(0x0, 0, 1)


def _continuations(client: Peer) -> None:
    client.raw(0x1, 0x0, 1, HEAD)
    for _ in range(60):
        client.raw(0x9, 0x0, 1, b"\x00\x01a\x01b")


def _header_block(client: Peer) -> None:
    client.raw(0x1, 0x0, 1, HEAD)
    for _ in range(8):
        client.raw(0x9, 0x0, 1, b"\x00" * 16_384)


def _priorities(client: Peer) -> None:
    for _ in range(60):
        client.raw(0x2, 0, 1, b"\x00\x00\x00\x00\x10")


def _unknown_frames(client: Peer) -> None:
    for _ in range(60):
        client.raw(0xBB, 0, 0, b"?")


def _window_updates(client: Peer) -> None:
    for _ in range(1100):
        client.raw(0x8, 0, 0, (1).to_bytes(4, "big"))


FLOODS: dict[str, Callable[[Peer], None]] = {
    "rapid_reset": _rapid_reset,
    "stream_error_flood": _made_you_reset,
    "ping_flood": _pings,
    "settings_flood": _settings,
    "empty_frame_flood": _empty_frames,
    "continuation_flood": _continuations,
    "header_block_too_large": _header_block,
    "idle_frame_flood": _priorities,
    "window_update_flood": _window_updates,
}
LIMITS = {
    "h2_resets": 20,
    "h2_errors": 20,
    "h2_pings": 20,
    "h2_settings": 20,
    "h2_empty_frames": 20,
    "h2_continuations": 20,
    "h2_other_frames": 20,
    "h2_header_block_bytes": 100_000,
}


async def calmed(lab: Lab, link: H2Link, reason: str) -> None:
    """Wait for the end of the connection, and check what is told of it."""
    await link.client.wire.until((ErrorCodes.ENHANCE_YOUR_CALM).to_bytes(4, "big") + reason.encode())
    await link.client.wire.closed()
    await lab.settled()
    limit = OF_CODE.get(reason, reason)
    assert lab.running.counters.hits[limit] == 1
    assert (await lab.one(LimitReached)).name == limit
    assert reason in [tripped.code for tripped in lab.all(GuardTripped)]
    assert (await lab.one(GoneAway)).code == "ENHANCE_YOUR_CALM"
    assert lab.all(FlowClosed)[-1].reason == CloseReason.LIMIT_REACHED


@pytest.mark.parametrize("reason", FLOODS)
async def test_a_flood_ends_the_connection(lab: Lab, reason: str) -> None:
    await lab.start(limits=LIMITS)
    link = await h2_link(lab)
    FLOODS[reason](link.client)
    await calmed(lab, link, reason)


async def test_frames_of_extensions_pass_until_they_are_a_flood(lab: Lab) -> None:
    await lab.start(limits=LIMITS)
    link = await h2_link(lab)
    for _ in range(10):
        link.client.raw(0xBB, 0, 0, b"?")
    stream, server, number = await link.request()
    server.answer(number)
    assert (await link.client.message(stream)).body == b"ok"
    _unknown_frames(link.client)
    await calmed(lab, link, "idle_frame_flood")


async def test_streams_beyond_the_limit_are_refused_and_the_others_go_on(lab: Lab) -> None:
    await lab.start(limits={"h2_max_streams": 2})
    link = await h2_link(lab)
    first, server, number = await link.request(get(b"/1"))
    await link.request(get(b"/2"))
    third = link.client.conn.get_next_available_stream_id()
    link.client.raw(0x1, 0x5, third, HEAD)
    await link.client.wire.until(b"\x00\x00\x04\x03\x00" + third.to_bytes(4, "big") + b"\x00\x00\x00\x07")
    server.answer(number)
    await link.client.wire.until(b"ok")
    assert lab.running.counters.hits["h2_max_streams"] == 2
    assert (await lab.one(LimitReached)).name == "h2_max_streams"
    assert (await lab.one(GuardTripped)).code == "h2_max_streams"
    assert first == 1


async def test_a_head_over_the_limit_is_a_431(lab: Lab) -> None:
    await lab.start(limits={"max_head_bytes": 8192})
    link = await h2_link(lab)
    stream = link.client.ask([*GET, *[(b"x-%d" % number, b"v" * 100) for number in range(100)]])
    await link.client.until(lambda: link.client.messages[stream].head, "the answer")
    assert dict(link.client.messages[stream].head)[b":status"] == b"431"
    good, server, number = await link.request()
    server.answer(number)
    assert (await link.client.message(good)).body == b"ok"
    assert (await lab.one(GuardTripped)).code == "header_too_large"


async def test_an_upstream_that_floods_ends_its_streams_alone(lab: Lab) -> None:
    await lab.start(limits=LIMITS)
    link = await h2_link(lab)
    stream, server, _ = await link.request()
    for _ in range(60):
        server.raw(0x6, 0, 0, b"12345678")
    assert dict((await link.client.message(stream)).head)[b":status"] == b"502"
    assert lab.running.counters.hits["h2_pings"] == 1
