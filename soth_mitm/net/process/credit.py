"""How much work is allowed over time: rest earns some, work spends it."""

from __future__ import annotations


class Credit:
    """At most `share` of the time is spent over time; at most `saved` seconds of it at once. Pure."""

    def __init__(self, now: float, *, share: float, saved: float) -> None:
        self._share = share
        self._most = saved
        self._left = saved
        self._at = now

    def spend(self, seconds: float) -> None:
        """Note that so much work was done."""
        self._left -= seconds

    def wait(self, now: float) -> float:
        """Return for how many seconds no work may begin; 0 where it may now."""
        self._left = min(self._left + (now - self._at) * self._share, self._most)
        self._at = now
        return max(0.0, -self._left / self._share)
