"""Frames: one event each, a fixed header and a MessagePack map, one after another in a block's payload.

Readers pick what they want by the header alone: `events_of` decodes only the frames of one flow,
`chunk_data` finds body bytes without decoding anything. An offset is always one within the payload.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from soth_mitm.model.events import (
    BODIES,
    Body,
    BodyChunk,
    Event,
    MessageChunk,
    MessageSeen,
    OriginalChunk,
    OriginalMessage,
)
from soth_mitm.record.format import FRAME_BYTES

FRAME = struct.Struct("<IHHQQQIqq")
"""length of the body, kind, flags, conn, flow, seq, flow_seq, mono_ns, wall_ns."""

FRAME_SIZE = FRAME.size

FRAME_CHECKPOINT = 1
"""Frame flag: the event stands in an earlier segment; a reader that has seen it there skips this one."""

_ROOM = bytes(FRAME_SIZE)
_encode_into = msgspec.msgpack.Encoder().encode_into
_pack_into = FRAME.pack_into
_DECODERS: dict[int, msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(body) for kind, body in BODIES.items()
}
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

# `data` is the last key of a chunk: its name, then the head of a bin 8, bin 16 or bin 32.
_DATA_KEY = b"\xa4data"
_BIN_HEADS = {0xC4: struct.Struct(">B"), 0xC5: struct.Struct(">H"), 0xC6: struct.Struct(">I")}
_DATA_KEY_WITHIN = 96
_MESSAGES = frozenset((MessageSeen.KIND, OriginalMessage.KIND))
_CHUNKS = frozenset((BodyChunk.KIND, MessageChunk.KIND, OriginalChunk.KIND))


def with_safe_text(event: Event) -> Event:
    """Return `event` with texts that UTF-8 can hold: a lone surrogate in one is written as an escape."""
    body = event.body
    changes: dict[str, Any] = {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        safe = _safe(value)
        if safe != value:
            changes[name] = safe
    if not changes:
        return event
    return msgspec.structs.replace(event, body=msgspec.structs.replace(body, **changes))


def _safe(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, tuple):
        return tuple(_safe(each) for each in value)
    return value


class Frame(NamedTuple):
    """The header of a frame and where it stands in its payload; the body is `payload[start:end]`."""

    offset: int
    kind: int
    flags: int
    conn: int
    flow: int
    seq: int
    flow_seq: int
    mono_ns: int
    wall_ns: int
    start: int
    end: int


def append_frame(buffer: bytearray, event: Event, flags: int = 0) -> int:
    """Append the frame of `event`; return the buffer's new length.

    The header is written last: until then its kind is 0, which ends the frames for a reader, so a
    thread that copies the buffer in between sees whole frames only.

    Raises:
        ValueError, OverflowError, struct.error: the event cannot be encoded; the buffer is as it was.
    """
    start = len(buffer)
    buffer += _ROOM
    body = event.body
    try:
        _encode_into(body, buffer, start + FRAME_SIZE)
        size = len(buffer)
        length = size - start - FRAME_SIZE
        if length > FRAME_BYTES - FRAME_SIZE:
            raise ValueError(f"an event of {length} bytes is longer than a frame may be")
        _pack_into(
            buffer,
            start,
            length,
            body.KIND,
            flags,
            event.conn,
            event.flow,
            event.seq,
            event.flow_seq,
            event.mono_ns,
            event.wall_ns,
        )
    except BaseException:
        del buffer[start:]
        raise
    return size


def frames_in(payload: bytes, start: int = 0) -> Iterator[Frame]:
    """Yield the frame headers of a payload from `start` on; stop where no whole frame follows.

    `start` is 0, or the end of a frame: so a block that has grown need not be gone through again.
    """
    offset, size = start, len(payload)
    unpack = FRAME.unpack_from
    while offset + FRAME_SIZE <= size:
        length, kind, flags, conn, flow, seq, flow_seq, mono_ns, wall_ns = unpack(payload, offset)
        body = offset + FRAME_SIZE
        end = body + length
        if not kind or end > size:
            return
        yield Frame(offset, kind, flags, conn, flow, seq, flow_seq, mono_ns, wall_ns, body, end)
        offset = end


def frame_at(payload: bytes, offset: int) -> Frame | None:
    """Return the frame that begins at `offset`; None where no whole one does."""
    return next(frames_in(payload, offset), None)


def decode_frame(payload: bytes, frame: Frame) -> Event | None:
    """Return the event of a frame; None where its kind is not known or its body cannot be read."""
    decoder = _DECODERS.get(frame.kind)
    if decoder is None:
        return None
    try:
        body: Body = decoder.decode(payload[frame.start : frame.end])
    except _UNREADABLE:
        return None
    _, _, _, conn, flow, seq, flow_seq, mono_ns, wall_ns, _, _ = frame
    return Event(seq, conn, flow, flow_seq, mono_ns, wall_ns, body)


class Decoded(NamedTuple):
    """Some events in a row, out of a payload."""

    events: list[Event]
    end: int
    """The offset to go on at; the last one where no whole frame follows."""
    unknown: int
    """Frames of kinds that are not known."""
    unreadable: int


def decode_some(payload: bytes, start: int, most: int) -> Decoded:
    """Return up to `most` events from `start` on, as `frames_in` and `decode_frame` do, in half the time."""
    offset, size, unknown, unreadable = start, len(payload), 0, 0
    unpack, decoder_of, events = FRAME.unpack_from, _DECODERS.get, list[Event]()
    take = events.append
    with memoryview(payload) as view:
        while most and offset + FRAME_SIZE <= size:
            length, kind, _, conn, flow, seq, flow_seq, mono_ns, wall_ns = unpack(payload, offset)
            body = offset + FRAME_SIZE
            end = body + length
            if not kind or end > size:
                return Decoded(events, size, unknown, unreadable)
            offset = end
            decoder = decoder_of(kind)
            if decoder is None:
                unknown += 1
                continue
            try:
                take(Event(seq, conn, flow, flow_seq, mono_ns, wall_ns, decoder.decode(view[body:end])))
            except _UNREADABLE:
                unreadable += 1
                continue
            most -= 1
    return Decoded(events, offset if most == 0 else size, unknown, unreadable)


def events_of(payload: bytes, *, flow: int = 0, conns: Collection[int] = ()) -> Iterator[tuple[Frame, Event]]:
    """Yield the readable events of one flow, and those of `conns` that belong to no flow, in order.

    Frames of others are passed over by their header, without being decoded.
    """
    for frame in frames_in(payload):
        if frame.flow == flow if frame.flow else frame.conn in conns:
            event = decode_frame(payload, frame)
            if event is not None:
                yield frame, event


def chunk_span(payload: bytes, frame_offset: int) -> tuple[int, int]:
    """Return start and end of a chunk's bytes; equal where none were captured, or it is no chunk."""
    length, kind = struct.unpack_from("<IH", payload, frame_offset)
    start = frame_offset + FRAME_SIZE
    end = start + length
    if kind not in _CHUNKS or end > len(payload):
        return end, end
    at = payload.find(_DATA_KEY, start, min(end, start + _DATA_KEY_WITHIN))
    while at >= 0:
        head = at + len(_DATA_KEY)
        size = _BIN_HEADS.get(payload[head]) if head < end else None
        if size is not None and head + 1 + size.size <= end:
            first = head + 1 + size.size
            if first + size.unpack_from(payload, head + 1)[0] == end:
                return first, end
        at = payload.find(_DATA_KEY, at + 1, min(end, start + _DATA_KEY_WITHIN))
    return end, end


def chunk_data(payload: bytes, frame_offset: int) -> bytes:
    """Return the captured bytes of the chunk, of a body or of a message, whose frame is at `frame_offset`.

    Of a `MessageSeen` or an `OriginalMessage` it is the payload that it carries itself. Empty where
    nothing was captured, or where the frame is of another kind.
    """
    start, end = chunk_span(payload, frame_offset)
    if start == end:
        length, kind = struct.unpack_from("<IH", payload, frame_offset)
        if kind in _MESSAGES:
            return _message_data(payload[frame_offset + FRAME_SIZE : frame_offset + FRAME_SIZE + length])
    return payload[start:end]


class _Carried(msgspec.Struct):
    """What of such an event its payload is."""

    data: bytes = b""


_carried = msgspec.msgpack.Decoder(_Carried)


def _message_data(body: bytes) -> bytes:
    try:
        return _carried.decode(body).data
    except _UNREADABLE:
        return b""
