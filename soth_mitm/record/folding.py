"""The structure of what is laid out as a tree: what folds, where a line lies in it, and the value there."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.decode.outline import NAMED, NOTE
from soth_mitm.record.serving import Refused
from soth_mitm.record.spool import CUT
from soth_mitm.text import SafeText, human_size

if TYPE_CHECKING:
    from soth_mitm.decode.folds import Folds
    from soth_mitm.record.sheet import Sheet

VALUE_BYTES: Final = 1024 * 1024
"""Largest value that is handed out as a text."""

MOST_AT_ONCE: Final = 10_000

_KEY = re.compile(r'("(?:[^"\\]|\\.)*"): ')
_NAME = re.compile(r'"?([A-Za-z_$][\w$]*)"?', re.ASCII)
_PATH_PARTS: Final = 200


class Fold(NamedTuple):
    """An object, an array or a section that is not empty."""

    line: int
    """Where it begins."""
    end: int
    """Its last line; -1 where that has not come yet."""
    children: int
    """Its children; 0 while it has no end."""


class Structure:
    """Answers about the tree of a sheet. Lines are those that a person sees."""

    def __init__(self, sheet: Sheet) -> None:
        folds = sheet.view.folds if sheet.view is not None else None
        if folds is None:
            raise Refused("only what is laid out as a tree has paths and values; press p to lay it out")
        self._folds: Folds = folds
        self._notes = sheet.decoder.look == "tree"
        self._lines = sheet.lines

    def fold_at(self, line: int) -> Fold | None:
        """Return what opens at a line."""
        number = bisect_left(self._folds.opens, self._lines.logical(line))
        fold = self._fold(number) if number < len(self._folds) else None
        return fold if fold is not None and fold.line == line else None

    def folds(self, start: int, count: int) -> list[Fold]:
        """Return what opens in `count` lines from `start` on."""
        opens = self._folds.opens
        first = bisect_left(opens, self._lines.logical(start))
        last = bisect_left(opens, self._lines.logical(start + count))
        found = [
            self._fold(number) for number in range(first, min(last + 1, len(opens), first + MOST_AT_ONCE))
        ]
        return [fold for fold in found if start <= fold.line < start + count]

    def _fold(self, number: int) -> Fold:
        folds, shown = self._folds, self._lines.shown
        end = folds.ends[number]
        return Fold(shown(folds.opens[number]), shown(end) if end else -1, folds.counts[number])

    def path_at(self, line: int) -> SafeText:
        """Return the path of the value at a line, such as `$.items[3].name`."""
        at = self._lines.logical(line)
        folds = self._folds
        number, own = self._around(at)
        if number < 0:
            return SafeText("$")
        steps = [] if own else [self._step(at, number)]
        while number >= 0:
            if len(steps) >= _PATH_PARTS:
                steps.append("$…")
                break
            parent = folds.parents[number]
            if number in folds.names:
                steps.append(folds.names[number] + (" " if steps and steps[-1] else ""))
            elif parent in folds.names:
                steps.append("$")
            elif parent < 0:
                steps.append(f"$[{folds.ordinals[number]}]" if folds.roots > 0 else "$")
            else:
                steps.append(self._step(folds.opens[number], parent))
            number = parent
        return SafeText("".join(reversed(steps)))

    def _around(self, at: int) -> tuple[int, bool]:
        """Return the fold that a logical line lies in, -1 for none, and whether it is one of its brackets."""
        folds = self._folds
        number = bisect_right(folds.opens, at) - 1
        while number >= 0 and folds.ends[number] and folds.ends[number] < at:
            number = folds.parents[number]
        if number < 0:
            return -1, False
        bracket = at == folds.ends[number] and number not in folds.names
        return number, bracket or at == folds.opens[number]

    def _step(self, at: int, parent: int) -> str:
        if parent in self._folds.names:
            return ""
        key = self._key(self._text(at))
        if key is not None and NOTE.sub("", self._text(self._folds.opens[parent])).endswith("{"):
            name = _NAME.fullmatch(key[1])
            return f".{name[1]}" if name else f"[{key[1]}]"
        return f"[{self._ordinal(at, parent)}]"

    def _key(self, text: str) -> re.Match[str] | None:
        return (NAMED if self._notes else _KEY).match(text)

    def _ordinal(self, at: int, parent: int) -> int:
        folds = self._folds
        number = bisect_right(folds.opens, at) - 1
        while number > parent and folds.parents[number] != parent:
            number = folds.parents[number]
        if number <= parent:
            return at - folds.opens[parent] - 1
        if folds.opens[number] == at:
            return folds.ordinals[number]
        return folds.ordinals[number] + at - folds.ends[number]

    def _text(self, at: int) -> str:
        """Return the first piece of a logical line."""
        found = self._lines.lines(self._lines.shown(at), 1)
        return found[0].strip(" ") if found else ""

    def value_at(self, line: int) -> str:
        """Return the value at a line as JSON, laid out, its numbers and strings as they were written.

        Raises:
            Refused: it is too large, or its end has not come yet.
        """
        at = self._lines.logical(line)
        number, own = self._around(at)
        first = last = at
        if own:
            first, last = self._folds.opens[number], self._folds.ends[number]
            if not last:
                raise Refused("the end of this value has not come yet")
        lines = self._lines
        start, stop = lines.offset_of(lines.shown(first)), lines.offset_of(lines.shown(last + 1))
        if stop - start > VALUE_BYTES:
            raise Refused(
                f"the value is {human_size(stop - start)}, more than the {human_size(VALUE_BYTES)} that are "
                "copied at once; save the body instead"
            )
        text = lines.read(start, stop - start).decode("utf-8", "replace").replace(CUT, "").rstrip("\n")
        indent = len(text) - len(text.lstrip(" "))
        text = "\n".join(each[indent:] for each in text.split("\n"))
        key = self._key(text)
        text = text[key.end() :] if key else text
        return (NOTE.sub("", text) if self._notes else text).removesuffix(",")
