"""Every budget of the product: its name, default, unit, and what happens when it is used up.

`docs/limits.md` is generated from `LIMITS`, and the settings take their defaults from it, so a
budget that is not in this table does not exist.
"""

from __future__ import annotations

from typing import NamedTuple

KIB = 1024
MIB = 1024 * 1024


class Limit(NamedTuple):
    """One named budget."""

    name: str
    default: float
    unit: str
    action: str
    """What the proxy does when it is used up."""
    code: str
    """The reason code that a row or an event then carries."""


LIMITS: tuple[Limit, ...] = (
    Limit("max_connections", 2048, "connections", "answer 503 and close", "too_many_connections"),
    Limit("max_head_bytes", 64 * KIB, "bytes", "answer 431 (request) or 502 (response)", "header_too_large"),
    Limit("write_buffer_bytes", 64 * KIB, "bytes", "stop reading from the sender", "back_pressure"),
    Limit("capture_body_bytes", 64 * MIB, "bytes", "forward the rest, record only its size", "capture_body"),
    Limit("hook_body_bytes", 8 * MIB, "bytes", "tell the handler the body is too large", "hook_body"),
    Limit("hold_seconds", 10, "seconds (0: none)", "go on without the whole body", "body_not_held"),
    Limit("paused_messages", 200, "messages", "let further ones go on", "not_paused"),
    Limit("paused_bytes", 64 * MIB, "bytes of bodies", "let further ones go on", "not_paused"),
    Limit("pause_seconds", 60, "seconds (0: none)", "send the original on", "pause_deadline"),
    Limit("edit_bytes", 256 * KIB, "bytes", "edit larger bodies in $EDITOR alone", "too_large_to_edit"),
    Limit("message_bytes", 8 * MIB, "bytes", "tell a message up to there, let it pass", "message_too_long"),
    Limit(
        "message_inflate_bytes",
        8 * MIB,
        "bytes over 100 times what came compressed",
        "tell no more messages of that direction, let it pass",
        "inflate_limit",
    ),
    Limit(
        "message_backlog_bytes",
        16 * MIB,
        "bytes",
        "skip a flow's messages from half of it on, tell no more of them beyond it",
        "messages_behind",
    ),
    Limit("recorder_queue_bytes", 64 * MIB, "bytes", "record a capture gap", "recorder_full"),
    Limit("write_filter_bytes", 64 * MIB, "bytes", "leave out the largest flow", "write_filter_full"),
    Limit("cursor_queue_events", 8192, "events", "record a gap for this subscriber", "cursor_full"),
    Limit("spill_bytes", 4096 * MIB, "bytes", "drop the oldest segment", "spill_full"),
    Limit("memory_spill_bytes", 256 * MIB, "bytes", "drop the oldest segment", "spill_full"),
    Limit("list_rows", 1_000_000, "rows", "drop the oldest row from the list", "list_full"),
    Limit(
        "message_rows", 100_000, "messages", "drop the oldest message from its flow's list", "messages_full"
    ),
    Limit("leaf_cache", 1024, "certificates", "drop the least recently used", "leaf_cache_full"),
    Limit("session_cache", 1024, "TLS sessions", "drop the least recently used", "session_cache_full"),
    Limit("sticky_values", 1024, "authorizations and as many cookies", "drop the oldest", "sticky_values"),
    Limit("learned_hosts", 1024, "hosts", "forget the one refused longest ago", "learned_full"),
    Limit("pool_idle_per_host", 64, "connections", "close the connection after use", "pool_full"),
    Limit("pool_idle_total", 256, "connections", "close the oldest idle connection", "pool_full"),
    Limit("upstream_per_host", 1024, "connections", "wait in line", "upstream_host_full"),
    Limit("upstream_queue", 256, "dials in line for a host", "answer 503", "upstream_host_full"),
    Limit(
        "breaker_failures", 10, "failed dials in a row", "answer 503 for a moment (0: never)", "circuit_open"
    ),
    Limit("breaker_hosts", 1024, "failing upstreams", "forget the oldest", "breakers_full"),
    Limit("in_flight_bytes", 256 * MIB, "bytes", "answer 503 to new connections", "too_much_in_flight"),
    Limit("process_queue", 1024, "connections", "leave the program unknown", "process_queue_full"),
    Limit("process_cache", 4096, "programs", "forget the one used longest ago", "process_cache_full"),
    Limit("tunnel_pipe_bytes", 256 * KIB, "bytes", "stop reading from the sender", "back_pressure"),
    Limit("h2_max_streams", 100, "streams of a connection", "refuse the stream", "h2_max_streams"),
    Limit("h2_stream_window", 64 * KIB, "bytes", "the sender waits", "back_pressure"),
    Limit("h2_stream_window_max", 1 * MIB, "bytes", "the sender waits", "back_pressure"),
    Limit("h2_connection_window", 16 * MIB, "bytes", "the sender waits", "back_pressure"),
    Limit("h2_to_h1_connections", 16, "connections", "wait a moment, then open one", "back_pressure"),
    Limit("h2_header_block_bytes", 128 * KIB, "bytes", "close with GOAWAY", "header_block_too_large"),
    Limit("h2_continuations", 32, "frames of a head", "close with GOAWAY", "continuation_flood"),
    Limit("h2_flood_window", 10, "seconds", "count floods anew", "flood_window"),
    Limit("h2_resets", 1000, "unanswered streams reset", "close with GOAWAY", "rapid_reset"),
    Limit("h2_errors", 200, "streams in error", "close with GOAWAY", "stream_error_flood"),
    Limit("h2_pings", 200, "PING frames", "close with GOAWAY", "ping_flood"),
    Limit("h2_settings", 50, "SETTINGS and GOAWAY frames", "close with GOAWAY", "settings_flood"),
    Limit("h2_empty_frames", 200, "frames without content", "close with GOAWAY", "empty_frame_flood"),
    Limit("h2_other_frames", 1000, "frames without effect", "close with GOAWAY", "idle_frame_flood"),
    Limit("replay_concurrency", 32, "requests", "wait in line", "replay_full"),
    Limit("replay_times", 10_000, "requests of a replay", "refuse the replay", "replay_times"),
    Limit("document_bytes", 256 * MIB, "bytes", "show the body up to there", "document_full"),
    Limit("pretty_bytes", 64 * MIB, "bytes", "show it as it is until told otherwise", "pretty_full"),
    Limit("search_matches", 10_000, "matches", "count the rest without their places", "search_full"),
    Limit("search_body_bytes", 64 * MIB, "bytes", "search the body up to there", "search_body"),
    Limit("head_timeout", 30, "seconds", "answer 408 and close", "head_timeout"),
    Limit("peek_timeout", 5, "seconds", "close, or tunnel after a CONNECT", "peek_timeout"),
    Limit("server_first_wait", 0.3, "seconds", "tunnel: the server speaks first", "server_first"),
    Limit("connect_timeout", 10, "seconds", "answer 502", "connect_timeout"),
    Limit("tls_timeout", 10, "seconds", "fail the handshake", "handshake_timeout"),
    Limit("upstream_queue_time", 10, "seconds in line", "answer 503", "upstream_queue_timeout"),
    Limit("breaker_window", 120, "seconds", "failures before no longer count", "circuit_open"),
    Limit("breaker_time", 5, "seconds", "try the upstream once", "circuit_open"),
    Limit("response_timeout", 0, "seconds", "answer 504 (0: wait for ever)", "response_timeout"),
    Limit("idle_timeout", 600, "seconds", "close both sides", "idle_timeout"),
    Limit("pool_idle_timeout", 60, "seconds", "close the idle connection", "pool_idle"),
    Limit("handler_timeout", 15, "seconds", "go on without the handler, or answer 500", "handler_timeout"),
    Limit("replay_timeout", 120, "seconds in which nothing moves", "cut the replay", "stage_timeout"),
    Limit("process_timeout", 5, "seconds", "leave the program unknown", "process_timeout"),
    Limit("drain_timeout", 5, "seconds", "close what is still open", "drain_deadline"),
)

