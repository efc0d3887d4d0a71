"""What a status bar shows of a whole run, folded from the events that belong to no single flow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from soth_mitm.model import events as e
from soth_mitm.model.reasons import CloseReason
from soth_mitm.text import printable

NOTICES = 1000
"""Most notices that are kept; the oldest go first."""

_CONNS = 65_536
_CLIENTS = 4096
_LIMIT_NAMES = 256
_LISTENERS = 256


class NoticeLine(msgspec.Struct, frozen=True):
    """A message to the person. Its text is printable."""

    wall_ns: int
    level: str
    text: str


class LogLine(msgspec.Struct, frozen=True):
    """Something that concerns the run and no single flow. Its text is printable."""

    wall_ns: int
    level: str
    """`info`, `warning` or `error`."""
    source: str
    """What it is about, in a word: `proxy`, `ca`, `limit`, `capture`, `tls`, `settings` or `notice`."""
    text: str


class SessionFacts(msgspec.Struct):
    """One run so far."""

    run_id: str = ""
    version: str = ""
    platform: str = ""
    started_wall_ns: int = 0
    listeners: list[tuple[str, int, str]] = msgspec.field(default_factory=list)
    """Host, port and mode of each listener that is open."""
    ca: e.CaLoaded | None = None
    notices: deque[NoticeLine] = msgspec.field(default_factory=lambda: deque(maxlen=NOTICES))
    log: deque[LogLine] = msgspec.field(default_factory=lambda: deque(maxlen=NOTICES))
    """What happened in the run, oldest first; the oldest go first."""
    logged: int = 0
    """Lines of the log ever, those that went included."""
    connections: int = 0
    """Connections accepted from clients."""
    open_connections: int = 0
    connects: int = 0
    """CONNECT requests that were parsed."""
    decrypted: int = 0
    """Flows inside an intercepted connection."""
    handshakes: int = 0
    """TLS handshakes that clients completed with us; some refuse the certificate only after that."""
    trusting: int = 0
    """Client addresses that have sent anything through one, and so trust the CA."""
    refused: int = 0
    """Flows that ended because TLS failed on the client's side."""
    gaps: int = 0
    """Places where something was not recorded."""
    gap_bytes: int = 0
    gap_events: int = 0
    capturing: bool = True
    """Whether flows that begin now are told."""
    limits: dict[str, int] = msgspec.field(default_factory=dict)
    """How often each named budget was used up."""
    ended: str = ""
    """Why the run ended; empty while it goes on, and where it was cut off."""


