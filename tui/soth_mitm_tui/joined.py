"""What a viewer shows: some lines of spans, a body that may be very long, and some lines after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.record.worker import Lines
from soth_mitm.text import SafeText
from soth_mitm_tui.lines import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Content = Line | SafeText
"""A line of spans, or one of plain text that the tint colours when it comes into sight."""

EMPTY = Lines(())


class Joined:
    """Reads as one sequence; nothing is copied."""

    __slots__ = ("body", "head", "tail")

    def __init__(self, head: Sequence[Line], body: Lines = EMPTY, tail: Sequence[Line] = ()) -> None:
        self.head, self.body, self.tail = head, body, tail

    def __len__(self) -> int:
        return len(self.head) + len(self.body) + len(self.tail)

    def __getitem__(self, index: int) -> Content:
        if index < len(self.head):
            return self.head[index]
        index -= len(self.head)
        return self.body[index] if index < len(self.body) else self.tail[index - len(self.body)]

    def __iter__(self) -> Iterator[Content]:
        for index in range(len(self)):
            yield self[index]

    def in_place(self, before: Joined, fits: Callable[[Line], bool]) -> int:
        """Return how many lines at the beginning take the rows that those of `before` took.

        A line of the head may differ as long as both `fits` in one row.
        """
        if len(self.head) != len(before.head):
            return 0
        for number, (now, then) in enumerate(zip(self.head, before.head, strict=True)):
            if now != then and not (fits(now) and fits(then)):
                return number
        return len(self.head) + self.body.shared(before.body)
