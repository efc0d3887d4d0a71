"""When an entry began, and its phases: none counted twice, and `time` their sum."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.export.har.shapes import Timings

if TYPE_CHECKING:
    from soth_mitm.export.whole import WholeFacts


class Times(NamedTuple):
    """The times of an entry."""

    started_ns: int
    """Nanoseconds since 1970."""
    timings: Timings
    time: float
    """Milliseconds: the sum of the phases that happened, `ssl` left out as part of `connect`."""


def times_of(view: WholeFacts) -> Times:
    """Return the times of a flow.

    A connection that was made before the request came (that of a CONNECT) moves the beginning to before
    it; one that was made for it, while it waited, is taken out of `send` and `wait`.
    """
    timing = view.timing
    before = 0 if timing.reused else timing.queue + timing.dns + timing.connect + timing.tls
    send, wait = timing.send, timing.wait
    started = view.started_wall_ns
    if before:
        upstream = view.upstream
        head = view.request.head_mono_ns if view.request is not None else view.started_mono_ns
        if upstream is not None and upstream.started_mono_ns >= head:
            over = max(before - wait, 0)
            wait, send = max(wait - before, 0), max(send - over, 0)
        else:
            started -= before
    timings = Timings(
        blocked=_ms(timing.queue) if timing.queue else -1,
        dns=_ms(timing.dns) if timing.dns else -1,
        connect=_ms(timing.connect + timing.tls) if timing.connect or timing.tls else -1,
        ssl=_ms(timing.tls) if timing.tls else -1,
        send=_ms(send),
        wait=_ms(wait),
        receive=_ms(timing.receive),
    )
    parts = (timings.blocked, timings.dns, timings.connect, timings.send, timings.wait, timings.receive)
    return Times(started, timings, round(sum(part for part in parts if part > 0), 3))


def iso_time(wall_ns: int) -> str:
    """Return a time as ISO 8601 with microseconds; the beginning of 1970 where no calendar has it."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return "1970-01-01T00:00:00.000Z"
    return f"{whole.isoformat()[:19]}.{rest // 1000:06d}Z"


def wall_ns_of(text: str) -> int:
    """Return nanoseconds since 1970 of a time in ISO 8601; without a zone it is UTC.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
