"""A client that leaves right after its TLS handshake, without a byte: it has probably refused us."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from soth_mitm.model.events import FlowKind, FlowOpened, Side, TlsFailed
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.client import ClientTransport
from soth_mitm.net.tls import failure

if TYPE_CHECKING:
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared

SUSPICIOUS = 2.0
"""A client that leaves within this time of its handshake, without a byte, has probably refused us."""


class Spares:
    """Tells connections that a client has made in reserve, as browsers do, from refusals.

    One that was not used is a spare where the same client has used another one to the same host that
    began at about the same time. At most `capacity` uses are remembered, the latest of each host.
    """

    def __init__(self, sessions: Iterable[object], *, capacity: int) -> None:
        self._sessions = sessions
        self._capacity = capacity
        self._uses: OrderedDict[tuple[str, str], float] = OrderedDict()

    def used(self, session: ClientTransport) -> None:
        """Remember a connection that has been used, and ends."""
        key = _key(session)
        self._uses[key] = session.began
        self._uses.move_to_end(key)
        if len(self._uses) > self._capacity:
            self._uses.popitem(last=False)

    def is_one(self, session: ClientTransport) -> bool:
        """Return whether a connection that was not used was a spare."""
        key = _key(session)
        last = self._uses.get(key)
        if last is not None and abs(session.began - last) <= SUSPICIOUS:
            return True
        return any(
            isinstance(other, ClientTransport)
            and other.heard
            and abs(other.began - session.began) <= SUSPICIOUS
            and _key(other) == key
            for other in self._sessions
        )


def _key(session: ClientTransport) -> tuple[str, str]:
    return session.client.rpartition(":")[0], session.host


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
