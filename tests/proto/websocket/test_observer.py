"""What is read from the frames of a WebSocket: messages, control frames, closes, broken rules."""

from __future__ import annotations

import itertools
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.model.events import Direction
from soth_mitm.model.reasons import CloseReason
from soth_mitm.model.websocket import ERROR_WORDS, ERRORS
from soth_mitm.proto.websocket.extensions import Agreed, DeflateParams
from soth_mitm.proto.websocket.reading import Ended, Odd, Part
from tests.proto.websocket.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    DOWN,
    PING,
    PONG,
    RSV1,
    RSV2,
    TEXT,
    UP,
    Sender,
    frame,
    observer,
    problems,
    said,
    story,
)

HELLO = b"\xc3\xa4 hello"


# --- messages


def test_a_text_and_a_binary_message_are_read_with_their_size_on_the_wire() -> None:
    data = frame(TEXT, HELLO) + frame(BINARY, b"\xff\x00")
    assert story(said(data)) == [("text", HELLO, 14, 1, False), ("binary", b"\xff\x00", 8, 1, False)]


def test_what_the_server_sends_has_no_mask() -> None:
    data = frame(TEXT, b"hi", mask=False)
    assert story(said(data, direction=DOWN)) == [("text", b"hi", 4, 1, False)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1024, 1025, 65535, 65536, 70000])
@pytest.mark.parametrize("direction", [UP, DOWN])
def test_every_form_of_length_is_read(size: int, direction: Direction) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    wire = frame(BINARY, data[:size], mask=direction is UP)
    assert story(said(wire, direction=direction)) == [("binary", data[:size], len(wire), 1, False)]


def test_fragments_make_one_message_and_control_frames_may_come_between_them() -> None:
    first, last = frame(TEXT, HELLO[:1], fin=False), frame(CONTINUATION, HELLO[1:])
    data = first + frame(PING, b"?") + frame(CONTINUATION, fin=False) + frame(PONG) + last
    wire = len(first) + len(frame(CONTINUATION, fin=False)) + len(last)
    assert story(said(data)) == [
        ("ping", b"?", 7, ""),
        ("pong", b"", 6, ""),
        ("text", HELLO, wire, 3, False),
    ]


def test_a_long_message_is_told_while_it_arrives() -> None:
    look = observer()
    wire = frame(BINARY, b"x" * 5000)
    assert story(look.feed(UP, wire[:2000])) == [("open", b"x" * (2000 - 8))]
    assert story(look.feed(UP, wire[2000:4000])) == [("open", b"x" * 2000)]


def test_both_directions_are_read_side_by_side() -> None:
    look = observer()
    up, down = frame(TEXT, b"question"), frame(TEXT, b"answer", mask=False)
    assert look.feed(UP, up[:5]) == []
    assert story(look.feed(DOWN, down)) == [("text", b"answer", 8, 1, False)]
    assert story(look.feed(UP, up[5:])) == [("text", b"question", 14, 1, False)]


# --- compression


def test_compressed_messages_refer_to_the_ones_before() -> None:
    sender = Sender()
    first, second = sender.text(b"hello " * 20), sender.text(b"hello " * 20)
    assert len(second) < len(first)
    found = story(said(first + second, DEFLATE))
    assert [(entry[1], entry[4]) for entry in found] == [(b"hello " * 20, True)] * 2


def test_a_side_without_takeover_begins_anew_with_each_message() -> None:
    sender = Sender(takeover=False)
    wire = sender.text(b"hello " * 20) + sender.text(b"hello " * 20, cuts=[3])
    found = story(said(wire, Agreed(DeflateParams(client_takeover=False))))
    assert [entry[1] for entry in found] == [b"hello " * 20] * 2


def test_a_ping_between_compressed_fragments_does_not_disturb_them() -> None:
    sender = Sender()
    wire = sender.text(b"hello " * 20, cuts=[4, 9], between=frame(PING, b"!")) + sender.text(b"bye")
    found = story(said(wire, DEFLATE))
    assert [entry[:2] for entry in found] == [
        ("ping", b"!"),
        ("ping", b"!"),
        ("text", b"hello " * 20),
        ("text", b"bye"),
    ]


