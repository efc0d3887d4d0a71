"""The status bar as parts: where the proxy listens, how much it does, and what is not as it should be."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from soth_mitm_tui.setup import address_text, listening
from soth_mitm_tui.widgets.bars import Part

if TYPE_CHECKING:
    from soth_mitm.config import Config
    from soth_mitm.record.session import SessionFacts
    from soth_mitm_tui.lines import Span

WINDOW_NS = 3_000_000_000


class Rate:
    """Flows a second over the last three seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque()

    def update(self, now_ns: int, total: int) -> float:
        """Take the number of flows at a time; return the rate."""
        if self._marks and self._marks[-1][0] == now_ns:
            self._marks.pop()
        self._marks.append((now_ns, total))
        while len(self._marks) > 2 and self._marks[0][0] < now_ns - WINDOW_NS:
            self._marks.popleft()
        then, before = self._marks[0]
        span = max(now_ns - then, 1_000_000_000)
        return (total - before) * 1e9 / span


def status_parts(
    facts: SessionFacts,
    config: Config,
    *,
    title: str,
    flows: int,
    dropped: int,
    rate: float,
    draining: str,
    pausing: tuple[int, bool],
    reading: Span | None,
) -> tuple[Part, ...]:
    """Return the parts, the most important ones first; `reading` where there is a file and no proxy."""
    if reading is not None:
        parts = [Part(((f"{title}  ", "strong"), reading))]
    elif draining:
        parts = [Part(((f"{title}  ", "strong"), (draining, "warn")), "app.quit")]
    else:
        up = bool(facts.listeners)
        address = address_text(*listening(facts, config)[:2]) if up else "not listening"
        more = f" +{len(facts.listeners) - 1}" if len(facts.listeners) > 1 else ""
        sign = ("● ", "good") if up else ("○ ", "muted")
        parts = [Part(((f"{title}  ", "strong"), sign, (address, "text"), (more, "muted")), "app.setup")]
    count = ((f"{flows:,}", "strong"), (" flow" if flows == 1 else " flows", "muted"))
    parts.append(Part(count, "app.overview"))
    if rate >= 0.05 and reading is None:
        parts.append(Part(((f"{rate:.0f}" if rate >= 9.95 else f"{rate:.1f}", "text"), ("/s", "muted"))))
    paused, everything = pausing
    if paused:
        parts.append(Part((("‖ ", "warn"), (f"{paused:,} paused", "warn")), "app.paused"))
    if everything:
        parts.append(Part((("‖ ", "warn"), ("pausing everything", "warn")), "app.pause-everything"))
    if not facts.capturing and reading is None:
        parts.append(Part((("‖ ", "warn"), ("capture paused", "warn")), "app.capture"))
    parts += _troubles(facts, dropped)
    if facts.trusting and reading is None:
        clients = "1 client" if facts.trusting == 1 else f"{facts.trusting:,} clients"
        parts.append(Part((("✓ ", "good"), (f"CA trusted by {clients}", "muted")), "app.setup"))
    return tuple(parts)


def _troubles(facts: SessionFacts, dropped: int) -> list[Part]:
    troubles: list[tuple[str, str, str]] = []
    if facts.refused:
        troubles.append((f"{facts.refused:,} TLS refused", "bad", "app.log"))
    if facts.gaps:
        troubles.append((f"{facts.gaps:,} capture gap{'' if facts.gaps == 1 else 's'}", "bad", "app.limits"))
    if facts.limits:
        first = max(facts.limits, key=lambda name: facts.limits[name])
        more = f" and {len(facts.limits) - 1} more" if len(facts.limits) > 1 else ""
        troubles.append((f"{first} reached{more}", "warn", "app.limits"))
    if dropped:
        troubles.append((f"{dropped:,} oldest dropped", "warn", "app.limits"))
    return [Part((("▲ ", tone), (text, tone)), action) for text, tone, action in troubles]
