"""The first bytes of an accepted connection: a CONNECT, a plain request, or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soth_mitm.hooks.messages import ConnectionInfo
from soth_mitm.model.events import (
    ClientNamed,
    ConnectReceived,
    ConnectRefused,
    ConnOpened,
    PolicyDecided,
    Side,
)
from soth_mitm.model.outcomes import refused_hint
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import replies, socks, transparent
from soth_mitm.net.accepted import Accepted
from soth_mitm.net.connect import Connect, HandshakeFailed
from soth_mitm.net.greeting import AsProxy
from soth_mitm.net.http2.session import StreamSession
from soth_mitm.net.origin import ForwardOrigin
from soth_mitm.net.peek import PeekTimeout, PeerLeft, consume, peek_until
from soth_mitm.net.reverse import Reverse
from soth_mitm.net.session import ClientSession
from soth_mitm.net.sockets import format_address, transport_of, tune
from soth_mitm.policy.decision import Action, Decision
from soth_mitm.policy.modes import Kind
from soth_mitm.proto import proxy_auth, proxy_protocol
from soth_mitm.proto.connect import REASONS, ConnectError, head_end, parse_connect

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.modes import Mode

_CONNECT = b"CONNECT "
_PREFACE = b"PRI "
_SOCKS_REFUSALS = {b"\x04": b"\x00\x5b" + bytes(6), b"\x05": b"\x05\xff"}
"""What a SOCKS client that takes us for its proxy understands, by the first byte that it sends."""


class Entry:
    """An accepted client connection until it is known what it wants."""

    def __init__(
        self, shared: Shared, sock: socket.socket, address: object, *, mode: Mode, on_end: Callable[[], None]
    ) -> None:
        self._shared = shared
        self._sock = sock
        self._life = life = shared.new_conn()
        client = format_address(address)
        self._accepted = Accepted(shared, sock, life=life, client=client, mode=mode, on_end=on_end)
        self._handed_over = False

    async def serve(self) -> None:
        """Serve the connection to its end, or to where a session takes over."""
        shared, life, accepted = self._shared, self._life, self._accepted
        local = format_address(self._sock.getsockname())
        life.emit(ConnOpened(Side.CLIENT, accepted.client, local, transport_of(self._sock)))
        reason, detail = CloseReason.COMPLETED.value, ""
        try:
            tune(self._sock)
            if shared.processes is not None:
                shared.processes.ask(life, self._sock)
            if accepted.mode.proxy_protocol and not await self._read_header():
                return
            if shared.hooks.open or shared.hooks.close:
                accepted.info = ConnectionInfo(life.number, accepted.client)
            if shared.hooks.open:
                shared.call_hook("on_connection_open", accepted.info)
            await self._serve()
        except HandshakeFailed:
            pass
        except PeerLeft as error:
            reason, detail = CloseReason.CLIENT_CLOSED, str(error)
        except PeekTimeout as error:
            shared.counters.hit("head_timeout")
            reason, detail = CloseReason.STAGE_TIMEOUT, str(error)
        except OSError as error:
            reason, detail = CloseReason.CLIENT_CLOSED, error.strerror or str(error)
        except BaseException:
            reason = CloseReason.SHUTDOWN if shared.draining else CloseReason.INTERNAL_ERROR
            raise
        finally:
            if not self._handed_over:
                self._sock.close()
                life.close(reason, detail)
                if accepted.info is not None and shared.hooks.close:
                    shared.call_hook("on_connection_close", accepted.info)
                accepted.on_end()

    async def _read_header(self) -> bool:
        """Learn from the PROXY header whom the connection comes from; return False where it has none."""
        accepted, timeout = self._accepted, self._shared.config.limits.head_timeout
        try:
            data = await peek_until(
                self._sock, proxy_protocol.needs, timeout=timeout, most=proxy_protocol.MOST
            )
            header = proxy_protocol.parse(data)
        except proxy_protocol.ProxyHeaderError as error:
            accepted.refuse(ConnectRefused(error.code, error.detail))
            return False
        except (PeerLeft, PeekTimeout) as error:
            if error.data:
                detail = f"the connection ended after {len(error.data)} bytes of it"
                accepted.refuse(ConnectRefused("proxy_header_incomplete", detail))
            raise
        consume(self._sock, header.length)
        if header.client is not None:
            accepted.client = str(header.client)
            self._life.emit(ClientNamed(str(header.client), str(header.destination), header.version))
        return True

    async def _serve(self) -> None:
        kind = self._accepted.mode.kind
        if kind is Kind.REVERSE:
            self._handed_over = await Reverse(self._accepted).run()
        elif kind is Kind.SOCKS5:
            self._handed_over = await socks.serve(self._accepted)
        elif kind is Kind.TRANSPARENT:
            self._handed_over = await transparent.serve(self._accepted)
        else:
            await self._as_proxy()

    async def _as_proxy(self) -> None:
        limits = self._shared.config.limits
        try:
            first = await peek_until(
                self._sock, _enough_to_tell, timeout=limits.head_timeout, most=len(_CONNECT)
            )
        except (PeerLeft, PeekTimeout) as error:
            if error.data:
                self._refuse(
                    ConnectError("incomplete_headers", "the connection ended inside the first request")
                )
            raise
        if first[:4] == b"PRI " and self._shared.config.proxy_auth:
            detail = "the client began HTTP/2; the user and password that are wanted here go over HTTP/1.1"
            self._refuse(ConnectError("http2_without_auth", detail, status=407), answer=False)
        elif first[:4] == b"PRI " and self._shared.config.http2:
            await self._take_over(StreamSession(**self._forwarding()))
        elif first[:1] == b"\x16":
            self._refuse(
                ConnectError(
                    "tls_to_proxy_port",
                    "the client began TLS with the proxy itself; set it up with http:// for the proxy",
                ),
                answer=False,
            )
        elif first[:1] in _SOCKS_REFUSALS:
            code, detail = "socks_to_proxy_port", "the client speaks SOCKS; this port speaks HTTP to clients"
            self._accepted.refuse(ConnectRefused(code, detail, 400), _SOCKS_REFUSALS[first[:1]])
        elif first.upper() == _CONNECT:
            await self._connect()
        else:
            auth = self._shared.config.proxy_auth
            await self._take_over(ClientSession(**self._forwarding(), auth=auth))

    def _forwarding(self) -> dict[str, Any]:
        """Return what a session of plain forwarding is made of."""
        decision = Decision(Action.INTERCEPT, "plain_http")
        self._life.emit(PolicyDecided(decision.action, decision.reason))
        return {
            "shared": self._shared,
            "life": self._life,
            "client": self._accepted.client,
            "origin": ForwardOrigin(self._shared, self._accepted.mode.hop),
            "decision": decision,
            "scheme": "http",
            "info": self._accepted.info,
            "on_end": self._accepted.on_end,
        }

    async def _take_over(self, session: ClientSession | StreamSession) -> None:
        self._handed_over = True
        await self._shared.loop.connect_accepted_socket(lambda: session, self._sock)

    async def _connect(self) -> None:
        limits = self._shared.config.limits
        end = 0

        def needs(data: bytes) -> int:
            nonlocal end
            end = head_end(data, limit=limits.max_head_bytes)
            return len(data) + 1 if end < 0 else end

        try:
            await peek_until(self._sock, needs, timeout=limits.head_timeout, most=limits.max_head_bytes + 1)
            request = parse_connect(consume(self._sock, end))
            if self._shared.config.proxy_auth:
                proxy_auth.check(request.raw, self._shared.config.proxy_auth)
        except ConnectError as error:
            self._refuse(error)
            return
        except (PeerLeft, PeekTimeout):
            self._refuse(ConnectError("incomplete_headers", "the connection ended inside the CONNECT head"))
            raise
        site = request.authority
        self._life.emit(ConnectReceived(site.host, site.port, self._recorded(request.raw)))
        self._handed_over = await Connect(self._accepted, AsProxy()).serve(site.host, site.port)

    def _recorded(self, raw: bytes) -> bytes:
        """Return a head without the credentials that were meant for us."""
        return proxy_auth.hide(raw) if self._shared.config.proxy_auth else raw

    def _refuse(self, error: ConnectError, *, answer: bool = True) -> None:
        words = REASONS.get(error.code)
        hint = words.advice if words else refused_hint(error.code)
        fields = getattr(error, "fields", ())
        head, body = replies.error(error.status, error.code, text=error.detail, hint=hint, fields=fields)
        refused = ConnectRefused(error.code, error.detail, error.status)
        self._accepted.refuse(refused, head + body if answer else b"")


def _enough_to_tell(data: bytes) -> int:
    """Eight bytes tell a CONNECT; fewer will do as soon as they cannot become one."""
    if data[:1] == b"P":
        return len(_PREFACE) if _PREFACE.startswith(data) else len(data)
    if data and data[:1] not in b"Cc\r\n":
        return len(data)
    return len(_CONNECT) if _CONNECT.startswith(data.upper()) else max(1, len(data))
