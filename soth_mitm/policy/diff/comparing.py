"""Two messages compared part by part: start line, fields, body, trailers."""

from __future__ import annotations

from typing import Final

import msgspec

from soth_mitm.decode.charset import decode_text
from soth_mitm.decode.coding import undo
from soth_mitm.decode.sniff import choose
from soth_mitm.policy.diff import heads
from soth_mitm.policy.diff.heads import FieldLine
from soth_mitm.policy.diff.ignoring import NOTHING, Ignore
from soth_mitm.policy.diff.lines import texts
from soth_mitm.policy.diff.octets import first_difference, octets
from soth_mitm.policy.diff.report import DiffLine, DiffReport, DiffSection, Kind
from soth_mitm.policy.diff.trees import read, trees
from soth_mitm.text import human_size

MOST_BYTES: Final = 1024 * 1024
"""Of a body on either side: what is larger is compared byte by byte, up to the first difference."""


class Sample(msgspec.Struct, frozen=True):
    """A message, or as much of it as is to be compared."""

    start: bytes = b""
    """The start line; empty for a message within a stream."""
    fields: tuple[FieldLine, ...] = ()
    body: bytes = b""
    """As it passed, or how it began."""
    body_bytes: int = 0
    """Bytes that passed."""
    trailers: tuple[FieldLine, ...] = ()
    content_type: bytes = b""
    content_encoding: bytes = b""


def compare(left: Sample, right: Sample, *, name: str = "", ignore: Ignore = NOTHING) -> DiffReport:
    """Compare two messages; `name`, such as `Response`, begins the title of each part."""

    def title(part: str) -> str:
        return f"{name} {part}" if name else part.capitalize()

    sections: list[DiffSection] = []
    if left.start or right.start:
        sections.append(heads.start_lines(title("line"), left.start, right.start))
    if left.fields or right.fields:
        sections.append(heads.fields(title("fields"), left.fields, right.fields, ignore))
    sections.append(bodies(title("body"), left, right, ignore))
    if left.trailers or right.trailers:
        sections.append(heads.fields(title("trailers"), left.trailers, right.trailers, ignore))
    return DiffReport(tuple(sections))


def compare_exchanges(
    left: tuple[Sample | None, Sample | None],
    right: tuple[Sample | None, Sample | None],
    *,
    ignore: Ignore = NOTHING,
) -> DiffReport:
    """Compare requests and responses, as far as there are some."""
    report = DiffReport()
    for name, one, other in zip(("Request", "Response"), left, right, strict=True):
        if one is not None and other is not None:
            report += compare(one, other, name=name, ignore=ignore)
        elif one is not None or other is not None:
            kind = Kind.REMOVED if other is None else Kind.ADDED
            words = f"there is no {name.lower()}"
            line = DiffLine(
                kind, words if one is None else "there is one", words if other is None else "there is one"
            )
            report += DiffReport((DiffSection(name, "start", (line,)),))
    return report


def bodies(title: str, left: Sample, right: Sample, ignore: Ignore = NOTHING) -> DiffSection:
    """Compare two bodies: as JSON where both are, as text where both are, else as bytes."""
    if max(left.body_bytes, right.body_bytes, len(left.body), len(right.body)) > MOST_BYTES:
        return _coarse(title, left, right)
    one = undo(left.body, left.content_encoding, limit=MOST_BYTES)
    other = undo(right.body, right.content_encoding, limit=MOST_BYTES)
    if one.truncated or other.truncated:
        return _coarse(title, left, right)
    if one.data == other.data:
        return DiffSection(title, "text")
    kinds = {choose(one.data, left.content_type).kind, choose(other.data, right.content_type).kind}
    if "hex" in kinds or "image" in kinds:
        return octets(title, one.data, other.data)
    written = decode_text(one.data, left.content_type).text, decode_text(other.data, right.content_type).text
    try:
        values = read(written[0]), read(written[1])
    except ValueError:
        return texts(title, *written, ignore)
    if isinstance(values[0], list) and isinstance(values[1], list):
        return trees(title, *values, ignore)
    return texts(title, *written, ignore) if "json" not in kinds else trees(title, *values, ignore)


def _coarse(title: str, left: Sample, right: Sample) -> DiffSection:
    """Compare large bodies by their bytes alone."""
    one, other = (f"{human_size(max(each.body_bytes, len(each.body)))} bytes" for each in (left, right))
    whole = all(len(each.body) >= each.body_bytes for each in (left, right))
    same = left.body_bytes == right.body_bytes
    if left.body == right.body and same:
        if whole:
            return DiffSection(title, "size")
        most = human_size(len(left.body))
        note = f"the same size, and the first {most} bytes are the same; the rest was not compared"
        return DiffSection(title, "size", (DiffLine(Kind.NOTE, label=note),))
    start = first_difference(left.body, right.body)
    limit = human_size(MOST_BYTES)
    if start >= min(len(left.body), len(right.body)) and same:
        where = f"the first {human_size(start)} bytes are the same; the rest was not compared"
    else:
        where = f"they differ from byte {start:,} on; above {limit} bytes no line of it is compared"
    return DiffSection(title, "size", (DiffLine(Kind.CHANGED, one, other), DiffLine(Kind.NOTE, label=where)))
