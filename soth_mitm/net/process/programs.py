"""What is known of processes, kept by number and start, so that a number used again is noticed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from soth_mitm.model.events import ProcessKnown
from soth_mitm.net.process.naming import base_name, name_of
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.net.process.ends import Ends
    from soth_mitm.net.process.source import Facts, Source

ANCESTORS: Final = 5
"""Most parents that are looked at for a name."""
COMMAND_LIMIT: Final = 400
_PATH_LIMIT: Final = 400
_LIKELY: Final = 16


class Tally:
    """How a batch of questions went."""

    __slots__ = ("evicted", "hits", "misses", "reused")

    def __init__(self) -> None:
        self.hits = 0
        """Programs that were known."""
        self.misses = 0
        """Programs that had to be looked at."""
        self.evicted = 0
        """Programs forgotten for others."""
        self.reused = 0
        """Numbers of processes that another process has now."""


class Programs:
    """The programs of processes, at most `capacity` of them. Belongs to one thread."""

    def __init__(self, source: Source, *, capacity: int) -> None:
        self._source = source
        self._capacity = capacity
        self._kept: OrderedDict[int, tuple[Facts, ProcessKnown]] = OrderedDict()

    def find(self, batch: Mapping[int, Ends], tally: Tally) -> dict[int, ProcessKnown]:
        """Return the program behind each connection that was found.

        Processes that were found lately are looked at first: they often connect again.
        """
        owners = {number: ends.pid for number, ends in batch.items() if ends.pid}
        asked = {number: ends for number, ends in batch.items() if not ends.pid}
        if asked:
            likely = list(islice(reversed(self._kept), _LIKELY))
            owners |= self._source.owners(asked, likely)
        found = {number: self._program(pid, tally) for number, pid in owners.items()}
        return {number: program for number, program in found.items() if program is not None}

    def _program(self, pid: int, tally: Tally) -> ProcessKnown | None:
        """Return what a process runs; None where it is gone."""
        facts = self._source.facts(pid)
        if facts is None:
            return None
        kept = self._kept.get(pid)
        if kept is not None and kept[0][:3] == facts[:3]:
            self._kept.move_to_end(pid)
            tally.hits += 1
            return kept[1]
        if kept is not None and kept[0].start != facts.start:
            tally.reused += 1
        tally.misses += 1
        program = self._look(facts)
        self._kept[pid] = facts, program
        self._kept.move_to_end(pid)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
            tally.evicted += 1
        return program

    def _look(self, facts: Facts) -> ProcessKnown:
        path, arguments = self._source.command(facts.pid)
        ancestors = (arguments for _, arguments in self._ancestors(facts))
        name = name_of(path, arguments, facts.comm, ancestors=ancestors)
        parent = self._source.facts(facts.parent) if facts.parent else None
        return ProcessKnown(
            facts.pid,
            name,
            printable(path, _PATH_LIMIT),
            printable(b" ".join(arguments), COMMAND_LIMIT),
            self._parent_name(parent) if parent is not None else "",
            facts.parent,
        )

    def _parent_name(self, parent: Facts) -> str:
        path, arguments = self._source.command(parent.pid)
        if not path and not arguments:
            return parent.comm
        return name_of(path, arguments, parent.comm, ancestors=()) or base_name(path)

    def _ancestors(self, facts: Facts) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Yield the arguments of parents, nearest first."""
        pid = facts.parent
        for _ in range(ANCESTORS):
            if pid <= 1:
                return
            yield pid, self._source.command(pid)[1]
            parent = self._source.facts(pid)
            pid = parent.parent if parent is not None else 0
