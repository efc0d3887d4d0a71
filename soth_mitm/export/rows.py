"""What an export needs of a row and of the fold that makes rows. The record's own fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.model.llm import Call


class FlowRow(Protocol):
    """One flow. All text is printable; times and durations are nanoseconds, 0 where there are none."""

    flow: int
    conn: int
    kind: str
    started_wall_ns: int
    client: str
    scheme: str
    host: str
    port: int
    intercepted: bool
    metadata_only: bool
    sni: str
    ja4: str
    method: str
    path: str
    status: int
    version: str
    content_type: str
    request_bytes: int
    response_bytes: int
    ttfb_ns: int
    duration_ns: int
    state: str
    reason: str
    outcome: str
    error: bool
    reused: bool
    generated: bool
    modified: bool
    paused: int
    rewritten: bool
    tls_reason: str
    guard: str
    hint: str
    form: str
    messages: int
    messages_skipped: int
    last_message_ns: int
    grpc_status: int
    process: str
    replay_of: int
    rules: str
    llm: Call | None
    mark: str
    comment: str
    colour: str


class Fold(Protocol):
    """Makes rows of events."""

    @property
    def open_rows(self) -> Mapping[int, FlowRow]:
        """The rows of the flows that are open, by flow number."""
        ...

    def apply(self, event: Event) -> FlowRow | None:
        """Take one event; return the row it changed."""
        ...


URL_LIMIT = 2000
"""Most characters of a path in a line or an object."""

STREAMS = frozenset({
    "text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl",
    "application/stream+json", "multipart/x-mixed-replace", "application/vnd.amazon.eventstream",
})  # fmt: skip
"""Media types of responses that go on for long."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


def begins(row: FlowRow) -> bool:
    """Return whether a response whose head has just come is one that goes on for long."""
    kind = row.content_type
    return kind in STREAMS or kind.startswith("application/grpc")


def site(host: str, port: int) -> str:
    """Return `host:port`, IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url(row: FlowRow, path: str) -> str:
    """Return the whole URL of a request with `path`; the port is left out where the scheme implies it.

    Only the path in origin-form is part of it: `*` and an authority name nothing below the host.
    """
    scheme, host, port = row.scheme, row.host, row.port
    if ":" in host:
        host = f"[{host}]"
    authority = host if _DEFAULT_PORTS.get(scheme) == port else f"{host}:{port}"
    return f"{scheme}://{authority}{path}" if path.startswith("/") else f"{scheme}://{authority}"


def utc_time(wall_ns: int) -> str:
    """Return a time in UTC as RFC 3339 writes it, with milliseconds; empty where no calendar has it."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{whole.isoformat()[:19]}.{rest // 1_000_000:03d}Z"
