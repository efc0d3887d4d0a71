"""Time as a thing that is handed in, so that no test has to wait and no rule reads a global clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the core asks the time of. Both readings are integers, in nanoseconds."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go back; the zero point means nothing."""
        ...

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970-01-01 UTC; may jump when the system clock is set."""
        ...


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()
    monotonic_ns = staticmethod(time.monotonic_ns)
    wall_ns = staticmethod(time.time_ns)


class ManualClock:
    """A clock that moves only when told to; for tests and demonstrations that must not vary."""

    def __init__(self, *, monotonic_ns: int = 0, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self._monotonic = monotonic_ns
        self._wall = wall_ns

    def monotonic_ns(self) -> int:
        """Return the current reading."""
        return self._monotonic

    def wall_ns(self) -> int:
        """Return the current reading."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        step = round(seconds * 1e9)
        if step < 0:
            raise ValueError("a clock cannot be moved back")
        self._monotonic += step
        self._wall += step
