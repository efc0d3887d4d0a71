"""The flow event stream: one envelope, one closed union of bodies.

Everything a user interface, an export or a dump file shows is read from these events. A **conn** is
one transport connection, on the client's side or the upstream's; a **flow** is one exchange, one
tunnel or one failed attempt. An intercepted CONNECT is no flow: it belongs to its client conn.

Promises, tested for every protocol: `seq` rises by one from event to event; `mono_ns` never goes
back; each conn and each flow has exactly one terminal event (`ConnClosed`, `FlowClosed`) with a
reason code, and no wire event after it. What a person says about a flow (`Annotated`) may come later.

Every body has a `KIND` number, which is its kind in a dump file and never changes its meaning. New
fields are added at the end with a default, so that older files stay readable.
"""

from __future__ import annotations

import msgspec

from soth_mitm.model.events.base import SCHEMA as SCHEMA
from soth_mitm.model.events.base import Body as Body
from soth_mitm.model.events.conn import CertificateIssued as CertificateIssued
from soth_mitm.model.events.conn import ClientNamed as ClientNamed
from soth_mitm.model.events.conn import ConnClosed as ConnClosed
from soth_mitm.model.events.conn import ConnectReceived as ConnectReceived
from soth_mitm.model.events.conn import ConnectRefused as ConnectRefused
from soth_mitm.model.events.conn import ConnOpened as ConnOpened
from soth_mitm.model.events.conn import DialFailed as DialFailed
from soth_mitm.model.events.conn import DialResolved as DialResolved
from soth_mitm.model.events.conn import DialStarted as DialStarted
from soth_mitm.model.events.conn import GoneAway as GoneAway
from soth_mitm.model.events.conn import HelloReceived as HelloReceived
from soth_mitm.model.events.conn import PeerSettings as PeerSettings
from soth_mitm.model.events.conn import PolicyDecided as PolicyDecided
from soth_mitm.model.events.conn import ProcessKnown as ProcessKnown
from soth_mitm.model.events.conn import TargetGiven as TargetGiven
from soth_mitm.model.events.conn import TlsEstablished as TlsEstablished
from soth_mitm.model.events.conn import TlsFailed as TlsFailed
from soth_mitm.model.events.conn import TlsLearningAudit as TlsLearningAudit
from soth_mitm.model.events.conn import TlsStarted as TlsStarted
from soth_mitm.model.events.debugger import MessageChanged as MessageChanged
from soth_mitm.model.events.debugger import OriginalChunk as OriginalChunk
from soth_mitm.model.events.debugger import OriginalMessage as OriginalMessage
from soth_mitm.model.events.debugger import Outcome as Outcome
from soth_mitm.model.events.debugger import Paused as Paused
from soth_mitm.model.events.debugger import Resumed as Resumed
from soth_mitm.model.events.debugger import RuleApplied as RuleApplied
from soth_mitm.model.events.flow import CHUNK_LIMIT as CHUNK_LIMIT
from soth_mitm.model.events.flow import Annotated as Annotated
from soth_mitm.model.events.flow import Anomaly as Anomaly
from soth_mitm.model.events.flow import BodyChunk as BodyChunk
from soth_mitm.model.events.flow import FlowBound as FlowBound
from soth_mitm.model.events.flow import FlowClosed as FlowClosed
from soth_mitm.model.events.flow import FlowOpened as FlowOpened
from soth_mitm.model.events.flow import GuardTripped as GuardTripped
from soth_mitm.model.events.flow import HandlerActed as HandlerActed
from soth_mitm.model.events.flow import HandlerFailed as HandlerFailed
from soth_mitm.model.events.flow import Noted as Noted
from soth_mitm.model.events.flow import RequestEnd as RequestEnd
from soth_mitm.model.events.flow import RequestHead as RequestHead
from soth_mitm.model.events.flow import ResponseEnd as ResponseEnd
from soth_mitm.model.events.flow import ResponseHead as ResponseHead
from soth_mitm.model.events.flow import ResponseInfo as ResponseInfo
from soth_mitm.model.events.flow import Retried as Retried
from soth_mitm.model.events.flow import StreamReset as StreamReset
from soth_mitm.model.events.flow import TunnelProgress as TunnelProgress
from soth_mitm.model.events.flow import Upgraded as Upgraded
from soth_mitm.model.events.llm import LlmFacts as LlmFacts
from soth_mitm.model.events.messages import MessageChunk as MessageChunk
from soth_mitm.model.events.messages import MessageSeen as MessageSeen
from soth_mitm.model.events.messages import MessagesSkipped as MessagesSkipped
from soth_mitm.model.events.messages import MessagesStarted as MessagesStarted
from soth_mitm.model.events.messages import MessagesStopped as MessagesStopped
from soth_mitm.model.events.session import BreakerChanged as BreakerChanged
from soth_mitm.model.events.session import CaLoaded as CaLoaded
from soth_mitm.model.events.session import CaptureGap as CaptureGap
from soth_mitm.model.events.session import CaptureSwitched as CaptureSwitched
from soth_mitm.model.events.session import ConfigReloaded as ConfigReloaded
from soth_mitm.model.events.session import LimitReached as LimitReached
from soth_mitm.model.events.session import ListenerClosed as ListenerClosed
from soth_mitm.model.events.session import ListenerOpened as ListenerOpened
from soth_mitm.model.events.session import Notice as Notice
from soth_mitm.model.events.session import SessionEnded as SessionEnded
from soth_mitm.model.events.session import SessionStarted as SessionStarted
from soth_mitm.model.terms import Direction as Direction
from soth_mitm.model.terms import FlowKind as FlowKind
from soth_mitm.model.terms import MessageForm as MessageForm
from soth_mitm.model.terms import Side as Side


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: who, when, what. Identity is the run's `run_id` with `seq`."""

    seq: int
    """1 for the first event of a run, then one more each."""
    conn: int
    """Number of the conn, from 1; 0 for none. Of a flow's events: the client conn, 0 of `Annotated`."""
    flow: int
    """Number of the flow, from 1; 0 for none."""
    flow_seq: int
    """Number of the event within its flow, from 1; 0 without a flow, and of `Annotated`."""
    mono_ns: int
    """Monotonic time."""
    wall_ns: int
    """Nanoseconds since 1970 UTC."""
    body: Body


BODIES: dict[int, type[Body]] = {body.KIND: body for body in Body.__subclasses__()}
"""Body type per kind number."""

TERMINAL: tuple[type[Body], ...] = (ConnClosed, FlowClosed, SessionEnded)


def kind_name(kind: int) -> str:
    """Return the snake_case name of a kind number, `kind_0x….` for one this version does not know."""
    body = BODIES.get(kind)
    if body is None:
        return f"kind_0x{kind:04x}"
    name = body.__name__
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
