"""Messages of `application/vnd.amazon.eventstream`, as Bedrock, Transcribe, S3 Select and others send them.

A message is a prelude of its length, the length of its headers and the CRC of both; typed headers; the
payload; and the CRC of all that. Both sums are checked. What a message is called is what its headers
say: the type of an event, of an exception, or the code of an error.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from soth_mitm.proto.splitting import Found, Item, Payload, SplitError

LONGEST: Final = 32 * 1024 * 1024
"""Bytes of a message; the services send 24 MiB at most."""

MOST_HEADERS: Final = 128 * 1024
"""Bytes of the headers of a message, as the format allows; as many are kept of one that is arriving."""

MESSAGE: Final = "message"
SIGNED: Final = "signed"
"""A message around another, signed on its own, as clients send it."""

_PRELUDE: Final = struct.Struct(">III")
_CRC: Final = struct.Struct(">I")
_AROUND: Final = _PRELUDE.size + _CRC.size
_FIXED: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""How long the values of a type are: true, false, byte, short, int, long, time, uuid."""
_BYTES, _STRING = 6, 7
_SHORT: Final = 512


class Header(NamedTuple):
    """A header as it was sent."""

    name: bytes
    kind: int
    value: bytes


class AwsSplitter:
    """Finds the messages of one direction."""

    over = False

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self._at = 0
        self._start = 0
        self._head = bytearray()
        """The prelude and the headers of the message that is arriving."""
        self._needed = _PRELUDE.size
        """How long these are, as far as it is known."""
        self._left = -1
        """Payload bytes that are missing; -1 before the payload."""
        self._tail = b""
        self._total = 0
        self._crc = 0
        self._payload = Payload(keep=keep)

    @property
    def begun(self) -> int:
        """See `Splitter`."""
        return self._start if self._head else self._at

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`."""
        base, at = self._at, 0
        self._at = base + len(data)
        while at < len(data):
            if self._left < 0:
                at = self._take_head(data, at, base)
            elif self._left:
                piece = data[at : at + self._left]
                self._crc = zlib.crc32(piece, self._crc)
                yield from self._payload.add(piece, base + at)
                at += len(piece)
                self._left -= len(piece)
            else:
                piece = data[at : at + _CRC.size - len(self._tail)]
                self._tail += piece
                at += len(piece)
                if len(self._tail) == _CRC.size:
                    yield self._found()

    def pause(self) -> Iterator[Item]:
        """See `Splitter`."""
        return iter(())

    def finish(self) -> Iterator[Item]:
        """See `Splitter`.

        Raises:
            SplitError: the body ends inside a message.
        """
        if self._head:
            got = self._at - self._start
            of = f" of {self._total:,}" if self._total else ""
            raise SplitError("truncated_message", f"the body ends {got:,} bytes into a message{of}")
        return iter(())

    def _take_head(self, data: bytes, at: int, base: int) -> int:
        if not self._head:
            self._start = base + at
        piece = data[at : at + self._needed - len(self._head)]
        self._head += piece
        at += len(piece)
        if len(self._head) == self._needed == _PRELUDE.size and not self._total:
            self._take_prelude()
        if len(self._head) == self._needed and self._total:
            self._crc = zlib.crc32(self._head)
            self._left = self._total - self._needed - _CRC.size
            self._payload.begin(base + at)
        return at

    def _take_prelude(self) -> None:
        total, headers, crc = _PRELUDE.unpack(self._head)
        if zlib.crc32(self._head[:8]) != crc:
            raise SplitError("bad_checksum", "the checksum of a prelude is wrong")
        if headers > MOST_HEADERS or not _AROUND + headers <= total <= LONGEST:
            raise SplitError("bad_length", f"a message of {total:,} bytes with {headers:,} of headers")
        self._total, self._needed = total, _PRELUDE.size + headers

    def _found(self) -> Found:
        payload, total = self._payload, self._total
        if _CRC.unpack(self._tail)[0] != self._crc:
            raise SplitError("bad_checksum", "the checksum of a message is wrong")
        headers = bytes(self._head[_PRELUDE.size :])
        label, note = _known(headers) if len(headers) <= _SHORT else names(headers_of(headers))
        found = Found(
            label=label,
            size=payload.size,
            data=payload.take(),
            offset=payload.offset,
            start=self._start,
            end=self._start + total,
            wire=total,
            note=note,
            in_parts=payload.in_parts,
        )
        self._head.clear()
        self._needed, self._left, self._total, self._tail = _PRELUDE.size, -1, 0, b""
        self._payload = Payload(keep=self._keep)
        return found


def headers_of(data: bytes) -> list[Header]:
    """Take headers apart.

    Raises:
        SplitError: they are not in the form.
    """
    found: list[Header] = []
    at = 0
    while at < len(data):
        start, at = at + 1, at + 1 + data[at]
        name, kind = data[start:at], data[at] if at < len(data) else -1
        at += 1
        size = _FIXED.get(kind, -1)
        if kind in (_BYTES, _STRING):
            size = int.from_bytes(data[at : at + 2], "big") if at + 2 <= len(data) else -1
            at += 2
        if size < 0 or at + size > len(data):
            raise SplitError(
                "bad_headers", f"the headers of a message break off or have no known type ({kind})"
            )
        found.append(Header(name, kind, data[at : at + size]))
        at += size
    return found


def names(headers: list[Header]) -> tuple[str, str]:
    """Return what a message with such headers is called, and what more it says of itself."""
    by_name = {header.name: header.value for header in headers}

    def said(name: bytes) -> str:
        return by_name.get(name, b"").decode("utf-8", "replace")

    kind = said(b":message-type")
    if kind == "exception":
        return said(b":exception-type") or kind, kind
    if kind == "error":
        return said(b":error-code") or kind, said(b":error-message") or kind
    if b":chunk-signature" in by_name:
        return SIGNED, ""
    return said(b":event-type") or MESSAGE, ""


@lru_cache(maxsize=128)
def _known(data: bytes) -> tuple[str, str]:
    """Do so for headers that come again and again, as those of one stream do."""
    return names(headers_of(data))


def message(headers: list[Header], payload: bytes) -> bytes:
    """Return a message of the stream.

    Raises:
        ValueError: no message can be so long.
    """
    head = b"".join(
        bytes((len(name),))
        + name
        + bytes((kind,))
        + (len(value).to_bytes(2, "big") if kind in (_BYTES, _STRING) else b"")
        + value
        for name, kind, value in headers
        if len(name) < 256 and len(value) < 65_536
    )
    total = _AROUND + len(head) + len(payload)
    if total > LONGEST or len(head) > MOST_HEADERS:
        raise ValueError(f"a message of an event stream has {LONGEST:,} bytes at most")
    begin = struct.pack(">II", total, len(head))
    begin += _CRC.pack(zlib.crc32(begin)) + head + payload
    return begin + _CRC.pack(zlib.crc32(begin))


def event(label: str, payload: bytes, *, media_type: bytes = b"application/json") -> bytes:
    """Return an event of a type."""
    return message(
        [
            Header(b":event-type", _STRING, label.encode("utf-8", "replace")),
            Header(b":content-type", _STRING, media_type),
            Header(b":message-type", _STRING, b"event"),
        ],
        payload,
    )


def changed(raw: bytes, payload: bytes, *, label: str | None) -> bytes:
    """Return the message `raw` with another payload and, where there is one, another type."""
    size = _PRELUDE.unpack_from(raw)[1]
    headers = headers_of(raw[_PRELUDE.size : _PRELUDE.size + size])
    if label is not None:
        named = (b":event-type", b":exception-type", b":error-code")
        headers = [
            header._replace(value=label.encode("utf-8", "replace")) if header.name in named else header
            for header in headers
        ]
    return message(headers, payload)
