"""A text that is edited: lines, a cursor, a selection, and steps back and forth. Nothing of a screen."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

STEPS: Final = 1000
"""Steps that can be taken back."""

_WORD: Final = re.compile(r"\w+|[^\w\s]+")


class Spot(NamedTuple):
    """A place between characters."""

    line: int
    column: int


class _Step(NamedTuple):
    start: Spot
    removed: str
    inserted: str
    typing: bool


class Buffer:
    """Holds a text; lines end with LF. Each edit costs what it changes, and the line it is in."""

    def __init__(self, text: str = "") -> None:
        self.lines = text.split("\n")
        self.cursor = Spot(0, 0)
        self.anchor: Spot | None = None
        """Where the selection begins; the cursor is its other end."""
        self._wanted = 0
        self._back: list[_Step] = []
        self._forth: list[_Step] = []

    @property
    def text(self) -> str:
        """The whole text."""
        return "\n".join(self.lines)

    @property
    def end(self) -> Spot:
        """The place behind the last character."""
        return Spot(len(self.lines) - 1, len(self.lines[-1]))

    @property
    def selected(self) -> tuple[Spot, Spot] | None:
        """The ends of the selection, in their order; None where nothing is selected."""
        if self.anchor is None or self.anchor == self.cursor:
            return None
        return min(self.anchor, self.cursor), max(self.anchor, self.cursor)

    @property
    def selected_text(self) -> str:
        """The selected text."""
        return self._between(*self.selected) if self.selected else ""

    def spot(self, offset: int) -> Spot:
        """Return the place that is so many characters from the beginning, as near as there is one."""
        for number, line in enumerate(self.lines):
            if offset <= len(line):
                return Spot(number, max(0, offset))
            offset -= len(line) + 1
        return self.end

    # --- moving

    def go(self, spot: Spot, *, select: bool = False, keep_column: bool = False) -> None:
        """Put the cursor somewhere, as near as there is a place."""
        line = max(0, min(spot.line, len(self.lines) - 1))
        column = max(0, min(spot.column, len(self.lines[line])))
        if select and self.anchor is None:
            self.anchor = self.cursor
        if not select:
            self.anchor = None
        self.cursor = Spot(line, column)
        if not keep_column:
            self._wanted = column

    def step(self, by: int, *, select: bool = False) -> None:
        """Move by a character; from a selection to its end."""
        if self.selected and not select:
            self.go(self.selected[0 if by < 0 else 1])
            return
        self.go(self._beside(self.cursor, by), select=select)

    def up(self, by: int, *, select: bool = False) -> None:
        """Move up by some lines, or down where `by` is negative; the column stays where it can."""
        line = self.cursor.line - by
        if line < 0 or line >= len(self.lines):
            self.go(Spot(0, 0) if line < 0 else self.end, select=select)
            return
        wanted = self._wanted
        self.go(Spot(line, wanted), select=select, keep_column=True)

    def word(self, by: int, *, select: bool = False) -> None:
        """Move to the beginning of a word, or to the end of one."""
        self.go(self._word_beside(by), select=select)

    def home(self, *, select: bool = False) -> None:
        """Go to the first character of the line that is no blank; from there to the very first."""
        line = self.lines[self.cursor.line]
        first = len(line) - len(line.lstrip())
        self.go(Spot(self.cursor.line, 0 if self.cursor.column == first else first), select=select)

    def select_all(self) -> None:
        """Select the whole text."""
        self.anchor = Spot(0, 0)
        self.go(self.end, select=True)

    def _beside(self, spot: Spot, by: int) -> Spot:
        line, column = spot
        if by < 0 and column == 0:
            return Spot(line - 1, len(self.lines[line - 1])) if line else spot
        if by > 0 and column == len(self.lines[line]):
            return Spot(line + 1, 0) if line + 1 < len(self.lines) else spot
        return Spot(line, column + by)

    def _word_beside(self, by: int) -> Spot:
        line, column = self.cursor
        text = self.lines[line]
        if by < 0:
            starts = [match.start() for match in _WORD.finditer(text, 0, column) if match.start() < column]
            return Spot(line, starts[-1]) if starts else self._beside(Spot(line, 0), -1)
        match = _WORD.search(text, column)
        return Spot(line, match.end()) if match else self._beside(Spot(line, len(text)), 1)

    # --- changing

    def type(self, text: str) -> None:
        """Put a text in the place of the selection, or at the cursor."""
        start, stop = self.selected or (self.cursor, self.cursor)
        self._replace(start, stop, text, typing=len(text) == 1 and text != "\n")

    def new_line(self) -> None:
        """Begin a line as far to the right as this one begins, and deeper where a bracket opens."""
        line = self.lines[self.cursor.line][: self.cursor.column]
        lead = line[: len(line) - len(line.lstrip())]
        self.type("\n" + lead + ("  " if line.rstrip()[-1:] in ("{", "[") else ""))

    def delete(self, by: int, *, word: bool = False) -> None:
        """Delete the selection, or what is before or behind the cursor."""
        if self.selected:
            self.type("")
            return
        other = self._word_beside(by) if word else self._beside(self.cursor, by)
        self._replace(min(self.cursor, other), max(self.cursor, other), "", typing=not word)

    def delete_line(self, *, rest: bool = False) -> None:
        """Delete the line, or its `rest`."""
        line, column = self.cursor
        whole = Spot(line + 1, 0) if line + 1 < len(self.lines) else self.end
        start = self.cursor if rest else Spot(line, 0)
        stop = Spot(line, len(self.lines[line])) if rest and column < len(self.lines[line]) else whole
        self._replace(start, stop, "", typing=False)

    def put(self, text: str) -> None:
        """Put another text in the place of all of it, as one step."""
        if text != self.text:
            cursor = self.cursor
            self._replace(Spot(0, 0), self.end, text, typing=False)
            self.go(cursor)

    def _replace(self, start: Spot, stop: Spot, text: str, *, typing: bool) -> None:
        removed = self._between(start, stop)
        if removed == text:
            self.anchor = None
            return
        self._forth.clear()
        self._splice(start, stop, text)
        last = self._back[-1] if self._back else None
        if typing and last and last.typing and not removed and _end(last.start, last.inserted) == start:
            self._back[-1] = last._replace(inserted=last.inserted + text)
        else:
            self._back.append(_Step(start, removed, text, typing and not removed))
            del self._back[:-STEPS]

    def _splice(self, start: Spot, stop: Spot, text: str) -> None:
        before = self.lines[start.line][: start.column]
        after = self.lines[stop.line][stop.column :]
        self.lines[start.line : stop.line + 1] = (before + text + after).split("\n")
        self.go(_end(start, text))

    def _between(self, start: Spot, stop: Spot) -> str:
        if start.line == stop.line:
            return self.lines[start.line][start.column : stop.column]
        first, last = self.lines[start.line][start.column :], self.lines[stop.line][: stop.column]
        return "\n".join([first, *self.lines[start.line + 1 : stop.line], last])

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._back)

    def undo(self) -> bool:
        """Take a step back; False where there is none."""
        return self._turn(self._back, self._forth, forth=False)

    def redo(self) -> bool:
        """Take it again; False where none was taken back."""
        return self._turn(self._forth, self._back, forth=True)

    def _turn(self, taken: list[_Step], kept: list[_Step], *, forth: bool) -> bool:
        if not taken:
            return False
        step = taken.pop()
        kept.append(step)
        out, back = (step.removed, step.inserted) if forth else (step.inserted, step.removed)
        self._splice(step.start, _end(step.start, out), back)
        return True


def _end(start: Spot, text: str) -> Spot:
    """Return where a text ends that begins at a place."""
    lines = text.count("\n")
    if not lines:
        return Spot(start.line, start.column + len(text))
    return Spot(start.line + lines, len(text) - text.rfind("\n") - 1)
