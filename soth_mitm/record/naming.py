"""Rows that wait to hear which program asked for them: that is told of a conn, and may come late."""

from __future__ import annotations

from array import array

_CONNS = 65_536
_ROWS = 16_384


class Unnamed:
    """The numbers of rows without a program, by conn. Belongs under the index's lock.

    Beyond 65,536 conns, and 16,384 rows of one, the oldest are given up: they stay without a name.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[int, array[int]] = {}

    def note(self, conn: int, number: int) -> None:
        """Note that a row has no name yet."""
        rows = self._rows.get(conn)
        if rows is None:
            if len(self._rows) >= _CONNS:
                del self._rows[next(iter(self._rows))]
            self._rows[conn] = array("q", (number,))
            return
        if len(rows) >= _ROWS:
            del rows[: _ROWS // 2]
        rows.append(number)

    def take(self, conn: int) -> array[int]:
        """Return the rows of a conn, whose name is known now or will never be, and forget them."""
        return self._rows.pop(conn, None) or array("q")
