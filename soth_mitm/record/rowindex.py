"""The row index of a segment: what a list shows of its flows, so that it can be shown without reading them.

It stands in blocks of its own among those of the segment (docs/dump-format.md, "Row index"), and tells what
a few events at a time do to a list: rows as they are then, and the small events that belong to no flow.
Pure: `rowindexer` makes it, `Index.adopt` takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from soth_mitm.model.llm import Call
from soth_mitm.model.terms import FlowKind, MessageForm
from soth_mitm.record.format import (
    BLOCK_HEADER_SIZE,
    BLOCK_INDEX,
    FRAME_BYTES,
    LayoutError,
    compressed_block,
)
from soth_mitm.record.frames import decode_frame, frames_in
from soth_mitm.record.packed import Packed, Result, Site
from soth_mitm.record.rows import CLOSED, OPEN, PATH_LIMIT, STREAMING, Row
from soth_mitm.record.runs import NO_SHIFT, Shift
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.model.events import Event

INDEX_VERSION: Final = 1
"""Raised when an older reader would misread a newer index; such a reader reads the flows themselves."""

EVENTS_AT_ONCE: Final = 64
"""How many events of a block are taken together. Where a failure stands among other rows depends on it.

A digest of more is refused, as taking it would hold up the loop: who raises this raises `INDEX_VERSION`.
"""


class Digest(msgspec.Struct, array_like=True):
    """What up to `EVENTS_AT_ONCE` events of one block do to an index."""

    block: int
    """Counts from the first block of frames in the segment, those of a checkpoint included."""
    rows: list[int | Packed]
    """The flows that they change, in order: packed where it has ended, otherwise its number."""
    whole: list[Row]
    """The rows of those by number that are told of for the first time, and of those that have ended, but
    failed or called a language model. The other ones go on."""
    conns: list[int]
    """The conns that they tell something of."""
    told: bytes = b""
    """Frames of those that belong to no flow and that an index takes note of, without what it does not read,
    and of annotations."""
    carried: list[int] = []
    """Those of the flows that have ended which began in an earlier segment."""

    def events(self, shift: Shift = NO_SHIFT) -> list[Event]:
        """Return the events of `told`."""
        found = (decode_frame(self.told, frame) for frame in frames_in(self.told))
        return [shift.apply(event) for event in found if event is not None]


class SegmentEnd(msgspec.Struct, array_like=True):
    """How things stand at the end of the segment."""

    open: list[Row]
    """The rows of open flows that have changed since they were told."""
    conn: int
    """The highest conn of its events."""
    flow: int
    kinds: list[int] = []
    """The kinds of its events. Who does not know one of them reads the events, to tell of it."""


class IndexPart(msgspec.Struct, array_like=True):
    """The payload of one block of the index."""

    version: int
    sites: list[Site]
    """Where the packed rows of this part went."""
    results: list[Result]
    """How they ended."""
    digests: list[Digest]
    end: SegmentEnd | None = None
    """Only in the last part of a segment."""

    def shift(self, by: Shift) -> None:
        """Number conns and flows on, behind those of an earlier run."""
        if by == NO_SHIFT:
            return
        self.sites = [(*site[:8], site[8] + by.flow if site[8] else 0, site[9]) for site in self.sites]
        for digest in self.digests:
            digest.conns = [conn + by.conn for conn in digest.conns]
            digest.carried = [flow + by.flow for flow in digest.carried]
            digest.rows = [
                row + by.flow if isinstance(row, int) else _shifted(row, by) for row in digest.rows
            ]
            digest.whole = [_shifted(row, by) for row in digest.whole]
        if self.end is not None:
            for row in self.end.open:
                _shifted(row, by)


class _Version(msgspec.Struct, array_like=True):
    version: int


class _Raw(msgspec.Struct, array_like=True):
    version: int
    sites: list[Site]
    results: list[Result]
    digests: list[msgspec.Raw]
    end: SegmentEnd | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(IndexPart)
_version_decoder = msgspec.msgpack.Decoder(_Version)


def encode_digest(digest: Digest) -> bytes:
    """Return a digest as a part holds it.

    Raises:
        ValueError, TypeError, OverflowError: a row holds what cannot be encoded.
    """
    return _encoder.encode(digest)


def encode_part(
    digests: list[bytes], sites: Iterable[Site], results: Iterable[Result], end: SegmentEnd | None = None
) -> bytes:
    """Return a whole block of the index, compressed.

    Raises:
        ValueError, TypeError, OverflowError: a row holds what cannot be encoded, or they are too many.
    """
    buffer = bytearray(BLOCK_HEADER_SIZE)
    raw = [msgspec.Raw(digest) for digest in digests]
    part = _Raw(INDEX_VERSION, list(sites), list(results), raw, end)
    _encoder.encode_into(part, buffer, BLOCK_HEADER_SIZE)
    if len(buffer) - BLOCK_HEADER_SIZE > FRAME_BYTES:
        raise ValueError("a part is longer than a block may be")
    return compressed_block(buffer, flags=BLOCK_INDEX, frames=0, first_seq=0, last_seq=0)


def decode_part(payload: bytes) -> IndexPart:
    """Read the payload of one block of an index.

    Raises:
        LayoutError: it is none, is of another version, or holds what no list may be told.
    """
    try:
        if _version_decoder.decode(payload).version != INDEX_VERSION:
            raise LayoutError("index_version")
        part = _decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LayoutError("index_part") from error
    if not (_is_sound(part) and _are_sound(list(_rows_of(part)))):
        raise LayoutError("index_row")
    return part


def _rows_of(part: IndexPart) -> Iterator[Row]:
    for digest in part.digests:
        yield from digest.whole
    if part.end is not None:
        yield from part.end.open


_STATES: Final = frozenset((OPEN, STREAMING, CLOSED))
_KINDS: Final = frozenset(kind.value for kind in FlowKind)
_PACKED_KINDS: Final = _KINDS - {FlowKind.FAILED.value}
_FORMS: Final = frozenset(("", *(form.value for form in MessageForm)))
_CHARACTERS: Final = 8192
"""More than all texts of a row have together."""

_texts_of_call = attrgetter(*(
    field.name for field in msgspec.structs.fields(Call) if field.type is str or field.type == "str"
))  # fmt: skip
_texts_of = attrgetter(*(
    field.name for field in msgspec.structs.fields(Row) if field.type is str or field.type == "str"
))  # fmt: skip


def _is_sound(part: IndexPart) -> bool:
    """Say whether a part is of rows that a list can take in this order, and its packed rows such."""
    if not all(map(_is_in_order, part.digests)):
        return False
    if part.end is not None and not all(row.open for row in part.end.open):
        return False
    texts = [part_of for each in (*part.sites, *part.results) for part_of in each if isinstance(part_of, str)]
    paths: list[str] = []
    sites, results = len(part.sites), len(part.results)
    for digest in part.digests:
        for row in digest.rows:
            if type(row) is Packed:
                paths.append(row.path)
                if not (0 <= row.site < sites and 0 <= row.result < results and row.flow > 0):
                    return False
    known = all(result[0] in _PACKED_KINDS and result[16] in _FORMS for result in part.results)
    long = max(map(len, paths), default=0) > PATH_LIMIT or max(map(len, texts), default=0) > _CHARACTERS
    return known and not long and _is_printable("".join((*texts, *paths)))


def _is_in_order(digest: Digest) -> bool:
    """Say whether a digest is about few events, and has one entry a flow."""
    flows = {row if isinstance(row, int) else row.flow for row in digest.rows}
    return len(flows) == len(digest.rows) <= EVENTS_AT_ONCE and len(digest.conns) <= EVENTS_AT_ONCE


def _is_printable(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or printable(text) == text


def _are_sound(rows: list[Row]) -> bool:
    """Say whether rows could have been made of events: a file may come from anywhere."""
    calls = [row.llm for row in rows if row.llm is not None]
    texts = ["".join(_texts_of(row)) for row in rows]
    texts += ["".join(_texts_of_call(call)) for call in calls]
    if not _is_printable("".join(texts)):
        return False
    if max(map(len, texts), default=0) > _CHARACTERS:
        return False
    return all(
        row.state in _STATES
        and row.kind in _KINDS
        and row.form in _FORMS
        and len(row.path) <= PATH_LIMIT
        and row.flow > 0
        for row in rows
    )


_RowLike = TypeVar("_RowLike", Row, Packed)


def _shifted(row: _RowLike, by: Shift) -> _RowLike:
    row.flow += by.flow
    row.conn = row.conn + by.conn if row.conn else 0
    if isinstance(row, Row):
        row.replay_of = row.replay_of + by.flow if row.replay_of else 0
    return row
