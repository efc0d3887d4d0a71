"""Whether an upstream may be dialled now: not beyond its places, and not one that only fails.

An upstream that could not be reached many times in a row is left alone for a moment, and dials to it are
refused at once (`policy.breaker`); who then wants too many connections to one waits (`places`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.model.events import BreakerChanged, DialStarted, Notice
from soth_mitm.model.limits import DIAL_TIMES, OpenBreaker
from soth_mitm.net.dial import DialError
from soth_mitm.net.places import Places
from soth_mitm.policy.breaker import Attempt, BreakerRules, Breakers, Change, Refusal
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.model.tls import TlsFailure
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.routes import Hop

FAILING = frozenset({
    "dns_failed", "dns_timeout", "connect_refused", "connect_timeout", "connect_reset", "connect_failed",
    "network_unreachable", "host_unreachable", "proxy_closed", "proxy_timeout",
})  # fmt: skip
"""The failures to dial that say that an upstream is down; the others would be the same the next time."""
TLS_FAILING = frozenset({"timeout", "eof_or_reset"})
"""The classes of failed handshakes that say so. A certificate that is refused says nothing of the kind."""


class Site(NamedTuple):
    """What has a breaker of its own."""

    host: str
    port: int
    via: Hop | None = None

    def __str__(self) -> str:
        """Return it for a person."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        through = "" if self.via is None else f" through {self.via}"
        return printable(f"{host}:{self.port}{through}", 300)

    @property
    def here(self) -> bool:
        """Whether it is asked for as this very machine."""
        return self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"


