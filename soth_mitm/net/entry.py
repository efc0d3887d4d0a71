"""The first bytes of an accepted connection: a CONNECT, a plain request, or neither."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import ConnectionInfo
from soth_mitm.model.events import ConnectRefused, ConnOpened, FlowKind, FlowOpened, PolicyDecided, Side
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import replies
from soth_mitm.net.connect import Connect, HandshakeFailed
from soth_mitm.net.origin import ForwardOrigin
from soth_mitm.net.peek import PeekTimeout, PeerLeft, consume, peek_until
from soth_mitm.net.session import ClientSession
from soth_mitm.net.sockets import format_address, tune
from soth_mitm.policy.decision import Action, Decision
from soth_mitm.proto.connect import REASONS, ConnectError, head_end, parse_connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared

_CONNECT = b"CONNECT "


class Entry:
    """An accepted client connection until it is known what it wants."""

    def __init__(
        self, shared: Shared, sock: socket.socket, address: object, *, on_end: Callable[[], None]
    ) -> None:
        self._shared = shared
        self._sock = sock
        self._client = format_address(address)
        self._life: ConnLife = shared.new_conn()
        self._info: ConnectionInfo | None = None
        self._on_end = on_end
        self._handed_over = False

    async def serve(self) -> None:
        """Serve the connection to its end, or to where a session takes over."""
        shared, life = self._shared, self._life
        life.emit(ConnOpened(Side.CLIENT, self._client, format_address(self._sock.getsockname())))
        if shared.hooks.open or shared.hooks.close:
            self._info = ConnectionInfo(life.number, self._client)
        if shared.hooks.open:
            shared.call_hook("on_connection_open", self._info)
        reason, detail = CloseReason.COMPLETED.value, ""
        try:
            tune(self._sock)
            await self._serve()
        except HandshakeFailed:
            pass
        except PeerLeft as error:
            reason, detail = CloseReason.CLIENT_CLOSED, str(error)
        except PeekTimeout as error:
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
                if self._info is not None and shared.hooks.close:
                    shared.call_hook("on_connection_close", self._info)
                self._on_end()

    async def _serve(self) -> None:
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
        if first[:1] == b"\x16":
            self._refuse(
                ConnectError(
                    "tls_to_proxy_port",
                    "the client began TLS with the proxy itself; set it up with http:// for the proxy",
                ),
                answer=False,
            )
        elif first.upper() == _CONNECT:
            await self._connect()
        else:
            await self._plain()

    async def _plain(self) -> None:
        decision = Decision(Action.INTERCEPT, "plain_http")
        self._life.emit(PolicyDecided(decision.action, decision.reason))
        session = ClientSession(
            self._shared,
            self._life,
            client=self._client,
            origin=ForwardOrigin(self._shared),
            decision=decision,
            scheme="http",
            info=self._info,
            on_end=self._on_end,
        )
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
        except ConnectError as error:
            self._refuse(error)
            return
        except (PeerLeft, PeekTimeout):
            self._refuse(ConnectError("incomplete_headers", "the connection ended inside the CONNECT head"))
            raise
        connect = Connect(
            self._shared,
            self._sock,
            life=self._life,
            client=self._client,
            info=self._info,
            on_end=self._on_end,
        )
        self._handed_over = await connect.serve(request)

    def _refuse(self, error: ConnectError, *, answer: bool = True) -> None:
        life = self._life
        refused = ConnectRefused(error.code, error.detail, error.status)
        life.emit(refused)
        flow = self._shared.new_flow(life.number)
        flow.emit(FlowOpened(FlowKind.FAILED, "tcp", "", 0, self._client))
        flow.emit(refused)
        flow.close(CloseReason.CONNECT_PARSE_FAILED, error.code)
        life.close(CloseReason.CONNECT_PARSE_FAILED, error.code)
        if answer:
            words = REASONS.get(error.code)
            head, body = replies.error(
                error.status, error.code, text=error.detail, hint=words.advice if words else ""
            )
            try:
                self._sock.send(head + body)
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                return  # the client left before it could read the answer


def _enough_to_tell(data: bytes) -> int:
    """Eight bytes tell a CONNECT; fewer will do as soon as they cannot become one."""
    if data and data[:1] not in b"Cc\r\n":
        return len(data)
    return len(_CONNECT) if _CONNECT.startswith(data.upper()) else max(1, len(data))