def test_uncompressed_messages_may_come_between_compressed_ones() -> None:
    sender = Sender()
    wire = sender.text(b"one") + frame(TEXT, b"two") + sender.text(b"one")
    found = story(said(wire, DEFLATE))
    assert [(entry[1], entry[4]) for entry in found] == [(b"one", True), (b"two", False), (b"one", True)]


@pytest.mark.parametrize(
    ("coded", "text"),
    [
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),  # RFC 7692 section 7.2.3.1
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),  # 7.2.3.3: not compressed
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),  # 7.2.3.4: a final block
        (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),  # 7.2.3.5: two blocks
        (b"\x00", b""),
        (b"", b""),
    ],
)
def test_the_rfcs_examples_of_compression_are_read(coded: bytes, text: bytes) -> None:
    hello = frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", bits=RSV1)
    again = frame(TEXT, b"\xf2\x00\x11\x00\x00", bits=RSV1)  # 7.2.3.2: refers to the one before
    wire = frame(TEXT, coded, bits=RSV1) + hello + again
    assert [entry[1] for entry in story(said(wire, DEFLATE))] == [text, b"Hello", b"Hello"]


@pytest.mark.parametrize("bits", [9, 15])
def test_a_smaller_window_is_read(bits: int) -> None:
    sender = Sender(bits=bits)
    text = b"".join(b"%d " % number for number in range(3000))
    found = story(said(sender.text(text), Agreed(DeflateParams(client_bits=bits))))
    assert found[0][1] == text


def test_a_bomb_ends_the_reading_within_its_limit() -> None:
    coded = Sender(mask=True).coded(bytes(8 * 1024 * 1024))
    look = observer(DEFLATE)
    items = look.feed(UP, frame(BINARY, coded, bits=RSV1))
    assert sum(len(item.data) for item in items if not isinstance(item, Odd)) <= 1024 * 1024 + 100 * len(
        coded
    )
    assert look.error == "inflate_limit"


def test_equal_messages_may_go_on_for_ever_although_each_is_only_a_reference() -> None:
    sender, look = Sender(), observer(DEFLATE, limit=10_000)
    text = bytes(range(32, 127)) * 40
    for _ in range(200):
        wire = sender.text(text)
        assert story(look.feed(UP, wire))[0][1] == text
    assert len(wire) * 100 < len(text)


def test_what_expands_moderately_may_be_as_long_as_it_likes() -> None:
    text = b"".join(b"%d " % (number * 7919) for number in range(40_000))
    assert len(text) > 4 * 65_536
    coded = zlib.compressobj(6, zlib.DEFLATED, -15)
    payload = coded.compress(text) + coded.flush(zlib.Z_SYNC_FLUSH)
    look = observer(DEFLATE, limit=65_536)
    found = story(look.feed(UP, frame(TEXT, payload[:-4], bits=RSV1)))
    assert found[0][1] == text


def test_with_an_unknown_extension_frames_are_counted_and_their_payload_is_left_alone() -> None:
    data = frame(TEXT, b"\xff", bits=RSV1 | RSV2) + frame(CONTINUATION, b"x")
    assert story(said(frame(TEXT, b"\xff", bits=RSV1 | RSV2), Agreed(None, ("x-shout",)))) == [
        ("text", b"\xff", 7, 1, False)
    ]
    assert problems(data, Agreed(DeflateParams(), ("x-shout",)))[0] == "unexpected_continuation"


# --- broken rules


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"x", mask=False), "client_frame_unmasked"),
        (frame(3), "reserved_opcode"),
        (frame(0xB), "reserved_opcode"),
        (frame(TEXT, bits=RSV1), "reserved_bits"),
        (frame(PING, bits=RSV2), "reserved_bits"),
        (frame(PING, fin=False), "fragmented_control_frame"),
        (frame(PING, b"x" * 126), "control_too_long"),
        (frame(CONTINUATION, b"x"), "unexpected_continuation"),
        (frame(TEXT, fin=False) + frame(TEXT), "unfinished_message"),
        (b"\x82\xff\x80" + bytes(7) + b"mask", "payload_length_overflow"),
        (b"\x82\xfe\x00\x7d" + b"mask", "payload_length_padded"),
        (b"\x82\xff" + (65535).to_bytes(8, "big") + b"mask", "payload_length_padded"),
    ],
)
def test_a_broken_frame_ends_the_reading_with_its_code(data: bytes, code: str) -> None:
    assert problems(frame(TEXT, b"fine") + data + frame(TEXT, b"never read")) == (code, [])
    assert len(said(frame(TEXT, b"fine") + data + frame(TEXT, b"never read"))) <= 2


