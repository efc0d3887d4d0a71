"""Frames made by hand, so that broken ones can be made too; and how an observer is driven in tests."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable

from soth_mitm.model.events import Direction
from soth_mitm.proto.websocket.extensions import Agreed, DeflateParams
from soth_mitm.proto.websocket.observer import Observer
from soth_mitm.proto.websocket.reading import Control, Ended, Item, Odd, Part

UP, DOWN = Direction.REQUEST, Direction.RESPONSE
KEY = b"\x37\xfa\x21\x3d"
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
RSV1, RSV2 = 0x40, 0x20
PLAIN = Agreed()
DEFLATE = Agreed(DeflateParams())
LIMIT = 1024 * 1024


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, bits: int = 0, mask: bool = True) -> bytes:
    """Return a frame as a client sends it, or with `mask` false as a server does."""
    size = len(data)
    head = bytes([(0x80 if fin else 0) | bits | opcode])
    flag = 0x80 if mask else 0
    if size < 126:
        head += bytes([flag | size])
    elif size < 65536:
        head += bytes([flag | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([flag | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + data
    return head + KEY + bytes(byte ^ KEY[i % 4] for i, byte in enumerate(data))


class Sender:
    """Compresses one side's messages."""

    def __init__(self, *, mask: bool = True, takeover: bool = True, bits: int = 15) -> None:
        self._mask = mask
        self._takeover = takeover
        self._bits = bits
        self._compress = self._fresh()

    def _fresh(self) -> zlib._Compress:
        return zlib.compressobj(6, zlib.DEFLATED, -self._bits)

    def coded(self, data: bytes) -> bytes:
        """Return a message's compressed payload."""
        if not self._takeover:
            self._compress = self._fresh()
        return (self._compress.compress(data) + self._compress.flush(zlib.Z_SYNC_FLUSH)).removesuffix(
            b"\x00\x00\xff\xff"
        )

    def text(self, data: bytes, *, cuts: Iterable[int] = (), between: bytes = b"") -> bytes:
        """Return a text message, cut into frames, with `between` after each but the last."""
        coded = self.coded(data)
        edges = [0, *sorted(min(cut, len(coded)) for cut in cuts), len(coded)]
        pairs = list(itertools.pairwise(edges))
        out = b""
        for number, (start, stop) in enumerate(pairs):
            last = number == len(pairs) - 1
            out += frame(
                CONTINUATION if number else TEXT,
                coded[start:stop],
                fin=last,
                bits=0 if number else RSV1,
                mask=self._mask,
            )
            out += b"" if last else between
        return out


def observer(agreed: Agreed = PLAIN, *, limit: int = LIMIT) -> Observer:
    """Return an observer after a handshake."""
    return Observer(agreed, inflate_bytes=limit)


def said(data: bytes, agreed: Agreed = PLAIN, *, direction: Direction = UP) -> list[Item]:
    """Return what bytes of one direction say."""
    return observer(agreed).feed(direction, data)


def story(items: Iterable[Item]) -> list[tuple[object, ...]]:
    """Return what was said with the parts of each message joined, whatever the reads were."""
    out: list[tuple[object, ...]] = []
    held = b""
    for item in items:
        match item:
            case Part(data):
                held += data
            case Ended(label, data, size, wire, fragments, compressed):
                held += data
                assert len(held) == size
                out.append((label, held, wire, fragments, compressed))
                held = b""
            case Control(label, data, wire, note):
                out.append((label, data, wire, note))
            case Odd(code, _):
                out.append((code,))
    return [*out, ("open", held)] if held else out


def problems(data: bytes, agreed: Agreed = PLAIN, *, direction: Direction = UP) -> tuple[str, list[str]]:
    """Return the code at which reading stopped, and the codes of what was odd before."""
    look = observer(agreed)
    odd = [item.code for item in look.feed(direction, data) if isinstance(item, Odd)]
    error = look.side(direction).reader.error
    return error.code if error is not None else "", odd
