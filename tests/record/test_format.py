"""The layout of `.soth`: headers, frames, footer; every value comes back, every flaw is noticed."""

from __future__ import annotations

import struct
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.events import (
    BODIES,
    BodyChunk,
    Direction,
    Event,
    MessageChunk,
    MessageSeen,
    Noted,
    OriginalChunk,
    OriginalMessage,
    RequestEnd,
)
from soth_mitm.record.footer import BlockEntry, decode_footer, encode_footer
from soth_mitm.record.format import (
    BLOCK_FOOTER,
    BLOCK_HEADER_SIZE,
    BLOCK_MAGIC,
    FRAME_BYTES,
    SEGMENT_MAGIC,
    VERSION,
    BlockHeader,
    LayoutError,
    NewerVersion,
    SegmentInfo,
    block_payload,
    decode_block_header,
    decode_segment_header,
    encode_segment_header,
    finish_block,
    pack_block_header,
)
from soth_mitm.record.frames import (
    FRAME_SIZE,
    append_frame,
    chunk_data,
    decode_frame,
    events_of,
    frames_in,
    with_safe_text,
)
from tests.record.streams import events

INFO = SegmentInfo(run_id="r1", number=3, wall_ns=10**18, mono_ns=-5, filter="host:a", writer="soth-mitm 1")


def block_of(*members: Event) -> bytearray:
    buffer = bytearray(BLOCK_HEADER_SIZE)
    for event in members:
        append_frame(buffer, event)
    finish_block(buffer, flags=0, frames=len(members), first_seq=members[0].seq, last_seq=members[-1].seq)
    return buffer


def payload_of(*members: Event) -> bytes:
    return block_payload(block_of(*members))


def at(seq: int, body: object = RequestEnd(1, 1), *, conn: int = 1, flow: int = 1) -> Event:
    return Event(seq, conn, flow, seq, seq, seq, body)  # type: ignore[arg-type]


def test_the_magics_and_the_version_never_change() -> None:
    assert bytes.fromhex("89534f54480d0a1a") == SEGMENT_MAGIC
    assert bytes.fromhex("89534f54480d0a02") == BLOCK_MAGIC
    assert VERSION == 1
    assert (BLOCK_HEADER_SIZE, FRAME_SIZE) == (48, 52)


def test_a_segment_header_is_laid_out_as_documented() -> None:
    data = encode_segment_header(INFO)
    body = msgspec.msgpack.encode(INFO)
    head = SEGMENT_MAGIC + struct.pack("<HHI", 1, 0, len(body)) + body
    assert data == head + struct.pack("<I", zlib.crc32(head))


def test_a_block_is_laid_out_as_documented() -> None:
    event = Event(9, 7, 8, 2, -3, 10**18, RequestEnd(5, 6))
    body = msgspec.msgpack.encode(event.body)
    payload = struct.pack("<IHHQQQIqq", len(body), 0x0305, 0, 7, 8, 9, 2, -3, 10**18) + body
    head = BLOCK_MAGIC + struct.pack(
        "<BBHIIIQQI", 0, 0, 0, len(payload), len(payload), 1, 9, 9, zlib.crc32(payload)
    )
    assert bytes(block_of(event)) == head + struct.pack("<I", zlib.crc32(head)) + payload


def test_a_segment_header_comes_back_and_is_waited_for_when_cut() -> None:
    data = encode_segment_header(INFO)
    assert decode_segment_header(b"??" + data + b"more", 2) == (INFO, 2 + len(data))
    for cut in range(len(data)):
        assert decode_segment_header(data[:cut]) is None


def test_a_segment_header_with_any_bit_flipped_is_refused() -> None:
    data = encode_segment_header(INFO)
    for position in range(len(data) * 8):
        bad = bytearray(data)
        bad[position // 8] ^= 1 << position % 8
        try:
            assert decode_segment_header(bad) is None  # its length may now ask for more
        except NewerVersion:
            pytest.fail("a damaged header was taken for a newer one")
        except LayoutError:
            pass


def test_a_sound_header_of_a_newer_version_is_told_from_damage() -> None:
    head = SEGMENT_MAGIC + struct.pack("<HHI", 2, 0, 3) + b"???"
    with pytest.raises(NewerVersion) as caught:
        decode_segment_header(head + struct.pack("<I", zlib.crc32(head)))
    assert caught.value.version == 2


def test_a_block_header_with_any_bit_flipped_is_refused() -> None:
    data = block_of(at(1))[:BLOCK_HEADER_SIZE]
    assert decode_block_header(data) is not None
    for position in range(len(data) * 8):
        bad = bytearray(data)
        bad[position // 8] ^= 1 << position % 8
        with pytest.raises(LayoutError):
            decode_block_header(bad)


def test_a_block_header_that_promises_too_much_is_refused() -> None:
    data = bytearray(BLOCK_HEADER_SIZE)
    pack_block_header(data, BlockHeader(0, 0, FRAME_BYTES + 1, 1, 1, 1, 1, 0))
    with pytest.raises(LayoutError, match="block_length"):
        decode_block_header(data)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda block: block[:-1], "block_cut"),
        (lambda block: block[:20], "block_cut"),
        (lambda block: block[:-1] + bytes([block[-1] ^ 1]), "block_crc"),
    ],
)
def test_a_damaged_block_gives_no_payload(change: object, code: str) -> None:
    with pytest.raises(LayoutError, match=code):
        block_payload(change(bytes(block_of(at(1)))))  # type: ignore[operator]


def test_a_block_of_an_unknown_codec_gives_no_payload() -> None:
    data = bytearray(BLOCK_HEADER_SIZE)
    pack_block_header(data, BlockHeader(9, 0, 0, 0, 0, 0, 0, 0))
    with pytest.raises(LayoutError, match="block_codec"):
        block_payload(data)


