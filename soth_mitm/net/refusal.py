"""A client that leaves right after its TLS handshake, without a byte: it has probably refused us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import FlowKind, FlowOpened, Side, TlsFailed
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.tls import failure

if TYPE_CHECKING:
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared

SUSPICIOUS = 2.0
"""A client that leaves within this time of its handshake, without a byte, has probably refused us."""


def silent(
    shared: Shared, life: ConnLife, client: str, host: str, port: int, *, error: Exception | None
) -> None:
    """Tell of it as a failed handshake: some clients send no alert."""
    why = failure.classify_client(
        error or ConnectionResetError("closed without a byte"),
        sni=host,
        host=host,
        handshake_done=True,
        bytes_after=0,
    )
    shared.learning.failed(life, host, why)
    flow = shared.new_flow(life.number)
    flow.emit(FlowOpened(FlowKind.FAILED, "https", host, port, client, True))
    flow.emit(TlsFailed(Side.CLIENT, why))
    flow.close(CloseReason.TLS_HANDSHAKE_FAILED, why.reason)
    if shared.hooks.tls_failure:
        shared.call_hook("on_tls_failure", why)
