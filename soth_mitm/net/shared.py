"""What all connections of one proxy share: the bus, the settings in force, TLS, pool, registry."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Protocol

from soth_mitm.hooks.handler import Handler, overrides
from soth_mitm.model.events import HandlerFailed, LimitReached, Notice
from soth_mitm.model.limits import OF_CODE
from soth_mitm.net.breaking import Breaking
from soth_mitm.net.chain import Chain, HandlerPart
from soth_mitm.net.http2.known import HTTP2Only
from soth_mitm.net.http2.pump import Batch
from soth_mitm.net.joining import look_again
from soth_mitm.net.learning import Learning
from soth_mitm.net.life import ConnLife, FlowLife
from soth_mitm.net.pausing import Pauses
from soth_mitm.net.refusal import Spares
from soth_mitm.net.ruling import Ruling
from soth_mitm.net.slices import Slices
from soth_mitm.net.tasks import TaskGroup
from soth_mitm.policy.decision import Policy
from soth_mitm.policy.routes import Hop, Routes
from soth_mitm.proto.http2.bounds import Bounds
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.config import Config, Limits
    from soth_mitm.net.admission import Admission
    from soth_mitm.net.chain import Part
    from soth_mitm.net.conversation import Conversation
    from soth_mitm.net.dial import Dialer
    from soth_mitm.net.pool import Pool
    from soth_mitm.net.process.lookup import ProcessLookup
    from soth_mitm.net.securehop import Meeting
    from soth_mitm.net.tls.ca import CertificateAuthority
    from soth_mitm.net.tls.leaf import LeafCache
    from soth_mitm.net.tls.upstream import UpstreamTls
    from soth_mitm.net.upstream import UpstreamConn
    from soth_mitm.policy.routes import Hop
    from soth_mitm.record.bus import Bus


_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})
_UNSPECIFIED = frozenset({"", "0.0.0.0", "::"})


READ_SIZE = 256 * 1024
"""Most bytes that one read hands to a relay."""


class Killable(Protocol):
    """A connection, or a stream of one."""

    def kill(self, reason: str) -> None:
        """Close both sides now; open flows end with `reason`."""
        ...

    def cut(self, detail: str) -> None:
        """End the flow that is open once what was sent to its client has gone out; its end is missing."""
        ...


class Owner(Killable, Protocol):
    """What an open flow lives in."""

    def decide_anew(self) -> None:
        """Have bodies that are passing decided about, where that is possible yet."""
        ...


class Session(Killable, Protocol):
    """A client connection being served, as the registry sees it."""

    @property
    def busy(self) -> bool:
        """Whether a flow is open."""
        ...

    def shut_when_idle(self) -> None:
        """Close after the exchange that is open, or now where none is."""
        ...

    def tick(self, now: float) -> None:
        """Look at the deadlines; called about once a second with the loop's time."""
        ...


class HookSet:
    """Which hooks the handler overrides, asked once."""

    __slots__ = (
        "chunk",
        "close",
        "end",
        "handler",
        "intercept",
        "message",
        "open",
        "request",
        "response",
        "tls_failure",
        "websocket",
    )

    def __init__(self, handler: Handler | None) -> None:
        self.handler = handler or Handler()
        self.intercept = overrides(handler, "should_intercept_tls")
        self.tls_failure = overrides(handler, "on_tls_failure")
        self.request = overrides(handler, "on_request")
        self.response = overrides(handler, "on_response")
        self.websocket = overrides(handler, "on_websocket_start")
        self.message = overrides(handler, "on_message")
        self.chunk = overrides(handler, "on_stream_chunk")
        self.end = overrides(handler, "on_stream_end")
        self.open = overrides(handler, "on_connection_open")
        self.close = overrides(handler, "on_connection_close")


