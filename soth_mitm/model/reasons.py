"""Why a connection or a flow ended: one closed set of codes, each with words for a person."""

from __future__ import annotations

from enum import StrEnum


class CloseReason(StrEnum):
    """The reason code of a terminal event. Exactly one terminal event ends each conn and each flow."""

    COMPLETED = "completed"
    """The exchange ended as its protocol ends it."""
    BLOCKED = "blocked"
    """A rule or the handler refused it; nothing was sent upstream."""
    RESPONDED = "responded"
    """The proxy or the handler answered by itself."""
    CONNECT_PARSE_FAILED = "connect_parse_failed"
    """The first bytes were not a request that a proxy can serve."""
    SELF_LOOP = "self_loop"
    """The target is this proxy's own listener."""
    UPSTREAM_CONNECT_FAILED = "upstream_connect_failed"
    """The upstream could not be resolved or reached."""
    TLS_HANDSHAKE_FAILED = "tls_handshake_failed"
    """A TLS handshake failed; the event before says on which side, why, and what to do."""
    RELAY_EOF = "relay_eof"
    """A tunnel or an upgraded connection ended because a peer closed it."""
    RELAY_ERROR = "relay_error"
    """A tunnel broke: reset, or an error of the operating system."""
    WEBSOCKET_COMPLETED = "websocket_completed"
    """A WebSocket ended; the detail begins with the close code, 1006 where the client left without one."""
    WEBSOCKET_ERROR = "websocket_error"
    """A WebSocket broke a rule, by its code, or was cut by the upstream, which is close code 1006."""
    CLIENT_CLOSED = "client_closed"
    """The client went away before the end."""
    UPSTREAM_CLOSED = "upstream_closed"
    """The upstream went away before the end."""
    HTTP_ERROR = "http_error"
    """A message broke HTTP's rules; the guard's own code says which one."""
    IDLE_TIMEOUT = "idle_timeout"
    """Nothing moved for the idle time."""
    STAGE_TIMEOUT = "stage_timeout"
    """A phase (resolve, connect, handshake, head) took longer than its limit."""
    LIMIT_REACHED = "limit_reached"
    """A named budget was used up."""
    KILLED = "killed"
    """A person, or a rule that is to break it, ended it."""
    SHUTDOWN = "shutdown"
    """The proxy stopped while it was open."""
    INTERNAL_ERROR = "internal_error"
    """A fault of the proxy's own; the flow was ended at once and its bytes kept."""


WORDS: dict[str, str] = {
    CloseReason.COMPLETED: "done",
    CloseReason.BLOCKED: "blocked",
    CloseReason.RESPONDED: "answered here",
    CloseReason.CONNECT_PARSE_FAILED: "not a proxy request",
    CloseReason.SELF_LOOP: "points at this proxy",
    CloseReason.UPSTREAM_CONNECT_FAILED: "upstream unreachable",
    CloseReason.TLS_HANDSHAKE_FAILED: "TLS failed",
    CloseReason.RELAY_EOF: "closed",
    CloseReason.RELAY_ERROR: "connection broke",
    CloseReason.WEBSOCKET_COMPLETED: "closed",
    CloseReason.WEBSOCKET_ERROR: "broken WebSocket",
    CloseReason.CLIENT_CLOSED: "client left",
    CloseReason.UPSTREAM_CLOSED: "upstream left",
    CloseReason.HTTP_ERROR: "broken HTTP",
    CloseReason.IDLE_TIMEOUT: "idle too long",
    CloseReason.STAGE_TIMEOUT: "timed out",
    CloseReason.LIMIT_REACHED: "over a limit",
    CloseReason.KILLED: "killed",
    CloseReason.SHUTDOWN: "proxy stopped",
    CloseReason.INTERNAL_ERROR: "internal error",
}
"""A word or two for a row, per reason code."""

FAILURES = frozenset(CloseReason) - {
    CloseReason.COMPLETED,
    CloseReason.BLOCKED,
    CloseReason.RESPONDED,
    CloseReason.RELAY_EOF,
    CloseReason.WEBSOCKET_COMPLETED,
    CloseReason.SHUTDOWN,
    CloseReason.KILLED,
}
"""The reasons that a person would call an error."""
