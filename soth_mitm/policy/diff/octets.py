"""Bytes that are no text, compared row by row of sixteen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from soth_mitm.policy.diff.report import DiffLine, DiffSection, Kind, bounded

ROW: Final = 16
MOST_ROWS: Final = 64


def octets(title: str, left: bytes, right: bytes) -> DiffSection:
    """Compare two strings of bytes; rows are those of the left, with what stands in their place."""
    return bounded(title, "bytes", _lines(left, right), 2 * MOST_ROWS)


def _lines(left: bytes, right: bytes) -> Iterator[DiffLine]:
    if left == right:
        return
    start = first_difference(left, right)
    where = f"the first difference is at byte {start:,}; {len(left):,} and {len(right):,} bytes"
    yield DiffLine(Kind.NOTE, label=where)
    longest = max(len(left), len(right))
    skipped, told = 0, 0
    for at in range(start - start % ROW, longest, ROW):
        pair = left[at : at + ROW], right[at : at + ROW]
        if pair[0] == pair[1]:
            skipped += 1
            continue
        if told >= MOST_ROWS:
            yield DiffLine(Kind.NOTE, label="further rows are not compared")
            return
        if skipped:
            yield DiffLine(Kind.SKIPPED, label=f"{skipped:,} rows are the same")
            skipped = 0
        told += 1
        shown = tuple(_row(part) if part else None for part in pair)
        kind = Kind.ADDED if not pair[0] else Kind.REMOVED if not pair[1] else Kind.CHANGED
        yield DiffLine(kind, shown[0], shown[1], f"{at:08x}")


def first_difference(left: bytes, right: bytes) -> int:
    """Return how many bytes are the same at the beginning of both."""
    most = min(len(left), len(right))
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _row(data: bytes) -> str:
    digits = data.hex(" ")
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{digits:<{ROW * 3 - 1}}  {text}"
