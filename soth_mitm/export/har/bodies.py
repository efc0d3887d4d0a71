"""Bodies for a HAR: text where it can be turned back into the very bytes, base64 otherwise.

A body of up to `HELD` bytes is held while its entry is made. A larger one is read twice: to find out what
it is and how long, then to be written piece by piece into the place that a marker keeps.
"""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from soth_mitm.decode.charset import charset_of, incremental
from soth_mitm.decode.unpacking import Unpacker

HELD: Final = 4 * 1024 * 1024
"""Bytes of a decoded body that are held at once."""

MOST: Final = 1024 * 1024 * 1024
"""Bytes of a decoded body that are written; what goes beyond is a bomb."""

Pieces = Callable[[], Iterator[bytes]]


class Shape(NamedTuple):
    """What a body is once its codings are undone."""

    size: int
    charset: str
    """That of the text; empty where it is not text."""
    data: bytes | None
    """All of it, where it is held."""
    note: str = ""
    """What is wrong with it."""


def shape_of(pieces: Pieces, *, content_encoding: bytes, content_type: bytes) -> Shape:
    """Look at a body as a whole."""
    charset = charset_of(content_type) or "utf-8"
    decoder = incremental(charset, "strict")
    if decoder is None:
        charset, decoder = "utf-8", codecs.getincrementaldecoder("utf-8")("strict")
    exact = charset.replace("_", "-") in ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1")
    unpacker = Unpacker(content_encoding)
    held: list[bytes] | None = []
    size, text = 0, exact
    for piece in unpacked(pieces(), unpacker):
        size += len(piece)
        if text:
            try:
                decoder.decode(piece)
            except ValueError:
                text = False
        if held is not None:
            held.append(piece)
            if size > HELD:
                held = None
        if size > MOST:
            break
    if text:
        try:
            decoder.decode(b"", final=True)
        except ValueError:
            text = False
    note = unpacker.error if unpacker.error else ""
    if size > MOST:
        note = f"only the first {MOST:,} bytes are here"
    return Shape(size, charset if text else "", b"".join(held) if held is not None else None, note)


def unpacked(pieces: Iterator[bytes], unpacker: Unpacker) -> Iterator[bytes]:
    """Yield what pieces decode to."""
    for piece in pieces:
        yield from unpacker.feed(piece)


def held_text(shape: Shape) -> tuple[str, bool]:
    """Return a held body as text, and whether that is base64."""
    assert shape.data is not None, "the body is held"
    if shape.charset:
        return shape.data.decode(shape.charset), False
    return base64.b64encode(shape.data).decode("ascii"), True


def json_pieces(pieces: Pieces, *, content_encoding: bytes, charset: str) -> Iterator[bytes]:
    """Yield a body as what stands between the quotes of a JSON string."""
    unpacker = Unpacker(content_encoding)
    left, size = b"", 0
    decoder = codecs.getincrementaldecoder(charset)("strict") if charset else None
    for piece in unpacked(pieces(), unpacker):
        size += len(piece)
        if size > MOST:
            break
        if decoder is not None:
            yield json.dumps(decoder.decode(piece), ensure_ascii=False)[1:-1].encode()
            continue
        data = left + piece
        whole = len(data) - len(data) % 3
        left = data[whole:]
        yield base64.b64encode(data[:whole])
    if left:
        yield base64.b64encode(left)
