"""How trees are indented, and what can be folded of them, in columns of numbers: a million take 20 MB."""

from __future__ import annotations

from array import array
from typing import Final

INDENT: Final = "  "
DEEPEST_INDENT: Final = 60
"""Levels below this one are indented no further, so that depth alone cannot make output large."""

MOST_FOLDS: Final = 1_000_000
"""Objects and arrays beyond this many cannot be folded."""

OPEN: Final = 0
CLOSE: Final = 1
COMMA: Final = 2


class Folds:
    """Objects, arrays and sections that are not empty, in the order of their first lines."""

    def __init__(self) -> None:
        self.opens = array("I")
        self.ends = array("I")
        """The last line, which is that of a closing bracket where there is one; 0 while there is none."""
        self.counts = array("I")
        self.parents = array("i")
        self.ordinals = array("I")
        """Which child of its parent it is, from 0; of those without a parent, which value of the text."""
        self.names: dict[int, str] = {}
        """Of sections, how a path calls them; the text in them has paths of its own."""
        self.roots = -1
        """Which value of the text is the one that comes now, from 0; -1 where there is but one."""
        self._open: list[int] = []
        self._commas: list[int] = []

    def __len__(self) -> int:
        return len(self.opens)

    def apply(self, step: int, line: int) -> None:
        """Note a bracket or a comma at a line."""
        commas = self._commas
        if step == COMMA:
            commas[-1] += 1
            return
        if step == OPEN:
            number = len(self.opens) if len(self.opens) < MOST_FOLDS else -1
            if number >= 0:
                self.opens.append(line)
                self.ends.append(0)
                self.counts.append(0)
                self.parents.append(self._open[-1] if self._open else -1)
                self.ordinals.append(commas[-1] if commas else max(self.roots, 0))
            self._open.append(number)
            commas.append(0)
            return
        number, children = self._open.pop(), commas.pop() + 1
        if number >= 0:
            self.ends[number] = line
            self.counts[number] = children

    def open_section(self, line: int, name: str) -> None:
        """Note a section that begins at a line."""
        self.apply(OPEN, line)
        if self._open[-1] >= 0:
            self.names[self._open[-1]] = name

    def close_all(self, line: int) -> None:
        """End what is still open at a line."""
        while self._open:
            self.apply(CLOSE, line)

    def adopt(self, inner: Folds, line: int) -> None:
        """Take the folds of a text that was put in at a line, below what is open now."""
        first = len(self.opens)
        room = MOST_FOLDS - first
        above = self._open[-1] if self._open else -1
        self.opens.extend(each + line for each in inner.opens[:room])
        self.ends.extend(each + line if each else 0 for each in inner.ends[:room])
        self.counts.extend(inner.counts[:room])
        self.parents.extend(each + first if each >= 0 else above for each in inner.parents[:room])
        root = max(self.roots, 0)
        self.ordinals.extend(
            each if parent >= 0 or above >= 0 else root
            for each, parent in zip(inner.ordinals[:room], inner.parents[:room], strict=True)
        )
        self.names.update((each + first, name) for each, name in inner.names.items() if each < room)