class Admission:
    """The one door to the upstreams of a proxy."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.places = Places(shared)
        self._breakers: Breakers[Site] = Breakers(capacity=shared.config.limits.breaker_hosts)

    @property
    def open_breakers(self) -> tuple[OpenBreaker, ...]:
        """The upstreams that are left alone at the moment."""
        opened = self._breakers.open_ones(self._shared.loop.time())
        return tuple(
            OpenBreaker(str(each.key), each.failures, each.cause, each.since, each.remaining)
            for each in opened
        )

    @property
    def _rules(self) -> BreakerRules:
        limits = self._shared.config.limits
        return BreakerRules(limits.breaker_failures, limits.breaker_window, limits.breaker_time)

    async def enter(self, life: ConnLife, site: Site) -> Admitted:
        """Admit a dial, after a wait where there are too many; the conn counts until it ends.

        Raises:
            DialError: it may not be made; the conn has ended, with the events that tell why.
        """
        attempt = self._breakers.begin(site, self._shared.loop.time(), self._rules)
        if isinstance(attempt, Refusal):
            raise _told(life, self._held_back(site, attempt))
        if attempt.probe:
            self._shared.counters.hit("breaker_time")
        near, code = (site.host, site.port), "shutdown"
        clock = life.bus.clock.monotonic_ns
        began = clock() if self.places.full(near) else 0
        try:
            code = await self.places.take(near)
        finally:
            if code:
                self._breakers.abandoned(attempt)
        if code:
            raise _told(life, self._full(site, code))
        return Admitted(self, life, attempt, waited_ns=clock() - began if began else 0)

    def _held_back(self, site: Site, refusal: Refusal) -> DialError:
        self._shared.limit_reached("breaker_failures", refusal.failures, "answered 503")
        cause = refusal.cause.replace("_", " ")
        when = (
            f"is tried again in {refusal.remaining:.1f} s" if refusal.remaining else "is being tried just now"
        )
        detail = f"it failed {refusal.failures} times in a row, the last time with: {cause}; it {when}"
        return DialError(
            site.host, site.port, stage="connect", code="circuit_open", detail=detail, via=site.via
        )

    def _full(self, site: Site, code: str) -> DialError:
        limits = self._shared.config.limits
        near = site.host, site.port
        if code == "upstream_host_full":
            self._shared.limit_reached("upstream_per_host", self.places.taken(near), "answered 503")
            self._shared.counters.hit("upstream_queue")
            detail = f"{limits.upstream_per_host} connections to it are open"
            if limits.upstream_queue:
                detail += f", and {limits.upstream_queue} more wait"
        else:
            self._shared.limit_reached(
                "upstream_queue_time", round(limits.upstream_queue_time), "answered 503"
            )
            detail = (
                f"{limits.upstream_per_host} connections to it are open, and none ended within "
                f"{limits.upstream_queue_time:g} s"
            )
        return DialError(site.host, site.port, stage="connect", code=code, detail=detail, via=site.via)

    def late(self, limit: str) -> None:
        """Count a dial, or a handshake, that was not done in its time."""
        self._shared.counters.hit(limit)

    # --- how it went ----------------------------------------------------------------------------

    def ended(self, admitted: Admitted, *, cause: str | None) -> None:
        """Judge an attempt; `cause` is the code of its failure, empty for a success, None for neither."""
        attempt = admitted.attempt
        site, failures = attempt.key, self._rules.failures
        before = self._breakers.forgotten
        if cause is None or (site.here and cause == "connect_refused"):
            self._breakers.abandoned(attempt)
            return
        if cause:
            now = self._shared.loop.time()
            change = self._breakers.failed(attempt, now, cause=cause, rules=self._rules)
        else:
            change = self._breakers.succeeded(attempt)
        if self._breakers.forgotten > before:
            self._shared.limit_reached("breaker_hosts", len(self._breakers), "forgot the oldest")
        if change is not None and failures:
            self._tell(site, change)

    def _tell(self, site: Site, change: Change) -> None:
        shared, limits = self._shared, self._shared.config.limits
        if shared.ended:
            return
        seconds = limits.breaker_time if change.state == "open" else 0.0
        via = "" if site.via is None else str(site.via)
        shared.counters.hit(f"breaker_{change.state}")
        shared.bus.publish(
            BreakerChanged(site.host, site.port, change.state, change.failures, change.cause, seconds, via)
        )
        if change.again:
            return
        if change.state == "open":
            cause = change.cause.replace("_", " ")
            text = f"{site} failed {change.failures} times in a row ({cause}): tried every {seconds:g} s now"
            shared.bus.publish(Notice("warning", text))
        else:
            shared.bus.publish(Notice("info", f"{site} can be reached again"))


class Admitted:
    """A conn that was admitted, until it is known how its dial, and its handshake, went."""

    __slots__ = ("_admission", "_told", "attempt", "waited_ns")

    def __init__(
        self, admission: Admission, life: ConnLife, attempt: Attempt[Site], *, waited_ns: int
    ) -> None:
        self._admission = admission
        self.attempt = attempt
        self.waited_ns = waited_ns
        """How long it waited for a place."""
        self._told = False
        life.admitted = self
        life.on_end = self._left

    def reached(self) -> None:
        """The upstream was reached, and the handshake with it, where there is one, is done."""
        self._conclude("")

    def failed(self, error: DialError) -> None:
        """It could not be dialled."""
        if error.code in DIAL_TIMES:
            self._admission.late("connect_timeout")
        self._conclude(error.code if error.code in FAILING else None)

    def tls_failed(self, why: TlsFailure) -> None:
        """The handshake failed; the upstream is there unless it kept silent or hung up."""
        if why.failure_class == "timeout":
            self._admission.late("tls_timeout")
        self._conclude(why.reason if why.failure_class in TLS_FAILING else "")

    def _conclude(self, cause: str | None) -> None:
        if not self._told:
            self._told = True
            self._admission.ended(self, cause=cause)

    def _left(self) -> None:
        self._conclude(None)
        site = self.attempt.key
        self._admission.places.leave((site.host, site.port))


def _told(life: ConnLife, error: DialError) -> DialError:
    """Tell as events that a conn is refused, and end it."""
    life.emit(DialStarted(error.host, error.port, "" if error.via is None else str(error.via)))
    life.emit(error.told())
    life.close(error.reason, error.code)
    return error
