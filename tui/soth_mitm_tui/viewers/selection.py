"""What is chosen in a viewer: whole lines, or characters from one spot to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.viewers.content import Joined

COPY_LIMIT: Final = 4 * 1024 * 1024
"""Most characters that a selection gives; a clipboard takes far less, a file is the better way."""

_FAR: Final = 1 << 60


class Spot(NamedTuple):
    """A character of a line."""

    line: int
    char: int = 0


class Selection(NamedTuple):
    """From the spot where it began to the one where it ends; either may come first."""

    anchor: Spot
    head: Spot
    whole_lines: bool = False

    @property
    def first(self) -> Spot:
        """Where it begins, in the order of the text."""
        first = min(self.anchor, self.head)
        return Spot(first.line) if self.whole_lines else first

    @property
    def last(self) -> Spot:
        """Behind its last character."""
        last = max(self.anchor, self.head)
        return Spot(last.line, _FAR) if self.whole_lines else last

    @property
    def line_count(self) -> int:
        """How many lines have a part in it."""
        return self.last.line - self.first.line + 1

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.whole_lines and self.anchor == self.head

    def on(self, number: int) -> tuple[int, int]:
        """Return the characters of a line that are in it; an empty range where none is."""
        first, last = self.first, self.last
        if not first.line <= number <= last.line:
            return 0, 0
        return (first.char if number == first.line else 0), (last.char if number == last.line else _FAR)


def text_of(content: Joined, selection: Selection) -> str:
    """Return what is selected, as far as its lines have been read."""
    parts: list[str] = []
    size = 0
    for number in range(selection.first.line, min(selection.last.line + 1, len(content))):
        parts.append(piece_of(content, selection, number))
        size += len(parts[-1])
        if size > COPY_LIMIT:
            break
    return "".join(parts)[:COPY_LIMIT]


def piece_of(content: Joined, selection: Selection, number: int) -> str:
    """Return what of a line is selected, with the end of the line; nothing where it is still to come."""
    line = content[number]
    if line is None:
        return ""
    last = line.goes_on or number == min(selection.last.line, len(content) - 1)
    return part_of(line, *selection.on(number)) + ("" if last else "\n")


def part_of(line: Line, start: int, stop: int) -> str:
    """Return some characters of a line, without the room at its left."""
    text = line.text[max(start, line.lead) : stop]
    return text if line.goes_on else text.rstrip()