class SessionFold:
    """Fold session and conn events into `facts`; the index tells what it learns from rows."""

    __slots__ = ("_clients", "_latest", "_refusing", "_trusting", "facts")

    def __init__(self) -> None:
        self.facts = SessionFacts()
        self._clients: dict[int, None] = {}
        self._trusting: set[str] = set()
        self._latest: str | None = None
        self._refusing: set[tuple[str, str]] = set()

    def apply(self, event: e.Event) -> None:
        """Take one event; those of no interest are passed over."""
        step = _STEPS.get(type(event.body))
        if step is not None:
            step(self, event, event.body)

    def _log(self, event: e.Event, level: str, source: str, text: str) -> None:
        self.facts.log.append(LogLine(event.wall_ns, level, source, text))
        self.facts.logged += 1

    def _started(self, event: e.Event, body: e.SessionStarted) -> None:
        facts = self.facts
        facts.run_id = body.run_id
        facts.version = printable(body.version, 80)
        facts.platform = printable(body.platform, 80)
        facts.started_wall_ns = event.wall_ns
        facts.ended = ""
        facts.capturing = True
        facts.listeners.clear()
        self._log(event, "info", "proxy", f"started: version {facts.version} on {facts.platform or '?'}")

    def _ended(self, event: e.Event, body: e.SessionEnded) -> None:
        self.facts.ended = printable(body.reason, 80) or CloseReason.SHUTDOWN
        self.facts.listeners.clear()
        self._log(event, "info", "proxy", f"ended: {self.facts.ended}")

    def _ca(self, event: e.Event, body: e.CaLoaded) -> None:
        self.facts.ca = body
        made = "made" if body.created else "loaded"
        self._log(event, "info", "ca", f"{made} {printable(body.key, 80)} from {printable(body.path, 400)}")

    def _listening(self, event: e.Event, body: e.ListenerOpened) -> None:
        listener = (printable(body.host, 255), body.port, printable(body.mode, 80))
        listeners = self.facts.listeners
        if listener not in listeners and len(listeners) < _LISTENERS:
            listeners.append(listener)
            self._log(event, "info", "proxy", f"listens on {listener[0]} port {listener[1]}, {listener[2]}")

    def _deaf(self, event: e.Event, body: e.ListenerClosed) -> None:
        gone = (printable(body.host, 255), body.port)
        self.facts.listeners[:] = [each for each in self.facts.listeners if each[:2] != gone]
        self._log(event, "info", "proxy", f"listens no longer on {gone[0]} port {gone[1]}")

    def _notice(self, event: e.Event, body: e.Notice) -> None:
        notice = NoticeLine(event.wall_ns, body.level, printable(body.text, 1000))
        self.facts.notices.append(notice)
        self._log(event, notice.level, "notice", notice.text)

    def _limit(self, event: e.Event, body: e.LimitReached) -> None:
        limits = self.facts.limits
        if body.name in limits or len(limits) < _LIMIT_NAMES:
            limits[body.name] = limits.get(body.name, 0) + 1
        name, action = printable(body.name, 80), printable(body.action, 200)
        self._log(event, "warning", "limit", f"{name} is used up: {action}")

    def _gap(self, event: e.Event, body: e.CaptureGap) -> None:
        self.facts.gaps += 1
        self.facts.gap_bytes += max(body.bytes, 0)
        self.facts.gap_events += max(body.events, 0)
        lost = f"{max(body.bytes, 0):,} bytes, {max(body.events, 0):,} events"
        self._log(event, "error", "capture", f"not recorded ({printable(body.cause, 80)}): {lost}")

    def _capture(self, event: e.Event, body: e.CaptureSwitched) -> None:
        self.facts.capturing = body.on
        passed = f"; {body.passed:,} flow{'' if body.passed == 1 else 's'} passed unrecorded meanwhile"
        words = f"goes on{passed}" if body.on else "is paused: flows that begin now pass unrecorded"
        self._log(event, "info" if body.on else "warning", "capture", f"capture {words}")

    def _reloaded(self, event: e.Event, body: e.ConfigReloaded) -> None:
        changed = ", ".join(printable(name, 80) for name in body.changed) or "nothing"
        self._log(event, "info", "settings", f"read again; changed: {changed}")

    def _conn_opened(self, event: e.Event, body: e.ConnOpened) -> None:
        if body.side == e.Side.CLIENT and event.conn not in self._clients:
            self.facts.connections += 1
            if len(self._clients) >= _CONNS:
                del self._clients[next(iter(self._clients))]
            self._clients[event.conn] = None
            self.facts.open_connections = len(self._clients)

    def _conn_closed(self, event: e.Event, body: e.ConnClosed) -> None:
        if event.conn in self._clients:
            del self._clients[event.conn]
            self.facts.open_connections = len(self._clients)

    def _connect(self, event: e.Event, body: e.ConnectReceived) -> None:
        self.facts.connects += 1

    def _tls(self, event: e.Event, body: e.TlsEstablished) -> None:
        if body.side == e.Side.CLIENT:
            self.facts.handshakes += 1

    def refused(self, wall_ns: int, client: str, host: str, words: str) -> None:
        """A client did not accept our certificate; told once for a client and a host."""
        self.facts.refused += 1
        key = (client.rpartition(":")[0], host)
        if key not in self._refusing and len(self._refusing) < _CLIENTS:
            self._refusing.add(key)
            text = f"{key[0]} refused our certificate for {host}: {words}"
            self.facts.log.append(LogLine(wall_ns, "warning", "tls", text))
            self.facts.logged += 1

    def decrypted(self, host: str) -> None:
        """A flow came through an intercepted connection; only that proves that its client trusts the CA.

        `host` is the address of the client without its port.
        """
        self.facts.decrypted += 1
        if host != self._latest and len(self._trusting) < _CLIENTS:
            self._latest = host
            self._trusting.add(host)
            self.facts.trusting = len(self._trusting)


_STEPS: dict[type[e.Body], Callable[[SessionFold, e.Event, Any], None]] = {
    e.SessionStarted: SessionFold._started,
    e.SessionEnded: SessionFold._ended,
    e.CaLoaded: SessionFold._ca,
    e.ListenerOpened: SessionFold._listening,
    e.ListenerClosed: SessionFold._deaf,
    e.ConfigReloaded: SessionFold._reloaded,
    e.Notice: SessionFold._notice,
    e.LimitReached: SessionFold._limit,
    e.CaptureGap: SessionFold._gap,
    e.CaptureSwitched: SessionFold._capture,
    e.ConnOpened: SessionFold._conn_opened,
    e.ConnClosed: SessionFold._conn_closed,
    e.ConnectReceived: SessionFold._connect,
    e.TlsEstablished: SessionFold._tls,
}

SESSION_KINDS: Final = frozenset(_STEPS)
"""The events that change something."""
