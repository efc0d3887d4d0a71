"""What the flows of a run add up to: rates, bytes, outcomes, hosts, endpoints and types.

A pure fold over the rows of flows that have ended; every table is bounded, and what no longer fits is
counted under `OTHERS`. Durations go into histograms of steps of a quarter octave, so that a percentile
is at most 19 % off and a table costs what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.record.callsums import CallSums

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row

SECONDS: Final = 300
"""How many of the last seconds are kept one by one."""

TABLE_ENTRIES: Final = 2000
"""Most entries of each table."""

OTHERS: Final = "…"
"""The entry for what came when a table was full."""

_VARIABLE: Final = re.compile(r"(?<=/)(?:\d+|[0-9a-fA-F-]{16,}|[^/]*\d[^/]{7,})(?=/|$)")
_STEPS: Final = 4


class Tally(msgspec.Struct):
    """The flows of one kind."""

    flows: int = 0
    errors: int = 0
    """Flows that failed, and responses of 500 and above."""
    request_bytes: int = 0
    response_bytes: int = 0
    times: dict[int, int] = msgspec.field(default_factory=dict)
    """How many took how long, by step (`step_of`)."""
    answers: int = 0
    """How many answers `times` counts."""
    known: dict[float, int] = msgspec.field(default_factory=dict)
    """Percentiles since the last change: a page asks for those of every tally, some times a second."""

    def add(self, row: Row) -> None:
        """Count a row."""
        self.flows += row.repeats + 1
        if row.error or row.status >= 500:
            self.errors += row.repeats + 1
        self.request_bytes += row.request_bytes
        self.response_bytes += row.response_bytes
        if row.status and row.status != 101:
            step = step_of(row.duration_ns)
            self.times[step] = self.times.get(step, 0) + 1
            self.answers += 1
            if self.known:
                self.known = {}

    def percentile(self, part: float) -> int:
        """Return the nanoseconds within which a `part` (0 to 1) of the answers came; 0 without any."""
        known = self.known.get(part)
        if known is None:
            known = self.known[part] = self._percentile(part)
        return known

    def _percentile(self, part: float) -> int:
        seen = 0
        for step in sorted(self.times):
            seen += self.times[step]
            if seen >= part * self.answers:
                return duration_of(step)
        return 0


def step_of(nanoseconds: int) -> int:
    """Return the step of a duration; each is a quarter of an octave, from 1 µs up."""
    micros = max(nanoseconds, 0) // 1000
    if micros < _STEPS:
        return micros
    octave = micros.bit_length() - 1
    return octave * _STEPS + (micros >> (octave - 2)) - _STEPS


def duration_of(step: int) -> int:
    """Return the middle of a step, in nanoseconds."""
    if step < _STEPS:
        return step * 1000
    octave, quarter = divmod(step, _STEPS)
    width = 1 << (octave - 2)
    return ((_STEPS + quarter) * width + width // 2) * 1000


class Second(msgspec.Struct):
    """What ended within one second."""

    flows: int = 0
    errors: int = 0
    bytes: int = 0


class Statistics:
    """Adds up rows; add each once, when its flow has ended."""

    def __init__(self) -> None:
        self.total = Tally()
        self.outcomes: dict[str, int] = {}
        """Flows by status class (`2xx`), or by what they were instead (`tls`, `tunnel`, `failed`)."""
        self.hosts: dict[str, Tally] = {}
        self.endpoints: dict[str, Tally] = {}
        """By `METHOD host/path`, in which what varies is a `*`."""
        self.types: dict[str, Tally] = {}
        self.protocols: dict[str, Tally] = {}
        """By HTTP version, or by what passed instead (`tunnel`, `bytes`)."""
        self.clients: dict[str, Tally] = {}
        self.refused: dict[str, Tally] = {}
        """Hosts for which clients did not trust our certificate."""
        self.calls = CallSums()
        """Calls to language models."""
        self._seconds: dict[int, Second] = {}
        self.last_second = 0
        """The newest second in which a flow ended, of the wall clock."""

    def add(self, row: Row) -> None:
        """Count the row of a flow that has ended."""
        self.total.add(row)
        outcome = outcome_of(row)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + row.repeats + 1
        host = row.sni if row.kind == "tunnel" and row.sni else row.host
        _in(self.hosts, host or "?").add(row)
        if row.method:
            _in(self.endpoints, f"{row.method} {host}{pattern_of(row.path)}").add(row)
        if row.content_type and row.status:
            _in(self.types, row.content_type).add(row)
        _in(self.protocols, row.version if row.kind == "http" and row.version else row.kind).add(row)
        _in(self.clients, row.client.rpartition(":")[0] or row.client or "?").add(row)
        if row.tls_peer == "client":
            _in(self.refused, host or "?").add(row)
        if row.llm is not None:
            self.calls.add(row.llm)
        self._at((row.started_wall_ns + row.duration_ns) // 1_000_000_000, row)

    def _at(self, number: int, row: Row) -> None:
        self.last_second = max(self.last_second, number)
        second = self._seconds.get(number)
        if second is None:
            if number <= self.last_second - SECONDS:
                return
            second = self._seconds[number] = Second()
            if len(self._seconds) > 2 * SECONDS:
                first = self.last_second - SECONDS
                self._seconds = {at: each for at, each in self._seconds.items() if at > first}
        second.flows += row.repeats + 1
        second.errors += row.error or row.status >= 500
        second.bytes += row.request_bytes + row.response_bytes

    def history(self, until: int, count: int = SECONDS) -> Iterator[Second]:
        """Yield the `count` seconds before the second `until`, oldest first."""
        nothing = Second()
        for number in range(until - count, until):
            yield self._seconds.get(number, nothing)


def outcome_of(row: Row) -> str:
    """Return what a flow came to, in a word."""
    if row.tls_reason:
        return "tls"
    if row.status:
        return f"{row.status // 100}xx"
    if row.kind in ("tunnel", "bytes"):
        return row.kind
    return "failed" if row.error else "none"


def pattern_of(path: str) -> str:
    """Return a path without its query, in which numbers and identifiers are a `*`."""
    return _VARIABLE.sub("*", path.partition("?")[0])


def _in(table: dict[str, Tally], name: str) -> Tally:
    tally = table.get(name)
    if tally is None:
        if len(table) >= TABLE_ENTRIES:
            name = OTHERS
            tally = table.get(name)
        if tally is None:
            tally = table[name] = Tally()
    return tally
