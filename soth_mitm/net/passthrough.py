"""A tunnel as a flow: counted, shown, watched for silence, and ended with its reason."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soth_mitm.model.events import FlowBound, TunnelProgress
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.sockets import format_address
from soth_mitm.net.tunnel import Tunnel

if TYPE_CHECKING:
    import socket

    from soth_mitm.net.dial import Dialled
    from soth_mitm.net.life import ConnLife, FlowLife
    from soth_mitm.net.shared import Shared


async def pass_through(  # the parts of one tunnel
    shared: Shared,
    sock: socket.socket,
    *,
    flow: FlowLife,
    client_life: ConnLife,
    upstream_life: ConnLife,
    dialled: Dialled,
) -> None:
    """Carry bytes until both sides ended; then the flow and both conns have their terminal events."""
    if upstream_life.admitted is not None:
        upstream_life.admitted.reached()
    flow.emit(
        FlowBound(
            client_life.number,
            upstream_life.number,
            False,
            format_address(dialled.address),
            dialled.dns_ns,
            dialled.connect_ns,
        )
    )
    tunnel = Tunnel(sock, dialled.sock, size=shared.config.limits.tunnel_pipe_bytes)
    watch = TunnelWatch(shared, tunnel, flow)
    reason, detail = CloseReason.INTERNAL_ERROR.value, ""
    try:
        reason, detail = await tunnel.run()
    except asyncio.CancelledError:
        reason = CloseReason.SHUTDOWN.value
        raise
    finally:
        watch.end()
        up, down = tunnel.up.count, tunnel.down.count
        flow.from_client, flow.from_upstream = up, down
        flow.close(reason, detail)
        upstream_life.close(reason, received=down, sent=up)
        client_life.close(reason, received=up, sent=down)


class TunnelWatch:
    """A tunnel in the registry: progress once a second, silence, kill, drain."""

    def __init__(self, shared: Shared, tunnel: Tunnel, flow: FlowLife) -> None:
        self._shared = shared
        self._tunnel = tunnel
        self._flow = flow
        self._told = (0, 0)
        self._last_move = shared.loop.time()
        shared.sessions.add(self)
        shared.flows[flow.number] = self

    @property
    def busy(self) -> bool:
        """A tunnel is busy until it ends."""
        return True

    def decide_anew(self) -> None:
        """Nothing here is decided about."""

    def kill(self, reason: str) -> None:
        """Cut both sides now."""
        self._tunnel.stop(reason)

    def cut(self, detail: str) -> None:
        """Cut both sides now: a tunnel has no end that could be missing."""
        self._tunnel.stop(CloseReason.KILLED)

    def shut_when_idle(self) -> None:
        """A tunnel has no idle point of its own; the drain's deadline ends it."""

    def tick(self, now: float) -> None:
        """Tell the progress, and end a silent tunnel."""
        tunnel = self._tunnel
        if tunnel.moved:
            tunnel.moved = False
            self._last_move = now
            counts = (tunnel.up.count, tunnel.down.count)
            if counts != self._told:
                self._told = counts
                self._flow.emit(TunnelProgress(*counts))
        elif now - self._last_move > self._shared.config.limits.idle_timeout:
            limit = self._shared.config.limits.idle_timeout
            self._shared.counters.hit("idle_timeout")
            tunnel.stop(CloseReason.IDLE_TIMEOUT, f"nothing moved for {limit:g} s")

    def end(self) -> None:
        """Leave the registry."""
        self._shared.sessions.discard(self)
        self._shared.flows.pop(self._flow.number, None)
