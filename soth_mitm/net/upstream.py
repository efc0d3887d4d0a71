"""One connection to an upstream, plain or TLS, and the reader of what it answers."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from soth_mitm.errors import SothError, StartError
from soth_mitm.model.events import (
    ConnOpened,
    Side,
    TlsEstablished,
    TlsFailed,
    TlsStarted,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.admission import Site
from soth_mitm.net.dial import Address, DialError, Dialled
from soth_mitm.net.sockets import adopt, format_address
from soth_mitm.net.tls import chain, failure
from soth_mitm.policy.tls import UpstreamRule
from soth_mitm.proto.http1 import ResponseReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.model.tls import TlsFailure
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.decision import Decision
    from soth_mitm.policy.routes import Hop

PERSONAL = re.compile(
    rb"\n(?=[AaPpWw])(?i:(?:www|proxy)-authenticate|(?:proxy-)?authorization):[^\n]*?\b(?i:ntlm|negotiate)\b"
)
"""A field that authenticates a connection instead of a request (RFC 4559 section 6)."""
SHUTDOWN_TIMEOUT = 60.0
"""Seconds that a TLS peer has to take the last bytes and answer the close_notify."""


class Peer(NamedTuple):
    """The full identity of an upstream: connections of different peers are never shared."""

    scheme: str
    host: str
    port: int
    sni: str = ""
    verify: bool = True
    tls: UpstreamRule = UpstreamRule()
    alpn: tuple[str, ...] = ("http/1.1",)
    """What it is offered; `h2c` is HTTP/2 without TLS, and without asking."""
    lenient: bool = False
    via: Hop | None = None
    absolute: bool = False
    """The proxy on the way gets whole requests, in absolute-form, instead of a CONNECT."""

    def __hash__(self) -> int:
        """Hash what differs between most peers, and is quick to hash; the rest is compared."""
        return hash((self.port, self.host, self.scheme))

    @property
    def near(self) -> tuple[str, int]:
        """Host and port that are connected to: those of the proxy on the way, where there is one."""
        return (self.host, self.port) if self.via is None else (self.via.host, self.via.port)

    @classmethod
    def of(
        cls,
        scheme: str,
        host: str,
        port: int,
        *,
        decision: Decision,
        sni: str = "",
        alpn: tuple[str, ...] = ("http/1.1",),
        via: Hop | None = None,
        absolute: bool = False,
    ) -> Peer:
        """Return the peer that a decision's overrides lead to."""
        tls = scheme == "https"
        return cls(
            scheme,
            host,
            port,
            sni=(sni or host) if tls else "",
            verify=not decision.insecure,
            tls=decision.tls if tls else UpstreamRule(),
            alpn=alpn,
            lenient=decision.lenient,
            via=via,
            absolute=absolute,
        )


class UpstreamTlsError(SothError):
    """The TLS handshake with an upstream failed; `failure` says why."""

    def __init__(self, tls_failure: TlsFailure) -> None:
        self.failure = tls_failure
        super().__init__(tls_failure.hint or tls_failure.detail)


class User(Protocol):
    """Who uses an upstream connection at the moment."""

    def upstream_data(self, conn: UpstreamConn, data: bytes) -> None:
        """Take bytes that came."""
        ...

    def upstream_ended(self, conn: UpstreamConn, error: BaseException | None) -> None:
        """Take note that no more will come: the peer's end, or the connection is lost."""
        ...

    def upstream_full(self, full: bool) -> None:
        """Stop (True) or start again (False) to write to it."""
        ...


