"""Messages that are held until somebody has decided, and what the receiver then gets to read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.proto.websocket.extensions import Agreed, DeflateParams
from soth_mitm.proto.websocket.holding import Held, Holder, Sent
from soth_mitm.proto.websocket.reading import Odd, Reading
from tests.proto.websocket.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    LIMIT,
    PING,
    PLAIN,
    PONG,
    RSV1,
    RSV2,
    TEXT,
    Sender,
    frame,
    story,
)


def holder(agreed: Agreed = PLAIN, *, mask: bool = True, limit: int = 1000) -> Holder:
    reading = Reading(agreed, from_client=mask, inflate_bytes=LIMIT, keep_raw=True)
    return Holder(reading, agreed, from_client=mask, limit=limit)


def sent(hold: Holder) -> bytes:
    """Return what goes on until a decision is wanted."""
    out = b""
    while isinstance(step := hold.next(), Sent):
        out += step.data
    return out


def asked(hold: Holder) -> Held:
    step = hold.next()
    assert isinstance(step, Held), step
    return step


def read(wire: bytes, agreed: Agreed = PLAIN, *, mask: bool = True) -> list[tuple[str, bytes]]:
    """Return what the receiver reads, without its form on the wire."""
    reading = Reading(agreed, from_client=mask, inflate_bytes=LIMIT)
    found = story(reading.feed(wire))
    assert reading.reader.error is None, reading.reader.error
    assert reading.reader.between_messages
    return [(str(entry[0]), bytes(entry[1])) for entry in found]  # type: ignore[call-overload]


# --- what waits and what does not


def test_a_message_waits_until_it_is_sent_on_as_it_came() -> None:
    hold = holder()
    wire = frame(TEXT, b"he", fin=False) + frame(CONTINUATION, b"llo")
    hold.feed(wire[:9])
    assert hold.next() is None
    assert hold.idle
    hold.feed(wire[9:])
    idle = []
    held = asked(hold)
    assert held == Held("text", b"hello", wire, 2, False)
    idle.append(hold.idle)
    assert hold.send_on() == wire
    idle.append(hold.idle)
    assert idle == [False, True]


def test_the_next_message_is_asked_about_after_the_one_before() -> None:
    hold = holder()
    hold.feed(frame(TEXT, b"one") + frame(TEXT, b"two"))
    assert asked(hold).data == b"one"
    assert sent(hold) == b""
    hold.drop()
    assert asked(hold).data == b"two"


def test_pings_do_not_wait_and_a_close_does() -> None:
    hold = holder()
    ping, pong, close = frame(PING, b"?"), frame(PONG), frame(CLOSE, b"\x03\xe8")
    hold.feed(
        frame(TEXT, b"held") + ping + frame(TEXT, b"he", fin=False) + pong + frame(CONTINUATION) + close
    )
    assert sent(hold) == ping + pong
    assert hold.asked is not None
    assert hold.send_on() == frame(TEXT, b"held")
    assert sent(hold) == b""
    hold.send_on()
    assert sent(hold) == close


def test_a_ping_keeps_its_place_where_nothing_is_held_and_behind_a_close() -> None:
    hold = holder(limit=10)
    wire = frame(BINARY, b"x" * 100) + frame(PING, b"1") + frame(BINARY, b"y" * 100)
    hold.feed(wire)
    assert sent(hold) == wire
    end = frame(CLOSE) + frame(PING, b"2")
    hold.feed(frame(TEXT, b"held") + end)
    assert sent(hold) == b""
    hold.send_on()
    assert sent(hold) == end


def test_a_ping_never_lands_inside_a_frame() -> None:
    hold = holder(limit=10)
    long = frame(BINARY, b"x" * 100)
    hold.feed(long[:50])
    assert sent(hold) == long[:50]
    hold.feed(long[50:] + frame(PING))
    assert sent(hold) == long[50:] + frame(PING)


def test_a_long_message_passes_as_it_comes_and_is_counted() -> None:
    hold = holder(limit=100)
    wire = frame(TEXT, b"x" * 500, fin=False) + frame(CONTINUATION, b"y" * 500)
    hold.feed(frame(TEXT, b"short") + wire[:300])
    assert asked(hold).data == b"short"
    assert sent(hold) == b""
    hold.send_on()
    assert sent(hold) == wire[:300]
    hold.feed(wire[300:] + frame(TEXT, b"next"))
    assert sent(hold) == wire[300:]
    assert hold.asked is not None
    assert hold.asked.data == b"next"
    assert hold.too_long == 1


def test_empty_fragments_without_end_are_too_long_too() -> None:
    hold = holder(limit=100)
    hold.feed(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 100)
    assert hold.too_long == 1
    assert sent(hold) != b""


def test_reading_should_stop_while_a_decision_is_slow() -> None:
    hold = holder(limit=100)
    hold.feed(frame(TEXT, b"first"))
    asked(hold)
    states = []
    for _ in range(3):
        hold.feed(frame(TEXT, b"x" * 50))
        states.append(hold.full)
    assert states == [False, True, True]
    hold.send_on()
    assert not hold.full


def test_broken_frames_pass_after_what_is_held() -> None:
    hold = holder()
    broken = frame(TEXT, b"broken", bits=RSV2)
    hold.feed(frame(TEXT, b"held") + frame(TEXT, b"cut", fin=False) + broken[:3])
    hold.feed(broken[3:])
    asked(hold)
    assert hold.next() is None
    hold.send_on()
    steps = [step for step in iter(hold.next, None) if isinstance(step, Sent)]
    assert b"".join(step.data for step in steps) == frame(TEXT, b"cut", fin=False) + broken
    assert b"".join(step.data for step in steps if step.opaque) == broken


def test_what_is_odd_is_told_with_its_message() -> None:
    hold = holder()
    hold.feed(frame(TEXT, b"\xff"))
    assert [item.code for item in asked(hold).odd if isinstance(item, Odd)] == ["invalid_utf8"]


def test_an_end_lets_pass_what_arrived_of_a_message() -> None:
    hold = holder()
    wire = frame(TEXT, b"ha", fin=False) + frame(CONTINUATION, b"lf")[:-1]
    hold.feed(wire)
    assert sent(hold) == b""
    hold.end()
    assert sent(hold) == wire


# --- changes


@pytest.mark.parametrize("mask", [True, False])
def test_a_changed_message_is_framed_as_its_side_frames(mask: bool) -> None:
    hold = holder(mask=mask)
    hold.feed(frame(TEXT, b"secret", mask=mask))
    asked(hold)
    assert read(hold.change(b"x" * 70_000), mask=mask) == [("text", b"x" * 70_000)]
    hold.feed(frame(TEXT, b"secret", mask=mask))
    asked(hold)
    assert read(hold.change(b"\x00", label="binary"), mask=mask) == [("binary", b"\x00")]


def test_after_a_changed_message_compressed_ones_are_written_anew() -> None:
    hold, sender = holder(DEFLATE), Sender()
    words = [b"hello " * 9, b"hello " * 9, b"hello " * 9]
    first, second, third = (sender.text(word) for word in words)
    hold.feed(first + second + third)
    asked(hold)
    assert hold.send_on() == first
    asked(hold)
    out = first + hold.change(b"bye " * 9)
    asked(hold)
    last = hold.send_on()
    assert last != third
    assert read(out + last, DEFLATE) == [("text", words[0]), ("text", b"bye " * 9), ("text", words[2])]


def test_an_uncompressed_message_can_be_dropped_without_writing_anew() -> None:
    hold, sender = holder(DEFLATE), Sender()
    first, second = sender.text(b"hello"), sender.text(b"hello")
    hold.feed(first + frame(TEXT, b"plain") + second)
    asked(hold)
    out = hold.send_on()
    asked(hold)
    hold.drop()
    asked(hold)
    assert out + hold.send_on() == first + second


def test_without_takeover_nothing_is_written_anew() -> None:
    agreed = Agreed(DeflateParams(client_takeover=False))
    hold, sender = holder(agreed), Sender(takeover=False)
    first, second = sender.text(b"hello"), sender.text(b"hello")
    hold.feed(first + second)
    asked(hold)
    hold.drop()
    asked(hold)
    assert hold.send_on() == second


def test_a_long_message_after_a_dropped_one_is_written_anew_as_it_comes() -> None:
    hold, sender = holder(DEFLATE, limit=400), Sender()
    text = b"".join(b"%d " % (number * 7919) for number in range(500))
    dropped, long = sender.text(text[:300]), sender.text(text, cuts=[700])
    hold.feed(dropped)
    asked(hold)
    hold.drop()
    out = b""
    for start in range(0, len(long), 100):
        hold.feed(long[start : start + 100])
        out += sent(hold)
    assert read(out, DEFLATE) == [("text", text)]


def test_a_window_that_cannot_be_written_leaves_changes_uncompressed() -> None:
    agreed = Agreed(DeflateParams(client_bits=8))
    hold = holder(agreed)
    hold.feed(frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", bits=RSV1))
    assert asked(hold).data == b"Hello"
    assert hold.change(b"Bye")[0] == 0x81


# --- messages of one's own


def test_an_injected_message_is_sent_at_once_where_none_is_being_sent() -> None:
    hold = holder()
    hold.feed(frame(TEXT, b"held"))
    asked(hold)
    hold.inject("text", b"new")
    assert read(sent(hold)) == [("text", b"new")]


def test_an_injected_message_waits_for_the_end_of_one_that_is_being_sent() -> None:
    hold = holder(limit=10)
    long = frame(BINARY, b"x" * 100)
    hold.feed(long[:60])
    out = sent(hold)
    hold.inject("text", b"new")
    assert sent(hold) == b""
    hold.feed(long[60:])
    assert read(out + sent(hold)) == [("binary", b"x" * 100), ("text", b"new")]


def test_messages_of_ones_own_stand_around_the_one_that_is_asked_about() -> None:
    hold, sender = holder(DEFLATE), Sender()
    wire = sender.text(b"hello") + sender.text(b"hello")
    hold.feed(wire)
    asked(hold)
    out = hold.write("text", b"before") + hold.send_on() + hold.write("binary", b"after")
    asked(hold)
    out += hold.send_on()
    assert [data for _, data in read(out, DEFLATE)] == [b"before", b"hello", b"after", b"hello"]


# --- properties

Step = tuple[str, bytes, list[int], bool, str]
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(["text", "text", "text", "ping"]),
        st.one_of(st.text(max_size=40).map(str.encode), st.sampled_from([b"hello " * 30, b"hello " * 200])),
        st.lists(st.integers(0, 40), max_size=3),
        st.booleans(),
        st.sampled_from(["on", "on", "change", "drop", "around"]),
    ),
    max_size=8,
)


@given(STEPS, st.lists(st.integers(0, 600), max_size=10), st.booleans(), st.booleans())
@example(
    [
        ("text", b"hello " * 200, [5], True, "on"),
        ("text", b"hello " * 30, [], True, "drop"),
        ("text", b"hello " * 200, [5, 9], True, "on"),
        ("text", b"hello " * 30, [2], True, "on"),
    ],
    [3, 90],
    True,
    False,
)
def test_the_receiver_reads_exactly_what_was_decided(
    steps: list[Step], cuts: list[int], mask: bool, takeover: bool
) -> None:
    agreed = Agreed(DeflateParams(client_takeover=takeover, server_takeover=takeover))
    hold, sender = holder(agreed, mask=mask, limit=500), Sender(mask=mask, takeover=takeover)
    wire, wanted, decisions = b"", [], []
    for kind, data, edges, compressed, decision in steps:
        if kind == "ping":
            wire += frame(PING, b"!", mask=mask)
            continue
        wire += sender.text(data, cuts=edges) if compressed else frame(TEXT, data, mask=mask)
        decisions.append((data, decision))
    edges = [0, *sorted({min(cut, len(wire)) for cut in cuts}), len(wire)]
    out, left = b"", decisions.copy()
    for start, stop in pairwise(edges):
        hold.feed(wire[start:stop])
        while (step := hold.next()) is not None:
            if isinstance(step, Sent):
                out += step.data
                continue
            while left[0][0] != step.data:  # longer than may be held
                wanted.append(left.pop(0)[0])
            data, decision = left.pop(0)
            match decision:
                case "on":
                    out += hold.send_on()
                    wanted.append(data)
                case "change":
                    out += hold.change(b"<" + data + b">")
                    wanted.append(b"<" + data + b">")
                case "drop":
                    hold.drop()
                case "around":
                    out += hold.write("text", b"new") + hold.send_on()
                    wanted += [b"new", data]
    wanted += [data for data, _ in left]
    got = read(out, agreed, mask=mask)
    assert [data for label, data in got if label == "text"] == wanted
    assert sum(label == "ping" for label, _ in got) == sum(step[0] == "ping" for step in steps)
    assert all(len(data) > 300 for data, _ in left)
