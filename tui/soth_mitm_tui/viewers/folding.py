"""Which lines of a document are folded away, and where the others stand then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.record.document import Fold

MOST_CLOSED: Final = 20_000
"""Most folds that are closed at once."""


class Folding:
    """Closed folds. A number of a line is its place in the document, a row its place among those shown."""

    def __init__(self) -> None:
        self._closed: dict[int, Fold] = {}
        # The outermost closed folds in order: their lines, their ends, what is hidden before each.
        self._lines: list[int] = []
        self._ends: list[int] = []
        self._hidden: list[int] = [0]
        self._rows: list[int] = []

    def __len__(self) -> int:
        return len(self._closed)

    @property
    def hidden(self) -> int:
        """How many lines are folded away."""
        return self._hidden[-1]

    def closed_at(self, line: int) -> Fold | None:
        """Return the closed fold that begins at a line."""
        return self._closed.get(line)

    def close(self, folds: Iterable[Fold]) -> None:
        """Close folds, as far as there is room and their ends have come."""
        for fold in folds:
            if fold.end > fold.line and len(self._closed) < MOST_CLOSED:
                self._closed[fold.line] = fold
        self._count()

    def open(self, line: int) -> bool:
        """Open the fold at a line; return whether it was closed."""
        was = self._closed.pop(line, None) is not None
        self._count()
        return was

    def open_all(self) -> None:
        """Open every fold."""
        self._closed.clear()
        self._count()

    def open_around(self, line: int) -> bool:
        """Open the folds that hide a line; return whether there were any."""
        hiding = [at for at, fold in self._closed.items() if at < line <= fold.end]
        for at in hiding:
            del self._closed[at]
        if hiding:
            self._count()
        return bool(hiding)

    def _count(self) -> None:
        self._lines, self._ends, self._hidden, self._rows = [], [], [0], []
        for line in sorted(self._closed):
            if self._ends and line <= self._ends[-1]:
                continue
            end = self._closed[line].end
            self._rows.append(line - self._hidden[-1])
            self._lines.append(line)
            self._ends.append(end)
            self._hidden.append(self._hidden[-1] + end - line)

    def line_of(self, row: int) -> int:
        """Return the line that stands in a row."""
        return row + self._hidden[bisect_left(self._rows, row)]

    def row_of(self, line: int) -> int:
        """Return the row of a line; of one that is folded away, that of its fold."""
        at = bisect_right(self._lines, line)
        if at and line <= self._ends[at - 1]:
            return self._rows[at - 1]
        return line - self._hidden[at]
