"""The state machines of a conn and of a flow, as tables.

Whoever publishes events runs them through these tables first, so that a fault in a driver is found
at the event that is wrong, not in the list of a person who wonders. Rule: everything that decides
which event may follow which is in this file.
"""

from __future__ import annotations

from enum import IntEnum

from soth_mitm.model import events as e


class ConnState(IntEnum):
    """Where a transport connection is in its life."""

    NEW = 0
    ACCEPTED = 1
    CONNECT_PARSED = 2
    POLICY_DECIDED = 3
    TLS_STARTED = 4
    TLS_READY = 5
    CLOSING = 6
    CLOSED = 7


class FlowState(IntEnum):
    """Where a flow is in its life."""

    NEW = 0
    OPENED = 1
    REQUESTED = 2
    """The request head is known."""
    ANSWERED = 3
    """The final response head is known."""
    SWITCHED = 4
    """Opaque bytes both ways: after an upgrade, or from the start in a tunnel."""
    CLOSED = 5


_C = ConnState
_F = FlowState

_DIALLED = {_C.NEW, _C.ACCEPTED}
_BEFORE_TLS = {_C.ACCEPTED, _C.CONNECT_PARSED, _C.POLICY_DECIDED}
_OPEN = set(_C) - {_C.NEW, _C.CLOSED}

CONN: dict[type[e.Body], tuple[set[ConnState], ConnState | None]] = {
    e.DialStarted: ({_C.NEW}, _C.NEW),
    e.DialResolved: ({_C.NEW}, None),
    e.DialFailed: ({_C.NEW}, _C.CLOSING),
    e.ConnOpened: ({_C.NEW}, _C.ACCEPTED),
    e.ConnectReceived: ({_C.ACCEPTED}, _C.CONNECT_PARSED),
    e.TargetGiven: ({_C.ACCEPTED}, _C.CONNECT_PARSED),
    e.ClientNamed: ({_C.ACCEPTED}, None),
    e.ConnectRefused: ({_C.ACCEPTED, _C.CONNECT_PARSED}, _C.CLOSING),
    e.HelloReceived: (_BEFORE_TLS, None),
    e.PolicyDecided: ({_C.ACCEPTED, _C.CONNECT_PARSED}, _C.POLICY_DECIDED),
    e.CertificateIssued: (_OPEN, None),
    e.ProcessKnown: (_OPEN, None),
    e.TlsStarted: (_BEFORE_TLS, _C.TLS_STARTED),
    e.TlsEstablished: ({_C.TLS_STARTED}, _C.TLS_READY),
    e.TlsFailed: ({_C.TLS_STARTED, _C.TLS_READY}, _C.CLOSING),
    e.TlsLearningAudit: (_OPEN, None),
    e.Noted: (_OPEN, None),
    e.PeerSettings: (_OPEN, None),
    e.GoneAway: (_OPEN, None),
    e.ConnClosed: (set(_C) - {_C.CLOSED}, _C.CLOSED),
}
"""Conn events: the states in which each may come, and the state that follows (None: the same)."""

_ANY = set(_F) - {_F.NEW, _F.CLOSED}
_HTTP = {_F.REQUESTED, _F.ANSWERED}
_MOVING = {_F.REQUESTED, _F.ANSWERED, _F.SWITCHED}

FLOW: dict[type[e.Body], tuple[set[FlowState], FlowState | None]] = {
    e.FlowOpened: ({_F.NEW}, _F.OPENED),
    e.FlowBound: (_ANY, None),
    e.RequestHead: ({_F.OPENED}, _F.REQUESTED),
    e.RequestEnd: (_HTTP, None),
    e.ResponseInfo: ({_F.REQUESTED}, None),
    e.ResponseHead: ({_F.OPENED, _F.REQUESTED}, _F.ANSWERED),
    e.ResponseEnd: ({_F.ANSWERED}, None),
    e.BodyChunk: (_MOVING, None),
    e.Upgraded: ({_F.OPENED, _F.ANSWERED}, _F.SWITCHED),
    e.TunnelProgress: ({_F.OPENED, _F.SWITCHED}, None),
    e.Anomaly: (_ANY, None),
    e.GuardTripped: (_ANY, None),
    e.HandlerActed: (_ANY, None),
    e.HandlerFailed: (_ANY, None),
    e.Retried: (_ANY, None),
    e.Noted: (_ANY, None),
    e.TlsFailed: (_ANY, None),
    e.DialFailed: (_ANY, None),
    e.ConnectRefused: (_ANY, None),
    e.HelloReceived: (_ANY, None),
    e.PolicyDecided: (_ANY, None),
    e.MessagesStarted: (_MOVING, None),
    e.MessageChunk: (_MOVING, None),
    e.MessageSeen: (_MOVING, None),
    e.MessagesSkipped: (_MOVING, None),
    e.MessagesStopped: (_MOVING, None),
    e.LlmFacts: (_MOVING, None),
    e.StreamReset: (_ANY, None),
    e.Paused: (_MOVING, None),
    e.Resumed: (_MOVING, None),
    e.MessageChanged: (_HTTP, None),
    e.OriginalChunk: (_MOVING, None),
    e.OriginalMessage: (_MOVING, None),
    e.RuleApplied: (_MOVING, None),
    e.Annotated: (set(_F) - {_F.NEW}, None),
    e.FlowClosed: (_ANY, _F.CLOSED),
}
"""Flow events likewise. Conn events that explain a failed attempt may carry its flow."""


def _table(
    rows: dict[type[e.Body], tuple[set[IntEnum], IntEnum | None]],
) -> dict[tuple[int, type[e.Body]], int]:
    table: dict[tuple[int, type[e.Body]], int] = {}
    for body, (states, follows) in rows.items():
        for state in states:
            table[int(state), body] = int(state if follows is None else follows)
    return table


CONN_NEXT = _table(CONN)  # type: ignore[arg-type]
"""State and event to the state that follows; a pair that is missing is illegal."""
FLOW_NEXT = _table(FLOW)  # type: ignore[arg-type]
"""The same for flows."""