class UpstreamConn(asyncio.BufferedProtocol):
    """A connected upstream. With nobody using it, any byte or its end closes it."""

    def __init__(self, shared: Shared, life: ConnLife, *, peer: Peer, dialled: Dialled) -> None:
        self.shared = shared
        self.life = life
        self.peer = peer
        self.address: Address = dialled.address
        self.where = format_address(dialled.address)
        """The same in words."""
        self.dns_ns = dialled.dns_ns
        self.connect_ns = dialled.connect_ns
        self.tls_ns = 0
        self.tls_begun = 0
        self.reader = ResponseReader(max_head=shared.config.limits.max_head_bytes, lenient=peer.lenient)
        self.user: User | None = None
        self.early = b""
        """What the upstream sent before anybody asked; reading stops after it."""
        self.on_early: Callable[[], None] | None = None
        """Told of it, where a protocol in which the server speaks first would be followed."""
        self.exchanges = 0
        """How many exchanges were begun on it; 1 or more at the next one means it is reused."""
        self.personal = False
        """NTLM or Negotiate was spoken on it, which authenticates the connection, not a request."""
        self.alive = False
        self.lost_by: Exception | None = None
        """The error by which it was lost: on TLS 1.3 a refusal of our certificate comes as late as that."""
        self.speaks_h2 = "h2c" in peer.alpn
        self.idle_since = 0.0
        self.received = 0
        self.sent = 0
        self._waiting = 0
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._ssl: ssl.SSLObject | None = None
        self._remembered = False
        self._close_reason: tuple[str, str] | None = None

    # --- asyncio's side -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; over TLS this comes after the handshake."""
        self.transport = cast("asyncio.Transport", transport)
        self.alive = True
        self.shared.upstreams.add(self)
        high = self.shared.config.limits.write_buffer_bytes
        self.transport.set_write_buffer_limits(high=high)
        self._ssl = transport.get_extra_info("ssl_object")
        if self._ssl is not None:
            # uvloop drops decoded data of a paused transport whose peer leaves without
            # close_notify, unless its own read buffer is kept at nothing.
            limit = getattr(transport, "set_read_buffer_limits", None)
            if limit is not None:
                limit(1)
            self.speaks_h2 = self._ssl.selected_alpn_protocol() == "h2"
            self.tls_ns = self.life.bus.clock.monotonic_ns() - self.tls_begun
            self.life.emit(established(transport, Side.UPSTREAM, verified=self.peer.verify))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the proxy's one read buffer."""
        return self.shared.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand bytes to the user."""
        data = bytes(self.shared.read_buffer[:nbytes])
        self.received += len(data)
        if not self._remembered and self._ssl is not None:
            self._remembered = True
            if not self._ssl.session_reused:  # reading a session costs as much as resuming it saves
                self.shared.tls.remember(self._ssl)
        user = self.user
        if user is not None:
            user.upstream_data(self, data)
        elif not self.exchanges and self.speaks_h2:  # whose settings come unasked
            self.early += data
            self.transport.pause_reading()
        elif self.exchanges or self.on_early is None or data.startswith(b"HTTP/"):
            self.close(CloseReason.UPSTREAM_CLOSED, "bytes that no request asked for")
        else:
            self.early += data
            self.transport.pause_reading()
            self.on_early()

    def eof_received(self) -> bool:
        """Tell the user; a plain connection stays open for what is still to be written."""
        user = self.user
        if user is None:
            self.alive = False
            return False
        user.upstream_ended(self, None)
        return self._ssl is None and self.alive and self.user is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the user, and publish the end."""
        self._not_waiting()
        self.alive = False
        self.lost_by = exc
        self.shared.upstreams.discard(self)
        user = self.user
        if user is not None:
            user.upstream_ended(self, exc)
        self.user = None
        self.shared.pool.gone(self)
        reason, detail = self._close_reason or (
            CloseReason.UPSTREAM_CLOSED,
            f"{exc}" if exc is not None else "",
        )
        self.life.close(reason, detail, received=self.received, sent=self.sent)

    def pause_writing(self) -> None:
        """Pass back-pressure on."""
        self._waiting = self.transport.get_write_buffer_size()
        self.shared.counters.hit("write_buffer_bytes")
        self.shared.waiting(self._waiting)
        if self.user is not None:
            self.user.upstream_full(True)

    def resume_writing(self) -> None:
        """Pass the end of back-pressure on."""
        self._not_waiting()
        if self.user is not None:
            self.user.upstream_full(False)

    def _not_waiting(self) -> None:
        self.shared.waiting(-self._waiting)
        self._waiting = 0

    @property
    def certificate(self) -> bytes | None:
        """The upstream's own certificate in DER, of a resumed connection too; None without TLS."""
        return self._ssl.getpeercert(binary_form=True) if self._ssl is not None else None

    # --- the user's side ------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.sent += len(data)
        self.transport.write(data)

    def close(self, reason: str, detail: str = "", *, abort: bool = False) -> None:
        """Close it; no user hears of it any more."""
        self.user = None
        self.alive = False
        if self._close_reason is None:
            self._close_reason = (reason, detail)
        if abort:
            self.transport.abort()
            return
        if self.transport.get_write_buffer_size():  # a peer that takes nothing must not keep it for ever
            self.shared.loop.call_later(SHUTDOWN_TIMEOUT, self.transport.abort)
        self.transport.close()


async def start(shared: Shared, life: ConnLife, *, peer: Peer, dialled: Dialled) -> UpstreamConn:
    """Turn a dialled socket into an upstream connection; for https, shake hands first.

    Raises:
        UpstreamTlsError: after the events that tell it; the conn has ended.
    """
    conn = UpstreamConn(shared, life, peer=peer, dialled=dialled)
    try:
        if peer.scheme == "https":
            await _shake_hands(shared, conn, dialled)
        else:
            await adopt(asyncio.get_running_loop(), lambda: conn, dialled.sock)
        if life.admitted is not None:
            life.admitted.reached()
    except asyncio.CancelledError:
        if conn.alive:
            conn.transport.abort()
        else:
            dialled.sock.close()
            life.close(CloseReason.SHUTDOWN)
        raise
    return conn


