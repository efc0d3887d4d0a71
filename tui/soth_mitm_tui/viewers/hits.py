"""What a search has found: places in the parts of a page, in order, one of them the current one."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm_tui.viewers.selection import Spot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.viewers.content import Joined

MOST_HITS: Final = 100_000
"""Most matches of a part that are kept to go to; 24 bytes each. Those beyond are counted only."""


class BadPattern(ValueError):
    """A regular expression that is none; says at which column, the first being 1."""


class Query(NamedTuple):
    """What is searched for. Upper case in it makes case count."""

    text: str
    regex: bool = False

    @property
    def case(self) -> bool:
        """Whether case counts."""
        return any(char.isupper() for char in self.text)

    def pattern(self) -> re.Pattern[str]:
        """Return it as a regular expression.

        Raises:
            BadPattern: it is none.
        """
        try:
            return re.compile(
                self.text if self.regex else re.escape(self.text), 0 if self.case else re.IGNORECASE
            )
        except re.error as error:
            raise BadPattern(f"column {(error.pos or 0) + 1}: {error.msg}") from None
        except (RecursionError, OverflowError) as error:
            raise BadPattern(f"too large: {error}") from None


class PartHits:
    """The matches in one part, ascending: line, first character, the one behind the last."""

    __slots__ = ("_lines", "_starts", "_stops", "beyond")

    def __init__(self) -> None:
        self._lines, self._starts, self._stops = array("q"), array("q"), array("q")
        self.beyond = 0
        """Matches that were found and are not kept."""

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: int, start: int, stop: int) -> None:
        """Add a match that lies behind all others."""
        if len(self._lines) >= MOST_HITS:
            self.beyond += 1
            return
        self._lines.append(line)
        self._starts.append(start)
        self._stops.append(stop)

    def spot(self, index: int) -> Spot:
        """Return where a match begins."""
        return Spot(self._lines[index], self._starts[index])

    def on(self, line: int) -> list[tuple[int, int]]:
        """Return the matches on a line."""
        low, high = bisect_left(self._lines, line), bisect_right(self._lines, line)
        return [(self._starts[index], self._stops[index]) for index in range(low, high)]

    def first_from(self, spot: Spot) -> int:
        """Return the first match at a spot or behind it; their number where there is none."""
        index = bisect_left(self._lines, spot.line)
        while index < len(self._lines) and self.spot(index) < spot:
            index += 1
        return index


def line_in(content: Joined, part: int, row: int) -> int:
    """Return the line of a part that stands in one of its rows, where some are folded away."""
    folding = getattr(content.parts[part], "folding", None) if part < len(content.parts) else None
    return row if folding is None else int(folding.line_of(row))


def row_in(content: Joined, part: int, line: int) -> int:
    """Return the row in which a line of a part stands."""
    folding = getattr(content.parts[part], "folding", None) if part < len(content.parts) else None
    return line if folding is None else int(folding.row_of(line))


class Hits:
    """The matches in a page."""

    def __init__(self) -> None:
        self.content: Joined | None = None
        self.parts: dict[int, PartHits] = {}
        """The matches by the number of their part."""
        self._at: tuple[int, int] | None = None

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    @property
    def total(self) -> int:
        """How many matches there are, those that are not kept too."""
        return len(self) + sum(part.beyond for part in self.parts.values())

    @property
    def number(self) -> int:
        """The number of the current match, from 1 on; 0 where none is."""
        if self._at is None:
            return 0
        part, index = self._at
        return sum(len(hits) for number, hits in self.parts.items() if number < part) + index + 1

    @property
    def current(self) -> Spot | None:
        """Where the current match begins."""
        found = self.current_in_part
        if found is None or self.content is None:
            return None
        part, (line, char) = found
        return Spot(self.content.start_of(part) + row_in(self.content, part, line), char)

    @property
    def current_in_part(self) -> tuple[int, Spot] | None:
        """The part that the current match is in, and where in it, nothing folded away."""
        if self._at is None:
            return None
        part, index = self._at
        hits = self.parts.get(part)
        return (part, hits.spot(index)) if hits is not None and index < len(hits) else None

    def on(self, number: int, line: Line) -> list[tuple[int, int]]:
        """Return the matches on a line of the page."""
        if self.content is None:
            return []
        part, within = self.content.place_of(number)
        hits = self.parts.get(part)
        return hits.on(line_in(self.content, part, within)) if hits is not None else []

    def go_to_first_from(self, spot: Spot) -> Spot | None:
        """Make the first match at a spot or behind it the current one, or the very first one."""
        content = self.content
        if content is None or not len(self):
            self._at = None
            return None
        part, within = content.place_of(spot.line)
        within = line_in(content, part, within)
        for number in sorted(self.parts):
            hits = self.parts[number]
            if number < part:
                continue
            index = hits.first_from(Spot(within, spot.char)) if number == part else 0
            if index < len(hits):
                self._at = number, index
                return self.current
        self._at = next((number, 0) for number in sorted(self.parts) if len(self.parts[number]))
        return self.current

    def step(self, by: int) -> Spot | None:
        """Go to the next match or the one before, around the ends."""
        flat = [(number, index) for number in sorted(self.parts) if (index := len(self.parts[number]))]
        count = sum(size for _, size in flat)
        if not count:
            return None
        target = (self.number - 1 + by) % count if self._at is not None else 0 if by > 0 else count - 1
        for number, size in flat:
            if target < size:
                self._at = number, target
                break
            target -= size
        return self.current


def find_in(
    texts: Sequence[tuple[int, str]], pattern: re.Pattern[str], most: int
) -> list[tuple[int, int, int]]:
    """Return where a pattern matches in texts: its index, the first character, the one behind the last.

    Each text comes with how many characters at its beginning are not searched. Empty matches are
    none. Stops after `most`.
    """
    found: list[tuple[int, int, int]] = []
    for index, (lead, text) in enumerate(texts):
        for match in pattern.finditer(text, lead):
            if match.end() > match.start():
                found.append((index, match.start(), match.end()))
                if len(found) >= most:
                    return found
    return found


def texts_of(lines: Iterable[Line | None]) -> list[tuple[int, str]]:
    """Return the texts of lines, for `find_in`."""
    return [(line.lead, line.text) if line is not None else (0, "") for line in lines]
