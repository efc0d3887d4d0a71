"""Containers that say beforehand how much is in them, as MessagePack and CBOR do.

Counts what is still to come, ends what is full, and makes names of keys, which may be anything: an
array as a key is written on one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from soth_mitm.decode.outline import Outline

ENDLESS: Final = -1
"""The count of what goes on until it is ended."""

LONGEST_NAME: Final = 200


class _Level:
    __slots__ = ("begun", "closer", "in_name", "is_map", "left", "named")

    def __init__(self, closer: str, left: int, *, is_map: bool, in_name: bool) -> None:
        self.closer = closer
        self.left = left
        """Items to come, of a map both names and values; `ENDLESS` without a count."""
        self.is_map = is_map
        self.in_name = in_name
        self.begun = False
        self.named = False
        """Of a map: a name has come, and its value has not."""


class Nest:
    """Takes scalars, openings and ends, and tells an outline."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._levels: list[_Level] = []
        self._name: list[str] = []

    @property
    def depth(self) -> int:
        """How many containers are open."""
        return len(self._levels)

    def scalar(self, text: str, note: str = "") -> None:
        """Take a value that is no container."""
        top = self._levels[-1] if self._levels else None
        if top is None or not (top.is_map or top.in_name):
            self._outline.value(text, note)
        elif top.in_name:
            self._name.append(_separator(top) + text)
        elif top.named:
            self._outline.value(text, note)
        else:
            self._outline.name(text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…")
        if top is not None:
            self._counted()

    def open(self, opener: str, closer: str, count: int, *, is_map: bool, note: str = "") -> None:
        """Take the beginning of a container of `count` items, or pairs."""
        top = self._levels[-1] if self._levels else None
        left = count * 2 if is_map and count != ENDLESS else count
        in_name = top is not None and (top.in_name or (top.is_map and not top.named))
        if not in_name:
            self._outline.open(opener, closer, note)
        else:
            self._name.append((_separator(top) if top is not None and top.in_name else "") + opener)
        self._levels.append(_Level(closer, left, is_map=is_map, in_name=in_name))
        if not left:
            self._close()
            self._counted()

    def end(self) -> str:
        """End the container that has no count; return why that cannot be, empty where it can."""
        if not self._levels or self._levels[-1].left != ENDLESS:
            return "an end of nothing that is open"
        if self._levels[-1].named:
            return "the map ends behind a key"
        self._close()
        self._counted()
        return ""

    def missing(self) -> str:
        """Say what is open, and how much of it is missing; empty where nothing is."""
        if not self._levels:
            return ""
        top = self._levels[-1]
        what = "a map" if top.is_map else "an array"
        if top.left == ENDLESS:
            return f"inside {what} without an end"
        count = -(-top.left // 2) if top.is_map else top.left
        return f"inside {what}, {count:,} {'entries' if count != 1 else 'entry'} too early"

    def _close(self) -> None:
        level = self._levels.pop()
        if not level.in_name:
            self._outline.close()
            return
        self._name.append(level.closer)
        if self._levels and not self._levels[-1].in_name:
            text = "".join(self._name)
            self._name.clear()
            self._outline.name(text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…")

    def _counted(self) -> None:
        """Count an item that is complete; what is full ends, and is an item itself."""
        while self._levels:
            top = self._levels[-1]
            top.begun = True
            if top.is_map:
                top.named = not top.named
            if top.left > 0:
                top.left -= 1
            if top.left:
                return
            self._close()


def _separator(level: _Level) -> str:
    if level.is_map and level.named:
        return ": "
    return ", " if level.begun else ""