async def _shake_hands(shared: Shared, conn: UpstreamConn, dialled: Dialled) -> None:
    peer, life = conn.peer, conn.life
    conn.tls_begun = life.emit(TlsStarted(Side.UPSTREAM, "" if peer.tls.sni == "disabled" else peer.sni))
    with shared.tls.resuming(peer.host, peer.port, sni=peer.sni, verify=peer.verify) as key:
        try:
            context, name = shared.tls.meet(peer.tls, peer.sni, verify=peer.verify, alpn=peer.alpn)
            await adopt(
                asyncio.get_running_loop(),
                lambda: conn,
                dialled.sock,
                ssl=context,
                server_hostname=name,
                ssl_handshake_timeout=shared.config.limits.tls_timeout,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
            )
        except (OSError, ssl.SSLError, ValueError, StartError) as error:
            dialled.sock.close()
            shared.tls.forget(key)
            why = failure.classify_upstream(
                error,
                host=peer.sni or peer.host,
                port=peer.port,
                answered=shared.tls.answered(),
                shown=bool(peer.tls.shown_cert),
            )
            if life.admitted is not None:
                life.admitted.tls_failed(why)
            life.emit(TlsFailed(Side.UPSTREAM, why))
            life.close(CloseReason.TLS_HANDSHAKE_FAILED, why.reason)
            raise UpstreamTlsError(why) from error


def established(transport: asyncio.BaseTransport, side: Side, *, verified: bool) -> TlsEstablished:
    """Return the event that tells a finished handshake.

    A client's certificate, where it was asked for and shown, has been checked by the handshake.
    """
    ssl_object: ssl.SSLObject = transport.get_extra_info("ssl_object")
    cipher = ssl_object.cipher()
    resumed = bool(ssl_object.session_reused)
    shown: tuple[bytes, ...] = ()
    if side is Side.CLIENT:
        if ssl_object.context.verify_mode is not ssl.CERT_NONE:
            shown = chain.peer_chain(ssl_object)
            verified = bool(shown)
    elif not resumed:
        shown = chain.peer_chain(ssl_object)
    return TlsEstablished(
        side=side,
        version=ssl_object.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=ssl_object.selected_alpn_protocol() or "",
        resumed=resumed,
        verified=verified,
        chain=shown,
    )


async def dial(
    shared: Shared, host: str, port: int, *, via: Hop | None = None, tunnel: bool = True
) -> tuple[ConnLife, Dialled]:
    """Connect to an upstream's socket, as a new conn; `via` and `tunnel` as for `Dialer.connect`.

    Whoever uses it says that it was `reached`, to `life.admitted`; `start` does.

    Raises:
        DialError: after the events that tell it; the conn has ended.
    """
    life = shared.new_conn()
    admitted = await shared.admission.enter(life, Site(host, port, via))
    try:
        dialled = await shared.dialer.connect(
            life, host, port, via=via, tunnel=tunnel, waited_ns=admitted.waited_ns
        )
    except DialError as error:
        admitted.failed(error)
        life.close(error.reason, error.code)
        raise
    except asyncio.CancelledError:
        life.close(CloseReason.SHUTDOWN)
        raise
    if _reached_ourselves(shared, dialled):
        dialled.sock.close()
        loop = DialError(host, port, stage="connect", code="self_loop", detail="its address is our own")
        life.emit(loop.told())
        life.close(loop.reason, loop.code)
        raise loop
    life.emit(
        ConnOpened(
            Side.UPSTREAM,
            format_address(dialled.address),
            format_address(dialled.near),
        )
    )
    return life, dialled


def _reached_ourselves(shared: Shared, dialled: Dialled) -> bool:
    """Return whether a name has led back to one of our listeners, on whichever address of this machine."""
    address, port = dialled.address
    near = dialled.near[0]
    return shared.is_self(address, port) or (near == address and shared.is_self("", port))


async def open_upstream(shared: Shared, peer: Peer) -> UpstreamConn:
    """Dial a peer and shake hands where it wants TLS.

    Raises:
        DialError, UpstreamTlsError: after the events that tell it.
    """
    life, dialled = await dial(shared, peer.host, peer.port, via=peer.via, tunnel=not peer.absolute)
    return await start(shared, life, peer=peer, dialled=dialled)
