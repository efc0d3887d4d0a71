"""Messages are told numbered, in pieces of at most 64 KiB, within the budgets."""

from __future__ import annotations

import pytest

from soth_mitm.config import Config, Limits
from soth_mitm.model.events import (
    CHUNK_LIMIT,
    Body,
    Direction,
    FlowKind,
    FlowOpened,
    LimitReached,
    MessageChunk,
    MessageForm,
    MessageSeen,
    MessagesStarted,
    MessagesStopped,
    RequestHead,
)
from soth_mitm.net.shared import Shared
from soth_mitm.net.telling import MessageTeller, Numbers
from soth_mitm.record.bus import Bus

REQUEST, RESPONSE = Direction.REQUEST, Direction.RESPONSE


class Told:
    """A flow, and what is told of it."""

    def __init__(self, **limits: int) -> None:
        self.bodies: list[Body] = []
        bus = Bus()
        bus.attach(lambda event: self.bodies.append(event.body))
        self.shared = Shared(Config(limits=Limits(**limits)), bus, None)
        self.flow = self.shared.new_flow(1)
        self.flow.emit(FlowOpened(FlowKind.HTTP, "http", "a.test", 80, "127.0.0.1:1", False))
        self.flow.emit(RequestHead(b"GET", b"/", "HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n", b"/", b""))
        self.numbers = Numbers()
        self.bodies.clear()

    def teller(self, direction: Direction = RESPONSE, *, capture: bool = True) -> MessageTeller:
        return MessageTeller(self.shared, self.flow, self.numbers, direction=direction, capture=capture)

    @property
    def seen(self) -> list[MessageSeen]:
        return [body for body in self.bodies if isinstance(body, MessageSeen)]

    def payload(self, number: int) -> bytes:
        pieces = [b for b in self.bodies if isinstance(b, MessageChunk) and b.number == number]
        offset = 0
        for piece in pieces:
            assert piece.offset == offset
            assert 0 < len(piece.data) <= CHUNK_LIMIT
            offset += len(piece.data)
        (seen,) = [each for each in self.seen if each.number == number]
        assert not (pieces and seen.data)
        return b"".join(piece.data for piece in pieces) + seen.data


async def test_numbers_count_both_directions_together() -> None:
    told = Told()
    there, back = told.teller(REQUEST), told.teller(RESPONSE)
    there.start(MessageForm.WEBSOCKET, "permessage-deflate")
    there.whole("text", b"ask", wire=9)
    back.whole("text", b"answer", note="x")
    there.lies("text", offset=7, size=3)
    assert told.bodies == [
        MessagesStarted(REQUEST, MessageForm.WEBSOCKET, "permessage-deflate"),
        MessageSeen(REQUEST, 1, "text", 3, b"ask", wire=9),
        MessageSeen(RESPONSE, 2, "text", 6, b"answer", note="x"),
        MessageSeen(REQUEST, 3, "text", 3, offset=7),
    ]


@pytest.mark.parametrize("size", [0, 1, CHUNK_LIMIT, CHUNK_LIMIT + 1, 5 * CHUNK_LIMIT, 5 * CHUNK_LIMIT + 3])
@pytest.mark.parametrize("step", [1000, CHUNK_LIMIT, 200_000, 10**9])
async def test_a_long_message_is_told_in_chunks_and_a_short_one_at_once(size: int, step: int) -> None:
    told, data = Told(), bytes(range(256)) * 1281
    data = data[:size]
    teller = told.teller()
    for start in range(0, size, step):
        teller.part(data[start : start + step])
    teller.end("binary")
    assert told.payload(1) == data
    assert (told.seen[0].size, told.seen[0].cut) == (size, False)
    assert bool(told.seen[0].data) == (0 < size <= CHUNK_LIMIT)


async def test_a_message_between_the_parts_of_another_is_told_first() -> None:
    told = Told()
    teller = told.teller()
    teller.part(b"ab")
    teller.whole("ping", b"?")
    teller.part(b"cd")
    teller.end("text", fragments=2)
    assert [(each.label, each.data) for each in told.seen] == [("ping", b"?"), ("text", b"abcd")]


async def test_what_is_longer_than_the_limit_is_told_up_to_it_and_marked() -> None:
    told = Told(message_bytes=100_000)
    teller = told.teller()
    for _ in range(30):
        teller.part(bytes(10_000))
    teller.end("binary")
    teller.whole("binary", b"next")
    first, second = told.seen
    assert (first.size, first.cut, len(told.payload(1))) == (300_000, True, 100_000)
    assert (second.data, second.cut) == (b"next", False)
    assert [b.name for b in told.bodies if isinstance(b, LimitReached)] == ["message_bytes"]


async def test_beyond_the_capture_budget_only_sizes_are_told() -> None:
    told = Told(capture_body_bytes=100_000)
    teller = told.teller()
    teller.whole("text", bytes(60_000))
    teller.whole("text", bytes(150_000))
    teller.whole("text", b"tiny")
    teller.whole("text", b"")
    assert [(each.size, each.cut) for each in told.seen] == [
        (60_000, False),
        (150_000, True),
        (4, True),
        (0, False),
    ]
    assert told.seen[2].data == b""


async def test_without_capture_sizes_and_no_payload_are_told() -> None:
    told = Told()
    teller = told.teller(capture=False)
    teller.whole("message", b"secret", note="id of a secret")
    teller.lies("message", offset=3, size=4, note="id of a secret")
    teller.part(bytes(200_000))
    teller.end("message")
    assert [(s.size, s.data, s.offset, s.note, s.cut) for s in told.seen] == [
        (6, b"", -1, "", False),
        (4, b"", -1, "", False),
        (200_000, b"", -1, "", False),
    ]
    assert not any(isinstance(body, MessageChunk) for body in told.bodies)


async def test_after_a_stop_or_the_end_of_the_flow_nothing_is_told() -> None:
    told = Told()
    stopped, other = told.teller(), told.teller(REQUEST)
    stopped.stop("bad_frame", "a flag of 7")
    stopped.stop("bad_frame", "again")
    stopped.whole("text", b"late")
    assert told.bodies == [MessagesStopped(RESPONSE, "bad_frame", "a flag of 7")]
    told.flow.close("completed")
    other.whole("text", b"late")
    assert told.seen == []


async def test_what_a_message_is_called_holds_nothing_that_a_terminal_obeys() -> None:
    told = Told()
    told.teller().whole("\x1b[31mred", b"", note="\x9b31m" * 1000)
    assert "\x1b" not in told.seen[0].label
    assert "\x9b" not in told.seen[0].note
    assert len(told.seen[0].note) == 200
