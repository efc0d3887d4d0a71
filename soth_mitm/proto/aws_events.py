"""Messages of `application/vnd.amazon.eventstream`, as Bedrock, Transcribe, S3 Select and others send them.

A message is a prelude of its length, the length of its headers and the CRC of both; typed headers; the
payload; and the CRC of all that. Both sums are checked. What a message is called is what its headers
say: the type of an event, of an exception, or the code of an error. A message that is damaged or too long is
passed over, and told as such; where a prelude is wrong, so is all up to the next one that is right.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from soth_mitm.proto.aws_prelude import AROUND, LONGEST, MOST_HEADERS, SIZE, next_prelude, prelude_of
from soth_mitm.proto.splitting import HELD, Found, Item, Payload, SplitError

MESSAGE: Final = "message"
SIGNED: Final = "signed"
"""A message around another, signed on its own, as clients send it."""

DAMAGED: Final = "damaged"
"""What is passed over."""

_CRC: Final = struct.Struct(">I")
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
        """The prelude and the headers of the message that is arriving; of what is lost, its last bytes."""
        self._needed = SIZE
        """How long these are, as far as it is known."""
        self._left = -1
        """Payload bytes that are missing; -1 before the payload."""
        self._tail = b""
        self._total = 0
        self._crc = 0
        self._payload = Payload(keep=keep)
        self._lost = ""
        """Why the bytes that come are in no message."""
        self._long = False
        """The message is too long: it is passed over."""
        self._found_any = False

    @property
    def begun(self) -> int:
        """See `Splitter`."""
        if self._lost:
            return self._at - len(self._head)
        return self._start if self._head else self._at

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`. What never begins with a message is no stream of them."""
        base, at = self._at, 0
        self._at = base + len(data)
        while at < len(data):
            if self._lost:
                at = yield from self._seek(data, at, base)
            elif self._left < 0:
                at = self._take_head(data, at, base)
            elif self._left:
                piece = data[at : at + self._left]
                if not self._long:
                    self._crc = zlib.crc32(piece, self._crc)
                    yield from self._payload.add(piece, base + at)
                at += len(piece)
                self._left -= len(piece)
                if self._long and not self._left:
                    yield self._passed_over()
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
            SplitError: the body ends inside a message, or was none of this kind.
        """
        if self._lost:
            if not self._found_any:
                raise SplitError("bad_checksum", self._lost)
            yield self._damage(self._at)
        elif self._head:
            got = self._at - self._start
            of = f" of {self._total:,}" if self._total else ""
            raise SplitError("truncated_message", f"the body ends {got:,} bytes into a message{of}")

    def _take_head(self, data: bytes, at: int, base: int) -> int:
        if not self._head:
            self._start = base + at
        piece = data[at : at + self._needed - len(self._head)]
        self._head += piece
        at += len(piece)
        if len(self._head) == self._needed == SIZE and not self._total:
            self._take_prelude()
        if len(self._head) == self._needed and self._total and not self._long:
            self._crc = zlib.crc32(self._head)
            self._left = self._total - self._needed - _CRC.size
            self._payload.begin(base + at)
        return at

    def _take_prelude(self) -> None:
        total, headers, true = prelude_of(self._head)
        if not true:
            self._lost = "the checksum of a prelude is wrong"
            del self._head[0]
            return
        self._total = total
        if total > LONGEST or headers > MOST_HEADERS:
            self._long, self._left = True, total - SIZE
        else:
            self._needed = SIZE + headers

    # --- what is passed over ----------------------------------------------------------------------

    def _seek(self, data: bytes, at: int, base: int) -> Generator[Item, None, int]:
        """Look for the next message; return how far the bytes have been taken."""
        kept = len(self._head)
        window = bytes(self._head) + data[at:]
        first = base + at - kept
        place = next_prelude(window)
        if not self._found_any and (first + place if place >= 0 else base + len(data) - SIZE) > HELD:
            raise SplitError("bad_checksum", self._lost)
        if place < 0:
            self._head = bytearray(window[1 - SIZE :])
            return len(data)
        yield self._damage(first + place)
        self._start = first + place
        self._head = bytearray(window[place : place + SIZE])
        at += place + SIZE - kept
        self._take_prelude()
        return self._take_head(data, at, base)

    def _damage(self, end: int) -> Found:
        size, why = end - self._start, self._lost
        self._lost = ""
        self._head.clear()
        note = f"{why}: {size:,} bytes are passed over"
        return self._no_message(size, offset=self._start, end=end, note=note)

    def _passed_over(self) -> Found:
        total, size = self._total, self._total - AROUND
        headers = prelude_of(self._head).headers
        note = f"too long: {total:,} bytes, {headers:,} of them headers, are passed over"
        found = self._no_message(size, offset=self._start + SIZE, end=self._start + total, note=note)
        self._next()
        return found

    def _no_message(self, size: int, *, offset: int, end: int, note: str) -> Found:
        return Found(
            label=DAMAGED,
            size=size,
            offset=offset,
            start=self._start,
            end=end,
            wire=end - self._start,
            note=note,
            damaged=True,
        )

    def _found(self) -> Found:
        payload, total = self._payload, self._total
        damage = "" if _CRC.unpack(self._tail)[0] == self._crc else "the checksum of the message is wrong"
        label, note = DAMAGED, damage
        headers = bytes(self._head[SIZE:])
        if not damage:
            try:
                label, note = _known(headers) if len(headers) <= _SHORT else names(headers_of(headers))
            except SplitError as error:
                damage = note = error.detail
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
            damaged=bool(damage),
        )
        self._next()
        return found

    def _next(self) -> None:
        self._head.clear()
        self._needed, self._left, self._total, self._tail = SIZE, -1, 0, b""
        self._payload = Payload(keep=self._keep)
        self._long, self._found_any = False, True


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
    total = AROUND + len(head) + len(payload)
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
    headers = headers_of(raw[SIZE : SIZE + prelude_of(raw).headers])
    if label is not None:
        named = (b":event-type", b":exception-type", b":error-code")
        headers = [
            header._replace(value=label.encode("utf-8", "replace")) if header.name in named else header
            for header in headers
        ]
    return message(headers, payload)