DEFAULTS: dict[str, float] = {limit.name: limit.default for limit in LIMITS}

_CODES = [limit.code for limit in LIMITS]
OF_CODE: dict[str, str] = {limit.code: limit.name for limit in LIMITS if _CODES.count(limit.code) == 1}
"""Budgets by their reason code, where only one has it."""

DIAL_TIMES = frozenset({"connect_timeout", "dns_timeout", "proxy_timeout"})
"""Codes of dials that were not done within `connect_timeout`, whatever it was that took so long."""


class OpenBreaker(NamedTuple):
    """An upstream that failed so often in a row that it is left alone for a moment."""

    site: str
    """Host, port, and the proxy on the way, for a person."""
    failures: int
    cause: str
    """Code of the last failure."""
    since: float
    """Seconds ago that it was first left alone."""
    remaining: float
    """Seconds until it is tried again; 0: as soon as somebody asks for it."""


class Usage(NamedTuple):
    """How far the budgets of a running proxy are used up."""

    hits: dict[str, int]
    """How often each was, and what else is counted, by name."""
    levels: dict[str, int]
    """How full those are that have a level."""
    breakers: tuple[OpenBreaker, ...] = ()


class Counters:
    """How often each budget was used up, and how full the live ones are. One per proxy."""

    __slots__ = ("hits", "levels", "peaks")

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}
        self.levels: dict[str, int] = {}
        self.peaks: dict[str, int] = {}

    def hit(self, name: str, count: int = 1) -> int:
        """Count a use-up of `name`; return how often that has happened."""
        total = self.hits.get(name, 0) + count
        self.hits[name] = total
        return total

    def level(self, name: str, value: int) -> None:
        """Note how full `name` is now."""
        self.levels[name] = value
        if value > self.peaks.get(name, 0):
            self.peaks[name] = value