def test_a_masked_frame_of_the_server_ends_the_reading() -> None:
    assert problems(frame(TEXT, b"x"), direction=DOWN)[0] == "server_frame_masked"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(PING, bits=RSV1), "reserved_bits"),
        (frame(TEXT, b"\xff\xff", bits=RSV1), "inflate_failed"),
        (frame(TEXT, fin=False, bits=RSV1) + frame(CONTINUATION, bits=RSV1), "reserved_bits"),
        (frame(TEXT, bits=RSV2), "reserved_bits"),
    ],
)
def test_broken_compression_ends_the_reading_with_its_code(data: bytes, code: str) -> None:
    assert problems(data, DEFLATE)[0] == code


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (frame(TEXT, b"\xff"), ["invalid_utf8"]),
        (frame(TEXT, b"\xc3"), ["invalid_utf8"]),
        (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"\xa4"), []),
        (frame(TEXT, b"\xff", fin=False) + frame(CONTINUATION, b"\xff"), ["invalid_utf8"]),
        (frame(TEXT, b"\xed\xa0\x80"), ["invalid_utf8"]),
        (frame(BINARY, b"\xff"), []),
        (frame(CLOSE, b"\x03"), ["bad_close_payload"]),
        (frame(CLOSE, b"\x03\xe8\xff"), ["invalid_utf8"]),
        (frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"late"), ["frame_after_close"]),
        (frame(CLOSE, b"\x03\xe8") + frame(CLOSE, b"\x03\xe8"), ["frame_after_close"]),
    ],
)
def test_what_is_odd_is_told_and_the_reading_goes_on(data: bytes, codes: list[str]) -> None:
    assert problems(data + frame(PING)) == ("", codes + ["frame_after_close"] * (data[0] == 0x88))


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535])
def test_close_codes_that_must_not_be_sent_are_odd(code: int) -> None:
    assert problems(frame(CLOSE, code.to_bytes(2, "big")))[1] == ["bad_close_code"]


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999])
def test_close_codes_that_may_be_sent_are_read_with_their_reason(code: int) -> None:
    look = observer()
    items = look.feed(UP, frame(CLOSE, code.to_bytes(2, "big") + b"bye"))
    assert story(items) == [("close", code.to_bytes(2, "big") + b"bye", 11, f"{code} bye")]
    assert look.outcome() == (CloseReason.WEBSOCKET_COMPLETED, f"{code} bye")


# --- how it ended


def test_the_first_close_frame_says_how_it_ended_and_two_make_it_done() -> None:
    look = observer()
    assert look.outcome() is None
    done = []
    for direction, wire in ((DOWN, frame(CLOSE, b"\x03\xe9going", mask=False)), (UP, frame(CLOSE))):
        look.feed(direction, wire)
        done.append(look.handshake_done)
    assert done == [False, True]
    assert look.outcome() == (CloseReason.WEBSOCKET_COMPLETED, "1001 going")


def test_a_close_without_a_code_counts_as_1005() -> None:
    look = observer()
    look.feed(UP, frame(CLOSE))
    assert look.outcome() == (CloseReason.WEBSOCKET_COMPLETED, "1005")


def test_the_first_broken_rule_is_the_reason_even_if_a_close_follows() -> None:
    look = observer()
    look.feed(UP, frame(TEXT, b"\xff") + frame(3))
    look.feed(DOWN, frame(CLOSE, b"\x03\xef", mask=False))
    assert look.outcome() == (CloseReason.WEBSOCKET_ERROR, "invalid_utf8")


