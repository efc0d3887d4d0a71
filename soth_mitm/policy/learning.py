"""When to stop intercepting a host, because its clients refuse our certificate. Time is an argument.

Only what a client itself said counts, by its alert: that it does not trust the CA, or refuses the
certificate. What is concluded from a client that just goes away never does. After enough of these
within the window the host passes through for a time; then counting begins anew.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from soth_mitm.config import TlsSettings
    from soth_mitm.model.tls import TlsFailure

REFUSALS = frozenset({"client_rejected_ca", "client_rejected_certificate"})
"""The failures by which a client says that it does not take our certificate."""

Code = Literal[
    "authoritative",
    "inferred_signal",
    "missing_failure_reason",
    "non_authoritative_source",
    "not_a_refusal",
    "switched_off",
]
"""Why a failed handshake counted (`authoritative`), or why it did not (the others)."""


class Judgement(NamedTuple):
    """What was made of one failed handshake."""

    decision: Literal["applied", "ignored"]
    code: Code
    refusals: int
    """Refusals of the host within the window, this one included where it counts."""
    learned: bool = False
    """The host passes through from now on, because of this one."""


class Learned(NamedTuple):
    """A host that passes through."""

    host: str
    refusals: int
    until: float
    """Of the clock by which all times were given."""


class _Host:
    __slots__ = ("refused", "until")

    def __init__(self) -> None:
        self.refused: deque[float] = deque()
        self.until = 0.0


class Learner:
    """Count refusals per host, for at most `capacity` hosts: the one refused longest ago goes first."""

    def __init__(
        self, settings: TlsSettings, *, capacity: int, full: Callable[[int], None] | None = None
    ) -> None:
        self.settings = settings
        """In force from the next call on; what has been learned stays."""
        self.applied = 0
        """Failed handshakes that counted, since the start."""
        self.ignored = 0
        self._capacity = capacity
        self._full = full
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def failed(self, host: str, failure: TlsFailure, now: float) -> Judgement:
        """Take a handshake with a client that failed at `now`."""
        host = _key(host)
        code = self._code(failure)
        if code != "authoritative":
            self.ignored += 1
            return Judgement("ignored", code, self._count(host, now))
        self.applied += 1
        entry = self._entry(host)
        self._forget_old(entry, now)
        entry.refused.append(now)
        count = len(entry.refused)
        learned = count >= self.settings.passthrough_after and entry.until <= now
        if learned:
            entry.until = now + self.settings.passthrough_time
        return Judgement("applied", "authoritative", count, learned)

    def _code(self, failure: TlsFailure) -> Code:
        if not self.settings.passthrough_after:
            return "switched_off"
        if failure.peer != "client":
            return "non_authoritative_source"
        if failure.confidence != "authoritative":
            return "inferred_signal"
        if failure.reason == "unclassified":
            return "missing_failure_reason"
        return "authoritative" if failure.reason in REFUSALS else "not_a_refusal"

    def _entry(self, host: str) -> _Host:
        entry = self._hosts.get(host)
        if entry is None:
            if len(self._hosts) >= self._capacity:
                self._hosts.popitem(last=False)
                if self._full is not None:
                    self._full(len(self._hosts) + 1)
            entry = self._hosts[host] = _Host()
        self._hosts.move_to_end(host)
        return entry

    def _forget_old(self, entry: _Host, now: float) -> None:
        if entry.until and entry.until <= now:
            entry.until = 0.0
            entry.refused.clear()
        while entry.refused and now - entry.refused[0] > self.settings.passthrough_window:
            entry.refused.popleft()

    def _count(self, host: str, now: float) -> int:
        entry = self._hosts.get(host)
        if entry is None:
            return 0
        self._forget_old(entry, now)
        return len(entry.refused)

    def accepted(self, host: str) -> None:
        """Take note that a client has taken our certificate for `host` and used the connection."""
        if self._hosts:
            entry = self._hosts.get(_key(host))
            if entry is not None and not entry.until:
                del self._hosts[_key(host)]

    def passes(self, host: str, now: float) -> Learned | None:
        """Return what was learned about a host that passes through at `now`; None for any other."""
        if not self._hosts:
            return None
        host = _key(host)
        entry = self._hosts.get(host)
        if entry is None or not entry.until:
            return None
        if entry.until <= now or not self.settings.passthrough_after:
            del self._hosts[host]
            return None
        return Learned(host, len(entry.refused), entry.until)

    def forget(self, host: str) -> bool:
        """Intercept a host again, and count anew; return whether it passed through."""
        entry = self._hosts.pop(_key(host), None)
        return entry is not None and bool(entry.until)

    def learned(self, now: float) -> tuple[Learned, ...]:
        """Return all hosts that pass through at `now`, in the order in which they were learned."""
        found = [self.passes(host, now) for host in tuple(self._hosts)]
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.until))


def _key(host: str) -> str:
    return host.lower().rstrip(".")