@given(members=st.lists(events(), min_size=1, max_size=4))
def test_every_event_of_every_kind_comes_back(members: list[Event]) -> None:
    payload = payload_of(*members)
    frames = list(frames_in(payload))
    assert [decode_frame(payload, frame) for frame in frames] == members
    for frame, event in zip(frames, members, strict=True):
        carries = isinstance(
            event.body, BodyChunk | MessageChunk | MessageSeen | OriginalChunk | OriginalMessage
        )
        data = event.body.data if carries else b""  # type: ignore[attr-defined]
        assert chunk_data(payload, frame.offset) == data


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_535, 65_536])
@pytest.mark.parametrize("offset", [0, 2**40])
def test_body_bytes_are_found_without_decoding(size: int, offset: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    chunk = BodyChunk(Direction.RESPONSE, offset, size, data[:size])
    payload = payload_of(at(1), at(2, chunk), at(3))
    frames = list(frames_in(payload))
    assert [chunk_data(payload, frame.offset) for frame in frames] == [b"", data[:size], b""]


def test_numbers_that_look_like_the_key_of_the_data_mislead_nobody() -> None:
    tricky = int.from_bytes(b"\x01\xa4data\xc4\x02", "big")
    payload = payload_of(at(1, BodyChunk(Direction.REQUEST, tricky, 3, b"abc")))
    assert chunk_data(payload, 0) == b"abc"


def test_the_data_of_a_chunk_is_its_last_field() -> None:
    assert BodyChunk.__struct_fields__[-1] == "data"


def test_fields_and_kinds_of_a_later_version_are_passed_over() -> None:
    payload = bytearray(payload_of(at(1), at(2)))
    struct.pack_into("<H", payload, 4, 0x7777)
    first, second = frames_in(bytes(payload))
    assert decode_frame(bytes(payload), first) is None
    assert decode_frame(bytes(payload), second) == at(2)

    body = msgspec.msgpack.encode({"body_bytes": 1, "fresh": {"a": [1]}, "wire_bytes": 2})
    later = struct.pack("<IHHQQQIqq", len(body), 0x0305, 0, 1, 1, 1, 1, 1, 1) + body
    assert decode_frame(later, next(frames_in(later))) == at(1, RequestEnd(1, 2))


@given(payload=st.binary(max_size=400))
def test_any_payload_can_be_walked(payload: bytes) -> None:
    for frame in frames_in(payload):
        decode_frame(payload, frame)
        assert len(chunk_data(payload, frame.offset)) <= frame.end - frame.start


@given(body=st.binary(max_size=200), kind=st.sampled_from(sorted(BODIES)))
def test_any_body_of_a_known_kind_is_an_event_or_nothing(body: bytes, kind: int) -> None:
    payload = struct.pack("<IHHQQQIqq", len(body), kind, 0, 1, 1, 1, 1, 1, 1) + body
    (frame,) = frames_in(payload)
    event = decode_frame(payload, frame)
    assert event is None or isinstance(event.body, BODIES[kind])


def test_a_deeply_nested_body_is_no_event() -> None:
    body = b"\x81\xa1z" + b"\x91" * 100_000 + b"\xc0"
    payload = struct.pack("<IHHQQQIqq", len(body), 0x0305, 0, 1, 1, 1, 1, 1, 1) + body
    (frame,) = frames_in(payload)
    assert decode_frame(payload, frame) is None


def test_an_unfinished_frame_ends_the_frames() -> None:
    payload = payload_of(at(1))
    assert len(list(frames_in(payload + bytes(FRAME_SIZE + 10)))) == 1
    assert len(list(frames_in(payload + payload[:-1]))) == 1


def test_the_events_of_a_flow_are_picked_by_their_header() -> None:
    payload = payload_of(
        at(1, flow=1),
        at(2, flow=2),
        at(3, flow=0, conn=5),
        at(4, flow=0, conn=6),
        at(5, flow=1, conn=5),
        at(6, flow=2, conn=5),
    )
    assert [event.seq for _, event in events_of(payload, flow=1, conns={5})] == [1, 3, 5]
    assert [event.seq for _, event in events_of(payload, conns={6})] == [4]


def test_an_event_that_cannot_be_encoded_leaves_the_buffer_as_it_was() -> None:
    buffer = bytearray(b"before")
    for bad in (at(-1), at(1, Noted("\ud800")), at(1, Noted("x" * FRAME_BYTES))):
        with pytest.raises((ValueError, struct.error)):
            append_frame(buffer, bad)
        assert buffer == b"before"


def test_texts_that_are_not_unicode_are_made_encodable() -> None:
    event = with_safe_text(at(1, Noted("caf\u00e9 \ud800\udc99", "plain")))
    assert event.body == Noted("caf\u00e9 \\ud800\\udc99", "plain")
    assert with_safe_text(at(1)) == at(1)
    assert payload_of(event)


ENTRIES = (BlockEntry(30, 100, 1, 5, 5, 0), BlockEntry(130, 60, 6, 6, 1, 2))


def test_a_footer_comes_back_and_says_how_long_the_segment_is() -> None:
    footer = encode_footer(ENTRIES, 190)
    header = decode_block_header(footer)
    assert header is not None
    assert header.flags == BLOCK_FOOTER
    assert decode_footer(block_payload(footer)) == ENTRIES
    assert footer[-20:] == struct.pack("<QI8s", 190 + len(footer), len(footer), b"SOTHEND\n")


@pytest.mark.parametrize("payload", [b"", b"x" * 20, b"\xc1" + bytes(12) + b"SOTHEND\n"])
def test_what_is_no_footer_is_refused(payload: bytes) -> None:
    with pytest.raises(LayoutError):
        decode_footer(payload)
