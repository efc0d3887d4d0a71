"""Differences laid out for a width: side by side, or one below the other; pure.

Only heights are worked out for all of it; what a row shows is made when it is drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.policy.diff import DiffLine, Kind
from soth_mitm_tui.columns import fit
from soth_mitm_tui.viewers.wrap import break_points, cut_spans

if TYPE_CHECKING:
    from soth_mitm.policy.diff import DiffReport, DiffSection
    from soth_mitm.policy.diff.report import Spans
    from soth_mitm_tui.lines import Span

SIGNS: Final = {
    Kind.SAME: (" ", "text"),
    Kind.CHANGED: ("~", "accent"),
    Kind.REMOVED: ("-", "bad"),
    Kind.ADDED: ("+", "good"),
    Kind.MOVED: ("↕", "muted"),
    Kind.SPELLED: ("≈", "muted"),
    Kind.IGNORED: ("·", "muted"),
    Kind.PAIRED: ("→", "text"),
    Kind.SKIPPED: (" ", "muted"),
    Kind.NOTE: (" ", "muted"),
}
"""The sign beside each kind of line, so that none is told by its colour alone."""

DIFFERENT: Final = frozenset({Kind.CHANGED, Kind.REMOVED, Kind.ADDED})
_WORDED: Final = frozenset({Kind.SKIPPED, Kind.NOTE})
_LABELLED: Final = frozenset({"json", "bytes"})
FEW: Final = 2
"""As many fields that are the same stand between others; more are counted."""
_ROOM: Final = 12
"""Least cells of text."""
_LEAD: Final = 2
_HEX: Final = 80
"""Cells of a line of 16 bytes: their place, they themselves and what they are as text, with a lead."""
BUDGET_NS: Final = 2_000_000
"""How long the loop is kept at a time."""


class Block(NamedTuple):
    """Some rows that belong together: a title, a line, or nothing."""

    section: DiffSection | None
    line: DiffLine | None
    """None for the title of the section."""
    height: int
    stop: bool = False
    """Whether the keys for the next difference stop here."""


@lru_cache(maxsize=256)
def _points(text: str, room: int) -> list[int]:
    """Return where the rows of a text begin; a page asks for each of them as often as it has rows."""
    return break_points(text, room, 0)


def half_of(width: int) -> int:
    """Return how many cells the left side takes."""
    return (width - 1) // 2


class Layout:
    """A report in rows of a width."""

    def __init__(self, report: DiffReport, width: int, *, split: bool, everything: bool = False) -> None:
        self.width, self.split = max(width, 30), split
        self.half = half_of(self.width)
        self.everything = everything
        self.blocks: list[Block] = []
        self._starts: list[int] = []
        self.height = 0
        self._waiting = self._all(report)
        self.stops: list[int] = []
        """The blocks at which differences begin."""

    def slices(self, budget_ns: int = BUDGET_NS) -> Iterator[None]:
        """Lay out all of it, for about so long at a time."""
        until = perf_counter_ns() + budget_ns
        for block in self._waiting:
            if block.stop:
                self.stops.append(len(self.blocks))
            self._starts.append(self.height)
            self.blocks.append(block)
            self.height += block.height
            if perf_counter_ns() > until:
                yield
                until = perf_counter_ns() + budget_ns

    # --- what there is

    def _all(self, report: DiffReport) -> Iterator[Block]:
        open_before = True
        for section in report.sections:
            lines = self._kept(section)
            if open_before or lines:
                yield Block(None, None, 1)
            yield Block(section, None, 1)
            before, open_before = False, bool(lines)
            for line in lines:
                different = line.kind in DIFFERENT
                yield Block(section, line, self._height(section, line), different and not before)
                before = different and section.form == "text"

    def _kept(self, section: DiffSection) -> tuple[DiffLine, ...]:
        """Return the lines that are shown: none where nothing is worth a word."""
        if self.everything:
            return section.lines
        if all(line.kind in (Kind.SAME, Kind.SKIPPED) for line in section.lines):
            return ()
        return tuple(_without_the_same(section)) if section.form == "fields" else section.lines

    def _height(self, section: DiffSection, line: DiffLine) -> int:
        if line.kind in _WORDED:
            return max(1, len(self._note_points(section, line)))
        if self._beside(section):
            return max(self._rows(section, line, side) for side in ("left", "right"))
        sides = self._sides(line)
        return sum(self._rows(section, line, side) for side in sides)

    def _rows(self, section: DiffSection, line: DiffLine, side: str) -> int:
        text, room = self._text(section, line, side), self._room(section)
        return max(1, -(-len(text) // room)) if text.isascii() else len(_points(text, room))

    def _room(self, section: DiffSection) -> int:
        return max(_ROOM, (self.half if self._beside(section) else self.width) - _LEAD - 2 - _gutter(section))

    def _beside(self, section: DiffSection) -> bool:
        """Whether both sides share a row; bytes do only where a half has room for all 16 of a line."""
        return self.split and (section.form != "bytes" or self.half >= _HEX)

    def _note_points(self, section: DiffSection, line: DiffLine) -> list[int]:
        """Return where the rows of a remark begin."""
        return _points(line.label, max(_ROOM, self.width - 2 * _LEAD - 3 - _gutter(section)))

    @staticmethod
    def _sides(line: DiffLine) -> tuple[str, ...]:
        if line.kind is Kind.ADDED or line.left is None:
            return ("right",)
        if line.kind in (Kind.CHANGED, Kind.SPELLED, Kind.IGNORED, Kind.PAIRED) and line.right is not None:
            return ("left", "right") if line.left != line.right else ("left",)
        return ("left",)

    @staticmethod
    def _text(section: DiffSection, line: DiffLine, side: str) -> str:
        text = line.left if side == "left" else line.right
        if text is None:
            return ""
        return f"{line.label}  {text}" if section.form in _LABELLED and line.label else text

    # --- where it is

    def block_at(self, row: int) -> tuple[int, int]:
        """Return the number of the block that a row belongs to, and which of its rows it is."""
        number = bisect_right(self._starts, row) - 1
        return number, row - self._starts[number]

    def row_of(self, number: int) -> int:
        """Return the first row of a block."""
        return self._starts[number]

    def stop_near(self, row: int, step: int) -> int:
        """Return which difference, from 0, comes after a row, or before it; -1 for none."""
        rows = [self._starts[stop] for stop in self.stops]
        if step > 0:
            return next((at for at, start in enumerate(rows) if start > row), -1)
        return next((at for at in range(len(rows) - 1, -1, -1) if rows[at] < row), -1)

    # --- drawing

    def row(self, row: int, *, current: int = -1) -> list[Span]:
        """Return what a row shows; `current` is the block that the person has gone to."""
        number, at = self.block_at(row)
        section, line = self.blocks[number].section, self.blocks[number].line
        lead: Span = ("▸ " if number == current and not at else "  ", "accent")
        if section is None:
            return []
        if line is None:
            return _title(section, self.width, alone=not self.everything)
        if line.kind in _WORDED:
            points = [*self._note_points(section, line), len(line.label)]
            text = line.label[points[at] : points[at + 1]] if at + 1 < len(points) else ""
            return [lead, (" " * _gutter(section), "text"), (f"  {' ' if at else '…'} {text}", "muted")]
        if self._beside(section):
            left = fit((lead, *self._side(section, line, "left", at)), self.half)
            right = self._side(section, line, "right", at)
            return [*left, ("│", "rule"), *fit(tuple(right), self.width - self.half - 1)]
        for side in self._sides(line):
            rows = self._rows(section, line, side)
            if at < rows:
                return [lead, *self._side(section, line, side, at)]
            at -= rows
            lead = ("  ", "text")
        return []

    def _side(self, section: DiffSection, line: DiffLine, side: str, at: int) -> list[Span]:
        text = line.left if side == "left" else line.right
        if text is None:
            return []
        kind = line.kind
        sign, tone = SIGNS[kind]
        if kind is Kind.CHANGED and not self._beside(section):
            sign, tone = SIGNS[Kind.REMOVED if side == "left" else Kind.ADDED]
        whole = self._text(section, line, side)
        spans = _toned(line, side, text, whole)
        points = _points(whole, self._room(section))
        if at >= len(points):
            return []
        stop = points[at + 1] if at + 1 < len(points) else len(whole)
        number = line.left_number if side == "left" else line.right_number
        width = _gutter(section)
        gutter = f"{number or '':>{width - 1}} " if width else ""
        if at:
            sign, gutter = " ", " " * width
        return [(gutter, "muted"), (f"{sign} ", tone), *cut_spans(tuple(spans), points[at], stop)]


def _without_the_same(section: DiffSection) -> Iterator[DiffLine]:
    same: list[DiffLine] = []
    for line in (*section.lines, None):
        if line is not None and line.kind is Kind.SAME:
            same.append(line)
            continue
        if len(same) > FEW:
            yield DiffLine(Kind.SKIPPED, label=f"{len(same):,} fields are the same")
        else:
            yield from same
        same = []
        if line is not None:
            yield line


def _gutter(section: DiffSection) -> int:
    """Return how many cells the numbers of lines take; those of the last lines are the largest."""
    if section.form != "text":
        return 0
    most = max((max(line.left_number, line.right_number) for line in section.lines[-8:]), default=0)
    return len(str(most)) + 1 if most else 5


def _title(section: DiffSection, width: int, *, alone: bool) -> list[Span]:
    counts = []
    if section.differences:
        counts.append((f"{section.differences:,} differ{'s' if section.differences == 1 else ''}", "accent"))
    if section.ignored:
        counts.append((f"{section.ignored:,} ignored", "muted"))
    if section.formal:
        counts.append((f"{section.formal:,} in form alone", "muted"))
    spans: list[Span] = [(" ", "text"), (section.title, "heading"), ("  ", "text")]
    if not counts and not any(line.kind is Kind.PAIRED for line in section.lines):
        counts.append(("the same", "muted"))
    for number, count in enumerate(counts):
        spans += [(" · ", "muted")] if number else []
        spans.append(count)
    if alone and counts == [("the same", "muted")] and section.form == "start" and section.lines:
        spans.append((f"  {section.lines[0].left or ''}", "muted"))
    return fit(tuple(spans), width)


def _toned(line: DiffLine, side: str, text: str, whole: str) -> list[Span]:
    """Return the text of a side, with what differs in it brought out."""
    kind = line.kind
    label: list[Span] = [(whole[: len(whole) - len(text)], "key")] if len(whole) > len(text) else []
    if kind in (Kind.SAME, Kind.PAIRED):
        return [*label, (text, "text")]
    if kind not in DIFFERENT:
        return [*label, (text, "muted")]
    bold, plain = ("gone", "bad") if side == "left" else ("came", "good")
    marked: Spans = line.left_spans if side == "left" else line.right_spans
    if kind is not Kind.CHANGED or not marked:
        return [*label, (text, plain)]
    spans, at = label, 0
    for start, stop in marked:
        spans += [(text[at:start], "text"), (text[start:stop], bold)]
        at = stop
    return [*spans, (text[at:], "text")]


def as_text(report: DiffReport, names: tuple[str, str]) -> str:
    """Return a report as plain text, as a patch has it."""
    lines = [f"--- {names[0]}", f"+++ {names[1]}"]
    for section in report.sections:
        paired = any(line.kind is Kind.PAIRED for line in section.lines)
        note = "" if section.differences or paired else "  the same"
        lines.append(f"@@ {section.title}{note} @@")
        for line in section.lines:
            if line.kind in _WORDED:
                lines.append(f"  … {line.label}")
                continue
            for side in Layout._sides(line):
                sign = SIGNS[line.kind][0]
                if line.kind is Kind.CHANGED:
                    sign = "-" if side == "left" else "+"
                lines.append(f"{sign} {Layout._text(section, line, side)}")
    return "\n".join(lines) + "\n"