def test_one_direction_that_breaks_leaves_the_other_readable() -> None:
    look = observer()
    look.feed(UP, frame(3))
    assert story(look.feed(DOWN, frame(TEXT, b"still", mask=False))) == [("text", b"still", 7, 1, False)]
    assert look.feed(UP, frame(TEXT, b"lost")) == []


@pytest.mark.parametrize("tail", [b"\x81", frame(TEXT, b"abc")[:-1], frame(TEXT, b"abc", fin=False)])
def test_an_end_inside_a_message_is_odd(tail: bytes) -> None:
    look = observer()
    look.feed(UP, frame(TEXT) + tail)
    assert [item.code for item in look.side(UP).end() if isinstance(item, Odd)] == ["message_cut"]
    assert look.side(DOWN).end() == []


def test_every_code_has_words() -> None:
    assert set(ERROR_WORDS) | {"frame_after_close", "message_cut"} == set(ERRORS)


# --- properties

Spoken = list[tuple[str, bytes | str | int, list[int], bool]]
MESSAGES: st.SearchStrategy[Spoken] = st.lists(
    st.one_of(
        st.tuples(
            st.just("data"), st.binary(max_size=200), st.lists(st.integers(0, 60), max_size=3), st.booleans()
        ),
        st.tuples(
            st.just("text"), st.text(max_size=60), st.lists(st.integers(0, 60), max_size=2), st.booleans()
        ),
        st.tuples(st.just("ping"), st.binary(max_size=125), st.just([]), st.just(False)),
        st.tuples(st.just("long"), st.integers(60, 700), st.just([]), st.booleans()),
    ),
    max_size=6,
)


def spoken(messages: Spoken, *, mask: bool) -> bytes:
    sender, out = Sender(mask=mask), b""
    for kind, value, cuts, compressed in messages:
        data = (
            value.encode() if isinstance(value, str) else b"ab" * value if isinstance(value, int) else value
        )
        if kind == "ping":
            out += frame(PING, data, mask=mask)
        elif compressed:
            out += sender.text(data, cuts=cuts, between=frame(PONG, b"-", mask=mask))
        else:
            edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
            for number, (start, stop) in enumerate(itertools.pairwise(edges)):
                opcode = CONTINUATION if number else TEXT if kind == "text" else BINARY
                out += frame(opcode, data[start:stop], fin=number == len(edges) - 2, mask=mask)
    return out


def in_pieces(wire: bytes, cuts: list[int], direction: Direction) -> tuple[object, ...]:
    look = observer(DEFLATE)
    edges = [0, *sorted({min(cut, len(wire)) for cut in cuts}), len(wire)]
    items = [i for start, stop in itertools.pairwise(edges) for i in look.feed(direction, wire[start:stop])]
    side = look.side(direction)
    error = side.reader.error.code if side.reader.error is not None else ""
    return story(items), error, side.close, look.outcome(), side.reader.between_messages


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=12), st.sampled_from([UP, DOWN]))
def test_what_is_said_does_not_depend_on_the_reads(
    messages: Spoken, cuts: list[int], direction: Direction
) -> None:
    wire = spoken(messages, mask=direction is UP)
    whole = in_pieces(wire, [], direction)
    assert in_pieces(wire, cuts, direction) == whole
    assert in_pieces(wire, list(range(len(wire))), direction) == whole
    assert whole[1] == ""


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
@example(frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00\xff", bits=RSV1), [3])
@example(frame(TEXT, fin=False) + frame(TEXT, b"x"), [1])
def test_neither_does_what_is_broken(noise: bytes, cuts: list[int]) -> None:
    for wire in (noise, frame(TEXT, b"fine") + noise):
        assert in_pieces(wire, cuts, UP) == in_pieces(wire, list(range(len(wire))), UP)


def test_payload_at_the_border_of_two_reads_is_no_frame_though_it_looks_like_one() -> None:
    picture = b"\x89PNG\r\n\x1a\n" * 40
    wire = frame(BINARY, b"head" + picture, mask=False)
    border = wire.index(picture)
    looker = observer()
    items = looker.feed(DOWN, wire[:border]) + looker.feed(DOWN, wire[border:])
    assert not looker.error
    assert [type(item) for item in items] == [Part, Ended]
    assert isinstance(items[-1], Ended)
    assert items[-1].data == picture
