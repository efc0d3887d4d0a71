"""Messages of gRPC, gRPC-Web and Connect streams: five bytes of flags and length, then the payload.

gRPC-Web sends its trailers as a last frame, and its text form as base64, in chunks that are padded
each on its own. Connect ends a stream with a frame of JSON. A compressed message is decompressed on
the way where a decompressor is given; otherwise its payload is told as it is.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from soth_mitm.proto.grpc_status import web_trailers_note
from soth_mitm.proto.splitting import HELD, Found, Item, Payload, SplitError

MESSAGE: Final = "message"
COMPRESSED: Final = "compressed"
"""Of a message that stays compressed, since nothing undoes that here."""
TRAILERS: Final = "trailers"
END_OF_STREAM: Final = "end"

_PREFIX: Final = struct.Struct(">BI")
_COMPRESSED, _END, _TRAILERS = 0x01, 0x02, 0x80


class Decompressor(Protocol):
    """Undoes the compression of one message, piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes give.

        Raises:
            ProtocolError: they are damaged.
        """
        ...


class GrpcSplitter:
    """Finds the messages of one direction. `decompressor` makes one for each compressed message.

    `web` allows the frame of trailers, `connect` the end of a Connect stream.
    """

    over = False

    def __init__(
        self,
        *,
        keep: bool = True,
        decompressor: Callable[[], Decompressor] | None = None,
        web: bool = False,
        connect: bool = False,
    ) -> None:
        self._keep = keep
        self._make = decompressor
        self._flags = _COMPRESSED | (_TRAILERS if web else 0) | (_END if connect else 0)
        self._at = 0
        self._prefix = b""
        self._start = 0
        self._flag = -1
        """Flags of the message that is arriving; -1 between messages."""
        self._left = 0
        self._length = 0
        self._payload = Payload(keep=keep)
        self._unpacking: Decompressor | None = None

    @property
    def begun(self) -> int:
        """See `Splitter`."""
        return self._start if self._prefix or self._flag >= 0 else self._at

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`."""
        base, pos = self._at, 0
        self._at = base + len(data)
        while pos < len(data):
            if self._flag < 0:
                if not self._prefix:
                    self._start = base + pos
                piece = data[pos : pos + _PREFIX.size - len(self._prefix)]
                self._prefix += piece
                pos += len(piece)
                if len(self._prefix) == _PREFIX.size:
                    yield from self._begin(base + pos)
                continue
            piece = data[pos : pos + self._left]
            yield from self._add(piece, base + pos)
            pos += len(piece)
            self._left -= len(piece)
            if not self._left:
                yield self._found()

    def pause(self) -> Iterator[Item]:
        """See `Splitter`."""
        return iter(())

    def finish(self) -> Iterator[Item]:
        """See `Splitter`.

        Raises:
            SplitError: the body ends inside a message.
        """
        if self._prefix:
            raise SplitError("truncated_prefix", f"the body ends {len(self._prefix)} bytes into a prefix")
        if self._flag >= 0:
            got = self._length - self._left
            raise SplitError("truncated_message", f"the body ends {got} bytes into {self._length}")
        return iter(())

    def _begin(self, at: int) -> Iterator[Item]:
        flag, self._length = _PREFIX.unpack(self._prefix)
        if flag & ~self._flags:
            raise SplitError("invalid_flag", f"a message begins with the flags 0x{flag:02x}")
        self._prefix = b""
        self._flag, self._left = flag, self._length
        # Of trailers the bytes are wanted wherever they lie: the status is in them.
        self._payload = Payload(keep=self._keep or flag != 0)
        if flag & _COMPRESSED and self._make is not None:
            self._unpacking = self._make()
        else:
            self._payload.begin(at)
        if not self._length:
            yield self._found()

    def _add(self, piece: bytes, at: int) -> Iterator[Item]:
        if self._unpacking is None:
            yield from self._payload.add(piece, at)
        else:
            for out in self._unpacking.feed(piece):
                yield from self._payload.add(out, -1)

    def _found(self) -> Found:
        payload, flag = self._payload, self._flag
        data = payload.take()
        label, note = MESSAGE, ""
        if flag & _TRAILERS:
            label, note = TRAILERS, web_trailers_note(data)
        elif flag & _END:
            label = END_OF_STREAM
        elif flag & _COMPRESSED and self._make is None:
            label = COMPRESSED
        found = Found(
            label=label,
            size=payload.size,
            data=data,
            offset=payload.offset if self._unpacking is None else -1,
            start=self._start,
            end=self._start + _PREFIX.size + self._length,
            wire=_PREFIX.size + self._length,
            note=note,
            compressed=bool(flag & _COMPRESSED),
            in_parts=payload.in_parts,
        )
        self._flag, self._unpacking = -1, None
        return found


_GROUPS = re.compile(rb"(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*")


class Base64:
    """Undoes the base64 of a `grpc-web-text` body, in which any group may be padded."""

    def __init__(self) -> None:
        self.rest = b""
        """The group that is not whole yet."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes that the next characters give.

        Raises:
            SplitError: they are not base64; what came before is.
        """
        data = self.rest + data.translate(None, b"\r\n")
        whole = len(data) - len(data) % 4
        self.rest = data[whole:]
        for start in range(0, whole, HELD):
            piece, good = _decoded(data[start : min(start + HELD, whole)])
            yield piece
            if not good:
                raise SplitError("bad_base64", "the text is not base64")


class ToBase64:
    """Makes such text, each piece padded on its own."""

    def feed(self, data: bytes) -> bytes:
        """Return the text of a piece."""
        return base64.b64encode(data)

    def finish(self) -> bytes:
        """Return what ends the text, which is nothing."""
        return b""


class WebTextSplitter:
    """Finds the messages of a `grpc-web-text` body: base64 of frames, in chunks padded each on its own.

    Nothing lies in the body as it is, so no message has an offset, and its wire bytes are those of the
    frame inside.
    """

    over = False
    begun = 0

    def __init__(self, frames: GrpcSplitter) -> None:
        self._frames = frames
        self._text = Base64()

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`."""
        for frames in self._text.feed(data):
            for item in self._frames.feed(frames):
                yield item if not isinstance(item, Found) else _without_place(item)

    def pause(self) -> Iterator[Item]:
        """See `Splitter`."""
        return iter(())

    def finish(self) -> Iterator[Item]:
        """See `Splitter`.

        Raises:
            SplitError: the body ends inside a message, or inside a group of base64.
        """
        if self._text.rest:
            count = len(self._text.rest)
            raise SplitError("truncated_base64", f"the body ends {count} characters into a group")
        return self._frames.finish()


def _decoded(text: bytes) -> tuple[bytes, bool]:
    """Undo base64, of which any group may be padded; return what it gives, and whether that is all."""
    good = _GROUPS.match(text)
    end = good.end() if good is not None else 0
    out = []
    start = 0
    while (pad := text.find(b"=", start, end)) >= 0:
        stop = pad // 4 * 4 + 4
        out.append(base64.b64decode(text[start:stop]))
        start = stop
    out.append(base64.b64decode(text[start:end]))
    return b"".join(out), end == len(text)


def _without_place(found: Found) -> Found:
    return Found(
        label=found.label,
        size=found.size,
        data=found.data,
        wire=found.wire,
        note=found.note,
        compressed=found.compressed,
        in_parts=found.in_parts,
    )
