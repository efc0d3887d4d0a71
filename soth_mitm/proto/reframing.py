"""Messages of a handler's own, framed as their stream frames messages: events, lines, frames."""

from __future__ import annotations

import re
import struct
from typing import Final, Protocol

from soth_mitm.model.terms import MessageForm
from soth_mitm.proto import aws_events

_LINE: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"
_PREFIX: Final = struct.Struct(">BI")
_COMPRESSED: Final = 0x01


class Reframing(Protocol):
    """Frames messages of one kind of stream."""

    usual: str
    """What a message is called that has no name of its own."""

    def new(self, data: bytes, *, label: str, note: str) -> bytes:
        """Return a message that was not there.

        Raises:
            ValueError: no message of this stream can be so.
        """
        ...

    def changed(self, raw: bytes, data: bytes, *, label: str | None, note: str | None) -> bytes:
        """Return the message `raw` with another payload; a label or a note that is None stays.

        Raises:
            ValueError: no message of this stream can be so.
        """
        ...

    def ended(self, raw: bytes) -> bytes:
        """Return a message so that another can stand behind it."""
        ...


class Events:
    """Server-sent events: the label is the event's type, the note its id."""

    usual = "message"

    def new(self, data: bytes, *, label: str, note: str) -> bytes:
        """See `Reframing`."""
        kind = [] if label in ("", "message") else [b"event: " + _value(label)]
        own = [b"id: " + _value(note)] if note else []
        return b"".join(line + b"\n" for line in (*kind, *own, *_data_lines(data), b""))

    def changed(self, raw: bytes, data: bytes, *, label: str | None, note: str | None) -> bytes:
        """See `Reframing`. Comments, `retry` and whatever else the event has stay."""
        mark = _BOM if raw.startswith(_BOM) else b""
        dropped = {b"data"} | ({b"event"} if label is not None else set())
        dropped |= {b"id"} if note is not None else set()
        lines = [line for line in _LINE.split(raw[len(mark) :]) if line]
        kept = [line for line in lines if line.partition(b":")[0] not in dropped]
        own = self.new(data, label=label or "", note=note or "")
        return mark + b"".join(line + b"\n" for line in kept) + own

    def ended(self, raw: bytes) -> bytes:
        """See `Reframing`."""
        return raw


class Lines:
    """JSON lines; they have no labels."""

    usual = "line"

    def new(self, data: bytes, *, label: str, note: str) -> bytes:
        """See `Reframing`."""
        if not data.strip() or b"\n" in data:
            raise ValueError("a line of JSON lines is not empty, and has no line end inside")
        return data + b"\n"

    def changed(self, raw: bytes, data: bytes, *, label: str | None, note: str | None) -> bytes:
        """See `Reframing`."""
        return self.new(data, label="", note="")

    def ended(self, raw: bytes) -> bytes:
        """See `Reframing`."""
        return raw if raw.endswith(b"\n") else raw + b"\n"


class Frames:
    """Messages of gRPC, gRPC-Web and Connect; what is new is not compressed, which is always allowed."""

    usual = "message"

    def new(self, data: bytes, *, label: str, note: str) -> bytes:
        """See `Reframing`."""
        return _PREFIX.pack(0, len(data)) + data

    def changed(self, raw: bytes, data: bytes, *, label: str | None, note: str | None) -> bytes:
        """See `Reframing`."""
        return _PREFIX.pack(raw[0] & ~_COMPRESSED, len(data)) + data

    def ended(self, raw: bytes) -> bytes:
        """See `Reframing`."""
        return raw


class AwsEvents:
    """Messages of an AWS event stream: the label is the type of an event. Sums are made anew."""

    usual = aws_events.MESSAGE

    def new(self, data: bytes, *, label: str, note: str) -> bytes:
        """See `Reframing`."""
        return aws_events.event(label, data)

    def changed(self, raw: bytes, data: bytes, *, label: str | None, note: str | None) -> bytes:
        """See `Reframing`. The other headers stay."""
        return aws_events.changed(raw, data, label=label)

    def ended(self, raw: bytes) -> bytes:
        """See `Reframing`."""
        return raw


REFRAMING: Final[dict[MessageForm, Reframing]] = {
    MessageForm.SSE: Events(),
    MessageForm.NDJSON: Lines(),
    MessageForm.GRPC: Frames(),
    MessageForm.AWS: AwsEvents(),
}
"""The streams whose messages can be changed."""


def _data_lines(data: bytes) -> list[bytes]:
    return [b"data: " + line for line in _LINE.split(data)]


def _value(text: str) -> bytes:
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError("the type or the id of an event has no line end and no NUL")
    return text.encode("utf-8", "replace")
