"""The status bar as parts: where the proxy listens, how much it does, and what is not as it should be."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from soth_mitm_tui.setup import address_text, listening
from soth_mitm_tui.widgets.bars import Part

if TYPE_CHECKING:
    from soth_mitm.config import Config
    from soth_mitm.record.session import SessionFacts
    from soth_mitm_tui.lines import Span

WINDOW_NS = 3_000_000_000

USED_UP: Final = {
    "max_connections": "clients turned away",
    "in_flight_bytes": "clients turned away",
    "upstream_per_host": "dials wait in line",
    "upstream_queue_time": "requests waited too long",
    "breaker_failures": "failing upstream left alone",
    "breaker_hosts": "failing upstreams forgotten",
    "learned_hosts": "refusing hosts forgotten",
    "capture_body_bytes": "bodies cut in the record",
    "recorder_queue_bytes": "bodies left out of the record",
    "recorder_disk": "recording paused, disk full",
    "spill_bytes": "oldest bodies dropped",
    "memory_spill_bytes": "oldest bodies dropped",
    "message_bytes": "long messages cut",
    "message_backlog_bytes": "messages untold",
    "paused_messages": "too many paused, rest went on",
    "paused_bytes": "too much paused, rest went on",
    "h2_max_streams": "HTTP/2 streams refused",
    "h2_header_block_bytes": "HTTP/2 client cut off",
    "h2_continuations": "HTTP/2 client cut off",
    "h2_resets": "HTTP/2 client cut off",
    "h2_errors": "HTTP/2 client cut off",
    "h2_pings": "HTTP/2 client cut off",
    "h2_settings": "HTTP/2 client cut off",
    "h2_empty_frames": "HTTP/2 client cut off",
    "h2_other_frames": "HTTP/2 client cut off",
}
"""What has happened where a budget was used up, in the few cells of a bar; `L` has its name and more."""


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
        troubles.append((f"{USED_UP.get(first, f'{first} used up')}{more}", "warn", "app.limits"))
    if dropped:
        troubles.append((f"{dropped:,} oldest dropped", "warn", "app.limits"))
    return [Part((("▲ ", tone), (text, tone)), action) for text, tone, action in troubles]
