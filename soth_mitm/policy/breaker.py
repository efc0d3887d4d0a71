"""When to stop trying an upstream that only fails, and when to try it again. Time is an argument.

A breaker is closed while attempts succeed. After enough failures in a row, close enough together, it
opens: attempts are refused at once for a short time. Then one attempt may go, as a probe: it closes the
breaker by succeeding, and opens it for as long again by failing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, Literal, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)


class BreakerRules(NamedTuple):
    """When breakers open, and for how long."""

    failures: int
    """Failures in a row that open one; 0: none ever opens."""
    window: float
    """Seconds within which these have to come."""
    open_for: float
    """Seconds for which an open one refuses."""


class Refusal(NamedTuple):
    """An attempt may not be made."""

    failures: int
    """Failures in a row, with which it opened."""
    remaining: float
    """Seconds until one may be made; 0 where one is being made just now."""
    cause: str
    """Code of the last failure."""


class Attempt(NamedTuple, Generic[Key]):
    """An attempt that may be made, and has begun."""

    key: Key
    probe: bool = False
    """The one by which an open breaker is tried."""


class Change(NamedTuple):
    """A breaker has another state than before."""

    state: Literal["open", "closed"]
    failures: int
    cause: str
    again: bool = False
    """It was open before: the probe failed."""


class Open(NamedTuple, Generic[Key]):
    """A breaker that is open."""

    key: Key
    failures: int
    """In a row, so far."""
    cause: str
    """Code of the last failure."""
    since: float
    """Seconds ago that it opened for the first time."""
    remaining: float
    """Seconds until the next attempt may be made; 0 where one is being made, or may be."""


class _Breaker:
    """One that has seen failures since the last success."""

    __slots__ = ("cause", "count", "open_until", "opened_at", "probing", "times")

    def __init__(self) -> None:
        self.times: deque[float] = deque()
        self.count = 0
        self.cause = ""
        self.open_until: float | None = None
        self.opened_at = 0.0
        self.probing = False


class Breakers(Generic[Key]):
    """The breakers of all upstreams; kept are those that have failed since, at most `capacity`."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Key, _Breaker] = OrderedDict()
        self.forgotten = 0
        """Breakers that made room for others."""

    def __len__(self) -> int:
        return len(self._kept)

    def open_ones(self, now: float) -> tuple[Open[Key], ...]:
        """Return the breakers that are open, the one that failed longest ago first."""
        return tuple(
            Open(key, each.count, each.cause, now - each.opened_at, max(each.open_until - now, 0.0))
            for key, each in self._kept.items()
            if each.open_until is not None
        )

    def begin(self, key: Key, now: float, rules: BreakerRules) -> Attempt[Key] | Refusal:
        """Begin an attempt, or say why none may be made now.

        Each attempt is to be followed by one of `succeeded`, `failed` and `abandoned`.
        """
        breaker = self._kept.get(key)
        if breaker is None or breaker.open_until is None or not rules.failures:
            return Attempt(key)
        if now < breaker.open_until:
            remaining = min(breaker.open_until - now, rules.open_for)  # floats add up to a hair more
            return Refusal(breaker.count, remaining, breaker.cause)
        if breaker.probing:
            return Refusal(breaker.count, 0.0, breaker.cause)
        breaker.probing = True
        return Attempt(key, probe=True)

    def succeeded(self, attempt: Attempt[Key]) -> Change | None:
        """Note that an attempt succeeded; return the change, where that closed a breaker."""
        breaker = self._kept.pop(attempt.key, None)
        if breaker is None or breaker.open_until is None:
            return None
        return Change("closed", breaker.count, breaker.cause)

    def failed(self, attempt: Attempt[Key], now: float, *, cause: str, rules: BreakerRules) -> Change | None:
        """Note that an attempt failed; return the change, where that opened a breaker."""
        key = attempt.key
        if not rules.failures:
            self._kept.pop(key, None)
            return None
        breaker = self._kept.get(key) or self._new(key)
        self._kept.move_to_end(key)
        breaker.count += 1
        breaker.cause = cause
        breaker.times.append(now)
        while len(breaker.times) > rules.failures:
            breaker.times.popleft()
        if breaker.open_until is not None:
            if not attempt.probe:
                return None  # it began before the breaker opened
            breaker.probing = False
            breaker.open_until = now + rules.open_for
            return Change("open", breaker.count, cause, again=True)
        if len(breaker.times) < rules.failures or now - breaker.times[0] > rules.window:
            return None
        breaker.open_until, breaker.opened_at = now + rules.open_for, now
        return Change("open", breaker.count, cause)

    def abandoned(self, attempt: Attempt[Key]) -> None:
        """Note that an attempt came to no end that says anything; where it was a probe, another may go."""
        breaker = self._kept.get(attempt.key)
        if breaker is not None and attempt.probe:
            breaker.probing = False

    def _new(self, key: Key) -> _Breaker:
        while len(self._kept) >= self._capacity:
            self._kept.popitem(last=False)
            self.forgotten += 1
        breaker = self._kept[key] = _Breaker()
        return breaker
