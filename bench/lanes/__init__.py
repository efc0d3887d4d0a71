"""The lanes, in the order in which they run. Each module says how it measures and what must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lanes import (
    app,
    debugger,
    fresh,
    grpc,
    http,
    http2,
    inside,
    latency,
    listed,
    memory,
    messages,
    parsed,
    ruled,
    sse,
    startup,
    tunnel,
    websocket,
)

if TYPE_CHECKING:
    from bench.lane import Lane

LANES: tuple[Lane, ...] = (
    *http.LANES,
    *parsed.LANES,
    *debugger.LANES,
    *http2.LANES,
    *grpc.LANES,
    *fresh.LANES,
    *tunnel.LANES,
    *sse.LANES,
    *websocket.LANES,
    *latency.LANES,
    *memory.LANES,
    *app.LANES,
    *ruled.LANES,
    *listed.LANES,
    *messages.LANES,
    *startup.LANES,
    *inside.LANES,
)
"""Every lane there is."""