class Shared:
    """The common ground of one proxy's connections. `config` and `policy` change on a reload only."""

    ca: CertificateAuthority
    leaves: LeafCache
    tls: UpstreamTls
    dialer: Dialer
    pool: Pool
    admission: Admission
    processes: ProcessLookup | None
    """Finds the program behind a connection; None where that is not wanted."""

    def __init__(self, config: Config, bus: Bus, handler: Handler | None) -> None:
        self.config = config
        self.policy = Policy(config)
        self.routes = Routes(config, os.environ)
        self.bus = bus
        self.hooks = HookSet(handler)
        self.counters = bus.counters
        self.learning = Learning(self)
        self.tasks = TaskGroup(self._task_failed)
        self.slices = Slices(self)
        self.pauses = Pauses(self)
        self.chain = Chain()
        self.ruling = Ruling(self)
        self.sessions: set[Session] = set()
        self.spares = Spares(self.sessions, capacity=config.limits.learned_hosts)
        self.upstreams: set[UpstreamConn] = set()
        self.flows: dict[int, Owner] = {}
        self.conversations: dict[int, Conversation] = {}
        """The open WebSockets, by flow."""
        self.listening: list[tuple[str, int]] = []
        self.mode_hops: list[Hop] = []
        """The proxies that modes name."""
        self.draining = False
        self.capturing = True
        """Whether flows that begin now are told."""
        self.passed_untold = 0
        self.ended = False
        """The end of the session is about to be published: nothing may follow it."""
        self.in_flight = 0
        """Bytes that wait for slow readers, over all connections."""
        self.loop = asyncio.get_running_loop()
        self.batch = Batch(self.loop)
        """HTTP/2 connections with something to send."""
        self.h2_only = HTTP2Only()
        self.read_buffer = memoryview(bytearray(READ_SIZE))
        """Where every connection is read into: what arrived is copied out before the loop goes on.

        Without it, the loops' TLS allocates and gives back 256 KiB of pages for each record read.
        """
        self.chain_changed()
        self._bounds: Bounds | None = None
        self._bounds_of: Config | None = None
        self._conns = 0
        self._flow_count = 0
        self._flow_end = self._flow_ended if self.hooks.end else None
        self._limit_told: dict[str, float] = {}

    @property
    def bounds(self) -> Bounds:
        """The budgets of an HTTP/2 connection, by the settings in force."""
        if self._bounds is None or self._bounds_of is not self.config:
            self._bounds, self._bounds_of = _bounds(self.config.limits), self.config
        return self._bounds

    def chain_changed(self) -> None:
        """Put together who decides about messages; called where somebody begins or leaves off to."""
        hooks = self.hooks
        parts: list[Part] = [*self.ruling.parts]
        if hooks.request or hooks.response or hooks.message or hooks.websocket:
            parts.append(HandlerPart(self))
        if self.pauses.active:
            parts.append(Breaking(self.pauses))
        self.chain.use(parts)
        look_again(self)

    def new_conn(self) -> ConnLife:
        """Return the next conn."""
        self._conns += 1
        return ConnLife(self.bus, self._conns, self.slices)

    def new_flow(self, conn: int, kind: type[FlowLife] = FlowLife) -> FlowLife:
        """Return the next flow, of client conn `conn`."""
        self._flow_count += 1
        life = kind(self.bus, self._flow_count, conn, on_end=self._flow_end)
        if not self.capturing:
            life.told = False
            self.passed_untold += 1
        return life

    @property
    def flow_count(self) -> int:
        """How many flows there have been; also the number of the latest."""
        return self._flow_count

    def _flow_ended(self, number: int) -> None:
        self.call_hook("on_stream_end", number)

    def waiting(self, change: int) -> None:
        """Note that `change` more (or fewer) bytes wait for readers that are slower than their senders."""
        self.in_flight += change
        self.counters.level("in_flight_bytes", self.in_flight)

    def limit_reached(self, name: str, value: int, action: str) -> None:
        """Count a used-up budget, and tell about it at most once a second per budget."""
        self.counters.hit(name)
        now = self.loop.time()
        if now - self._limit_told.get(name, -10.0) >= 1.0:
            self._limit_told[name] = now
            self.bus.publish(LimitReached(name, value, action))

    def refused(self, code: str) -> None:
        """Count a refusal by its reason code: as the budget that it stands for, where it stands for one."""
        self.counters.hit(OF_CODE.get(code, code))

    def call_hook(self, hook: str, *arguments: object, flow: FlowLife | None = None) -> object:
        """Call a plain hook; a failure is counted and shown, and None returned."""
        try:
            return getattr(self.hooks.handler, hook)(*arguments)
        except Exception as error:
            self.handler_failed(hook, error, flow)
            return None

    def handler_failed(self, hook: str, error: BaseException, flow: FlowLife | None) -> None:
        """Count a failing hook, and show it on its flow (or as a notice where there is none)."""
        self.counters.hit("handler_failures")
        text = printable(f"{type(error).__name__}: {error}", 500)
        if flow is not None and not flow.closed:
            flow.emit(HandlerFailed(hook, text, self.config.handler_fails))
        else:
            self.bus.publish(Notice("error", f"the handler's {hook} failed: {text}"))

    def meet_proxy(self, hop: Hop) -> Meeting:
        """Return how TLS is begun with a proxy on the way: as the rules say for its host."""
        from soth_mitm.net.securehop import Meeting

        decision = self.policy.decide(hop.host, hop.port)
        verify = not decision.insecure
        context, name = self.tls.meet(decision.tls, hop.host, verify=verify, alpn=("http/1.1",))
        around = self.tls.resuming(hop.host, hop.port, verify=verify)
        return Meeting(context, name, around, self.config.limits.write_buffer_bytes)

    def is_self(self, host: str, port: int) -> bool:
        """Return whether a target is one of this proxy's own listeners."""
        for own_host, own_port in self.listening:
            if port != own_port:
                continue
            if host == own_host or host in _LOOPBACK or (own_host in _UNSPECIFIED and host in _UNSPECIFIED):
                return own_host in _LOOPBACK or own_host in _UNSPECIFIED or host == own_host
        return False

    def internal_error(self, where: str, text: str) -> None:
        """Count a fault of the proxy's own, and tell it."""
        self.counters.hit("internal_errors")
        self.bus.publish(Notice("error", printable(f"internal error in {where}: {text}", 500)))

    def _task_failed(self, name: str, error: BaseException) -> None:
        self.internal_error(name, f"{type(error).__name__}: {error}")


def _bounds(limits: Limits) -> Bounds:
    return Bounds(
        max_streams=limits.h2_max_streams,
        stream_window=limits.h2_stream_window,
        stream_window_max=limits.h2_stream_window_max,
        connection_window=limits.h2_connection_window,
        header_list=limits.max_head_bytes,
        header_block=limits.h2_header_block_bytes,
        continuations=limits.h2_continuations,
        resets=limits.h2_resets,
        errors=limits.h2_errors,
        pings=limits.h2_pings,
        settings=limits.h2_settings,
        empty_frames=limits.h2_empty_frames,
        other_frames=limits.h2_other_frames,
        flood_window=limits.h2_flood_window,
    )
