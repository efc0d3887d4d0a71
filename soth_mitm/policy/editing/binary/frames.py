"""Messages of gRPC, gRPC-Web and Connect as a text: each with its payload, compressed where it was."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from typing import Final

import msgspec

from soth_mitm.decode.coding import coding_names, undo
from soth_mitm.decode.protobuf.schema import Message, Schema
from soth_mitm.decode.protobuf.wire import WireError, reads_as_message
from soth_mitm.decode.redoing import KNOWN, redoing
from soth_mitm.policy.editing.binary.lexing import (
    END,
    HEX,
    STRING,
    WORD,
    Misread,
    Token,
    hex_value,
    hexed,
    quoted,
    text_value,
)
from soth_mitm.policy.editing.binary.proto_reading import Inside, ProtoReader
from soth_mitm.policy.editing.binary.proto_text import ProtoWriter
from soth_mitm.policy.editing.jsoncheck import JsonCheck

_PREFIX: Final = struct.Struct(">BI")
_COMPRESSED: Final = 0x01
_FLAGS: Final = {"message": 0x00, "end": 0x02, "trailers": 0x80}
_NAMES: Final = {flag: name for name, flag in _FLAGS.items()}
_MOST: Final = 8 * 1024 * 1024
_PIECE: Final = 16 * 1024
"""Bytes that are compressed at once."""
_OPENS, _CLOSES = ("{", "["), ("}", "]")


class Call(msgspec.Struct, frozen=True):
    """What is known of the messages of a call."""

    coding: bytes = b""
    """What they are compressed with where they are."""
    message: Message | None = None
    schema: Schema | None = None
    kept: dict[bytes, bytes] = msgspec.field(default_factory=dict)
    """Payloads as they came compressed: what is not touched is not compressed anew."""


def write_frames(data: bytes, call: Call) -> Generator[None, None, str]:
    """Return, after pauses, messages as a text; `call.kept` is filled."""
    writer = _Frames(call)
    at = 0
    while at < len(data):
        end = at + _PREFIX.size
        flags, size = _PREFIX.unpack(data[at:end]) if end <= len(data) else (0x04, 0)
        if flags & ~_COMPRESSED not in _NAMES or end + size > len(data):
            writer.line(f"raw {hexed(data[at:])}")
            break
        yield from writer.frame(flags, data[end : end + size])
        at = end + size
    return "\n".join(writer.out)


class _Frames(ProtoWriter):
    def __init__(self, call: Call) -> None:
        super().__init__(call.schema)
        self._call = call

    def frame(self, flags: int, data: bytes) -> Iterator[None]:
        """Write one message."""
        name = _NAMES[flags & ~_COMPRESSED]
        if flags & _COMPRESSED:
            payload = _unpacked(data, self._call.coding)
            if payload is None or self._call.kept.setdefault(payload, data) != data:
                self.line(f"{name} stored {hexed(data)}")
                return
            name, data = f"{name} compressed", payload
        as_json = _json_of(data)
        if as_json:
            self.line(f"{name} json {as_json}")
        elif name.startswith("message") and (yield from reads_as_message(data)):
            yield from self._message(name, data)
        else:
            self.line(f"{name} {_text_or_bytes(data)}")

    def _message(self, name: str, data: bytes) -> Iterator[None]:
        kept = len(self.out)
        try:
            yield from self.block(name, "", data, self._call.message)
        except WireError:
            del self.out[kept:]
        if self.out[kept:] == [f"{name}: {hexed(data)}"] or not self.out[kept:]:
            self.out[kept:] = [f"{name} {hexed(data)}"]


def _unpacked(data: bytes, coding: bytes) -> bytes | None:
    names = coding_names(coding)
    if not names or any(name not in KNOWN for name in names):
        return None
    done = undo(data, coding, limit=_MOST)
    return None if done.error or done.truncated or not done.ended else done.data


def _json_of(data: bytes) -> str:
    """Return an object or a list as JSON, byte for byte; empty where it is none."""
    if data[:1] not in (b"{", b"["):
        return ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    check = JsonCheck(text)
    while not check.step():
        pass
    return text if check.fault is None and text[-1:] in _CLOSES else ""


def _text_or_bytes(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return hexed(data)
    return quoted(text) if text.replace("\r\n", "").isprintable() else hexed(data)


# --- read


def read_frames(text: str, call: Call) -> Generator[None, None, bytes]:
    """Return, after pauses, the messages that a text means.

    Raises:
        Misread: it means none.
    """
    reader = ProtoReader(text, call.schema)
    out = bytearray()
    while reader.now.kind != END:
        token = reader.take()
        if token.text == "raw" and reader.now.kind == HEX:
            out += hex_value(reader.take())
            continue
        flags = _FLAGS.get(token.text)
        if flags is None:
            raise Misread(token.at, "a message begins with message, trailers or end")
        how = reader.take() if reader.now.text in ("compressed", "stored") else None
        payload = yield from _payload(reader, text, call)
        if how is not None:
            flags |= _COMPRESSED
        if how is not None and how.text == "compressed":
            payload = yield from _packed(payload, call, how)
        out += _PREFIX.pack(flags, len(payload)) + payload
        yield
    return bytes(out)


def _payload(reader: ProtoReader, text: str, call: Call) -> Generator[None, None, bytes]:
    token = reader.take()
    if token.kind == "{":
        inside = Inside(call.message, "}", token.at, 0)
        yield from reader.fields(inside)
        return bytes(inside.out)
    if token.kind == WORD and token.text == "json":
        return (yield from _verbatim(reader, text))
    if token.kind == STRING:
        return text_value(token)
    if token.kind == HEX:
        return hex_value(token)
    raise Misread(token.at, "a message is { }, \"text\", h'...' or json { }")


def _verbatim(reader: ProtoReader, text: str) -> Generator[None, None, bytes]:
    """Read JSON as it stands."""
    first = last = reader.now
    if first.kind not in _OPENS:
        raise Misread(first.at, "after json { or [ is missing")
    depth = 0
    while True:
        last = reader.take()
        depth += (last.kind in _OPENS) - (last.kind in _CLOSES)
        if last.kind == END:
            raise Misread(first.at, "the JSON that begins here has no end")
        if not depth:
            break
    check = JsonCheck(text[first.at : last.at + 1])
    while not check.step():
        yield
    if check.fault is not None:
        raise Misread(first.at + check.fault.offset, check.fault.reason)
    try:
        return text[first.at : last.at + 1].encode("utf-8")
    except UnicodeEncodeError:
        raise Misread(first.at, "this holds half of a character (a lone surrogate)") from None


def _packed(payload: bytes, call: Call, how: Token) -> Generator[None, None, bytes]:
    kept = call.kept.get(payload)
    if kept is not None:
        return kept
    names = coding_names(call.coding)
    coder = redoing(call.coding) if names and all(name in KNOWN for name in names) else None
    if coder is None:
        raise Misread(how.at, "how messages are compressed is not known here: take this word away")
    out = bytearray()
    for at in range(0, len(payload), _PIECE):
        out += coder.feed(payload[at : at + _PIECE])
        yield
    return bytes(out + coder.finish())
