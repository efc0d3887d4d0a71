"""Learned pass-through on the data path: what `policy.learning` decides is told, and asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Notice, TlsLearningAudit
from soth_mitm.policy.learning import Learned, Learner
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.config import TlsSettings
    from soth_mitm.model.tls import TlsFailure
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared


class Learning:
    """The learner of one proxy, with its clock and its events."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.learner = Learner(
            shared.config.tls,
            capacity=shared.config.limits.learned_hosts,
            full=lambda count: shared.limit_reached("learned_hosts", count, "forgot the oldest"),
        )

    def _now(self) -> float:
        return self._shared.bus.clock.monotonic_ns() / 1e9

    def failed(self, life: ConnLife, host: str, why: TlsFailure) -> None:
        """Take a handshake with a client that failed, and tell what was made of it."""
        learner, settings = self.learner, self.learner.settings
        judged = learner.failed(host, why, self._now())
        life.emit(
            TlsLearningAudit(
                host=host,
                decision=judged.decision,
                code=judged.code,
                reason=why.reason,
                source=why.source,
                confidence=why.confidence,
                count=judged.refusals,
                after=settings.passthrough_after,
                passes_for=settings.passthrough_time if judged.learned else 0.0,
                applied=learner.applied,
                ignored=learner.ignored,
            )
        )
        if judged.learned:
            self._shared.bus.publish(Notice("warning", _learned_text(host, judged.refusals, settings)))

    def passes(self, host: str) -> str:
        """Return why a host passes through, in words; empty where it is intercepted as usual."""
        learned = self.learner.passes(host, self._now())
        if learned is None:
            return ""
        left = _minutes(learned.until - self._now())
        return f"clients refused our certificate {learned.refusals} times; for another {left}"

    def accepted(self, host: str) -> None:
        """Take note that a client has taken our certificate."""
        self.learner.accepted(host)

    def forget(self, host: str) -> bool:
        """Intercept a host again; return whether it passed through."""
        forgotten = self.learner.forget(host)
        if forgotten:
            self._shared.bus.publish(Notice("info", f"{printable(host, 255)} is intercepted again"))
        return forgotten

    def learned(self) -> tuple[tuple[Learned, float], ...]:
        """Return the hosts that pass through, each with the seconds that are left."""
        now = self._now()
        return tuple((each, each.until - now) for each in self.learner.learned(now))


def _learned_text(host: str, count: int, settings: TlsSettings) -> str:
    lasts = _minutes(settings.passthrough_time)
    return (
        f"{printable(host, 255)}: clients refused our certificate {count} times, so it passes through "
        f"undecrypted for {lasts} (tls.passthrough_after = 0 in config.toml turns this off)"
    )


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min"
