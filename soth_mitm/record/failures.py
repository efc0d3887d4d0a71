"""Failures that came again: one row stands for those that are equal and near in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row

FOLD_WITHIN_NS = 60_000_000_000
"""A failure equal to one that began within this time before it gets no row of its own."""

_FAILURES = 1024

_Failure = tuple[str, str, int, str, str, str]


class Failures:
    """Which row stands for a failure; the 1,024 latest are known."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[_Failure, tuple[int, int]] = {}

    def equal(self, row: Row, number: int, *, first: int) -> int:
        """Return the number of the row that stands for a failure already; -1 where none does.

        Then `row` itself does from now on, as `number`. Rows before `first` are gone.
        """
        known = self._known
        client = row.client.rpartition(":")[0]
        key = (client, row.host, row.port, row.reason, row.tls_reason, row.guard)
        found, began = known.get(key, (-1, 0))
        if found >= first and row.started_mono_ns - began <= FOLD_WITHIN_NS:
            return found
        if len(known) >= _FAILURES:
            del known[next(iter(known))]
        known.pop(key, None)
        known[key] = (number, row.started_mono_ns)
        return -1
