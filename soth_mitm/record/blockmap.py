"""In which blocks the events of a conn lie."""

from __future__ import annotations

from array import array

_NONE = 0xFFFF_FFFF
_SPREAD = 65_536
"""Conn numbers that lie further ahead than this are kept one by one."""

_FAR = 65_536
"""Most of those."""

_SPAN = 1_000_000
"""Most conns in the table while older ones can be taken out of it."""


class ConnBlocks:
    """First and last block of each conn in two arrays, and those between for the few that have more."""

    __slots__ = ("_base", "_between", "_far", "_first", "_last")

    def __init__(self) -> None:
        self._base = 1
        self._first = array("I")
        self._last = array("I")
        self._between: dict[int, array[int]] = {}
        self._far: dict[int, list[int]] = {}

    def note(self, conn: int, block: int) -> None:
        """An event of `conn` lies in `block`; blocks come in rising order."""
        at = conn - self._base
        if at >= len(self._first):
            if at >= len(self._first) + _SPREAD:
                self._note_far(conn, block)
                return
            missing = at + 1 - len(self._first)
            self._first.extend([_NONE] * missing)
            self._last.extend([_NONE] * missing)
        elif at < 0:
            self._note_far(conn, block)
            return
        last = self._last[at]
        if last == block:
            return
        if last == _NONE:
            self._first[at] = block
        elif last != self._first[at]:
            self._between.setdefault(conn, array("I")).append(last)
        self._last[at] = block

    def _note_far(self, conn: int, block: int) -> None:
        blocks = self._far.get(conn)
        if blocks is None and len(self._far) < _FAR:
            blocks = self._far[conn] = []
        if blocks is not None and (not blocks or blocks[-1] != block):
            blocks.append(block)

    def of(self, conn: int) -> list[int]:
        """Return the blocks of a conn, in rising order."""
        at = conn - self._base
        if not 0 <= at < len(self._first) or self._last[at] == _NONE:
            return list(self._far.get(conn, ()))
        first, last = self._first[at], self._last[at]
        if first == last:
            return [first]
        return [first, *self._between.get(conn, ()), last]

    def drop_before(self, block: int) -> None:
        """Forget conns whose last block is older than `block`, and keep the table short.

        A conn that stays open for long must not keep all behind it in the table: it is taken out.
        """
        for conn in [conn for conn, blocks in self._far.items() if blocks[-1] < block]:
            del self._far[conn]
        count = 0
        while count < len(self._last):
            conn, last = self._base + count, self._last[count]
            if last != _NONE and last >= block:
                if len(self._last) - count <= _SPAN:
                    break
                if len(self._far) < _FAR:
                    self._far[conn] = self.of(conn)
            self._between.pop(conn, None)
            count += 1
        del self._first[:count], self._last[:count]
        self._base += count
