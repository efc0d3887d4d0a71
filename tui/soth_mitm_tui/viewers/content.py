"""What a viewer shows: parts of lines, one after the other, some of which are still to come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm_tui.lines import Line
from soth_mitm_tui.prose import hang, prose_tint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soth_mitm.text import SafeText
    from soth_mitm_tui.lines import Span

Tint = Callable[[str], "tuple[Span, ...]"]
"""Gives a line of text its colours."""

TINT_LIMIT: Final = 2000
"""Longest line, in characters, that is coloured; hostile lines stay plain."""

READING: Final = Line((("  reading…", "muted"),), 2)
"""What stands in the place of a line that is still to come."""


class Part(Protocol):
    """Lines that belong together."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Line | None:
        """Return a line; None where it is still to come."""
        ...


class Asking(Part, Protocol):
    """A part that is read piece by piece."""

    def want(self, first: int, stop: int, /) -> None:
        """Say which lines are in sight, so that they and their neighbours are read."""
        ...


def plain(text: str) -> tuple[Span, ...]:
    """The tint that colours nothing."""
    return ((text, "text"),)


def tinted(text: SafeText, tint: Tint, sign: str = "  ") -> Line:
    """Return text as a coloured line, with a sign of two cells in front of it."""
    spans = tint(text) if len(text) <= TINT_LIMIT else plain(text)
    prose = tint is prose_tint
    return Line(((sign, "muted"), *spans), 2 + (hang(text) if prose else 0), words=prose)


class Joined:
    """Parts that read as one sequence; nothing is copied."""

    __slots__ = ("_stops", "parts")

    def __init__(self, *parts: Part | Sequence[Line]) -> None:
        self.parts = parts
        self._stops: list[int] = []
        at = 0
        for part in parts:
            at += len(part)
            self._stops.append(at)

    def __len__(self) -> int:
        return self._stops[-1] if self._stops else 0

    def place_of(self, index: int) -> tuple[int, int]:
        """Return which part a line belongs to, and its number there."""
        number = bisect_right(self._stops, index)
        return number, index - (self._stops[number - 1] if number else 0)

    def start_of(self, number: int) -> int:
        """Return the number of the first line of a part."""
        return self._stops[number - 1] if number else 0

    def moved_to(self, other: Joined, index: int) -> int:
        """Return where a line stands in content of the same parts, of which earlier ones have grown."""
        if len(other.parts) != len(self.parts) or not 0 <= index < len(self):
            return index
        number, within = self.place_of(index)
        return other.start_of(number) + max(0, min(within, len(other.parts[number]) - 1))

    def __getitem__(self, index: int) -> Line | None:
        number, within = self.place_of(index)
        return self.parts[number][within]

    def __iter__(self) -> Iterator[Line | None]:
        for part in self.parts:
            for index in range(len(part)):
                yield part[index]

    def want(self, first: int, stop: int) -> None:
        """Tell the parts which of their lines are in sight."""
        start = 0
        for part, end in zip(self.parts, self._stops, strict=True):
            low, high = max(first, start), min(stop, end)
            ask = getattr(part, "want", None)
            if low < high and ask is not None:
                ask(low - start, high - start)
            start = end


EMPTY: Final = Joined()
