"""Serve a client that has named its target: judge it, dial, look at the first bytes, intercept or tunnel.

The target comes from a CONNECT, a SOCKS request, or the address that was redirected here.

The upstream is dialled before the 200, and its TLS handshake is done before ours towards the
client, so that the client only ever sees what the upstream can do.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import Target
from soth_mitm.model.events import (
    CertificateIssued,
    FlowKind,
    FlowOpened,
    Noted,
    PolicyDecided,
    Side,
    TlsFailed,
    TlsStarted,
)
from soth_mitm.model.outcomes import LEARNED
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import speaking, upstream
from soth_mitm.net.dial import DialError, Dialled
from soth_mitm.net.hello import differs, hello_event
from soth_mitm.net.http2 import only
from soth_mitm.net.http2.bridge import BridgedOrigin
from soth_mitm.net.http2.session import StreamSession
from soth_mitm.net.origin import FixedOrigin, OwnOrigin
from soth_mitm.net.passthrough import pass_through
from soth_mitm.net.peek import PeekTimeout, PeerLeft, peek_until
from soth_mitm.net.session import ClientSession
from soth_mitm.net.speaking import Tunnelled
from soth_mitm.net.tls import failure
from soth_mitm.net.tls.leaf import LeafError, sans_of
from soth_mitm.net.tls.mirror import NOTHING, Mirror, mirror_of
from soth_mitm.net.upstream import Peer, UpstreamConn, UpstreamTlsError
from soth_mitm.policy.decision import Action, Decision
from soth_mitm.proto import client_hello
from soth_mitm.proto.client_hello import ClientHello, ClientHelloError
from soth_mitm.proto.connect import Sniff, sniff
from soth_mitm.text import printable

if TYPE_CHECKING:
    import socket

    from soth_mitm.net.accepted import Accepted
    from soth_mitm.net.greeting import Greeting
    from soth_mitm.net.life import ConnLife, FlowLife
    from soth_mitm.net.origin import Origin
    from soth_mitm.policy.routes import Hop

HTTP1 = ("http/1.1",)
HTTP2 = ("h2", "http/1.1")
"""What is offered in TLS, to either side."""
_HELLO_MOST = 65_536


class Connect:
    """One connection to a named target, from then to the end of what follows."""

    _named_by_client = True
    """Whether the client itself has named the target, so that its SNI should name it as well."""

    def __init__(self, accepted: Accepted, greeting: Greeting) -> None:
        self._shared = accepted.shared
        self._config = accepted.shared.config
        self._policy = accepted.shared.policy
        self._sock = accepted.sock
        self._life = accepted.life
        self._client = accepted.client
        self._info = accepted.info
        self._on_end = accepted.on_end
        self._greeting = greeting
        self._hop = accepted.mode.hop
        self._via: Hop | None = None
        self._host = ""
        self._port = 0
        self._hello: ClientHello | None = None
        self._upstream_taken = False
        """The dialled socket belongs to a transport, which alone may close it."""

    async def serve(self, host: str, port: int) -> bool:
        """Serve it; return True when a session has taken over the socket and the conn."""
        self._host, self._port = host, port
        self._via = self._shared.routes.choose(host, port, self._hop)
        early = self._policy.decide(host, port)
        if early.action is Action.BLOCK:
            self._decided(early)
            self._blocked(early)
            return False
        if self._shared.is_self(host, port):
            self._decided(early)
            self._fail(
                508,
                "self_loop",
                text=f"{host}:{port} is this proxy itself",
                hint=f"http://{self._config.magic_host}/ shows its page",
                reason=CloseReason.SELF_LOOP,
            )
            return False
        if host == self._config.magic_host and port in (80, 443):
            await self._show_own_page()
            return True
        ruling = self._shared.ruling
        if ruling.offline:
            return await self._without_upstream(None)
        try:
            upstream_life, dialled = await upstream.dial(self._shared, host, port, via=self._via)
        except DialError as error:
            if ruling.answers_for_upstreams:
                return await self._without_upstream(error)
            self._decided(early)
            self._unreachable(error)
            return False
        try:
            return await self._connected(upstream_life, dialled)
        except PeerLeft as error:
            dialled.sock.close()
            upstream_life.close(CloseReason.CLIENT_CLOSED)
            if error.data:
                self._left_in_hello(error)
            raise
        except BaseException:
            if not upstream_life.closed and not self._upstream_taken:
                dialled.sock.close()
                upstream_life.close(CloseReason.CLIENT_CLOSED)
            raise

    async def _show_own_page(self) -> None:
        """Be the server that was asked for, as for a browser with us as its SOCKS proxy, or by https://."""
        decision = Decision(Action.INTERCEPT, "own_page")
        await self._shared.loop.sock_sendall(self._sock, self._greeting.established)
        scheme = "http"
        if self._port == 443:
            with contextlib.suppress(Tunnelled):  # there is nowhere to tunnel to: HTTP/1.1 refuses it
                scheme = (await self._first_bytes(None)).replace("h2c", "http")
        self._decided(decision)
        session = ClientSession(
            self._shared,
            self._life,
            client=self._client,
            origin=OwnOrigin(self._shared, scheme, port=self._port),
            decision=decision,
            scheme=scheme,
            host=self._host,
            port=self._port,
            pooled=True,
            info=self._info,
            on_end=self._on_end,
        )
        if scheme == "https":
            await self._shake_hands(session, self._sni, NOTHING, alpn=HTTP1)
        else:
            await self._shared.loop.connect_accepted_socket(lambda: session, self._sock)

    @property
    def _sni(self) -> str:
        """The name in the client's hello; empty where there is none."""
        return (self._hello.sni or "") if self._hello is not None else ""

    async def _connected(self, upstream_life: ConnLife, dialled: Dialled) -> bool:
        await self._shared.loop.sock_sendall(self._sock, self._greeting.established)
        try:
            scheme = await self._first_bytes(dialled.sock)
            decision = self._decide()
            if decision.action is Action.BLOCK:
                self._decided(decision)
                dialled.sock.close()
                upstream_life.close(CloseReason.BLOCKED)
                self._blocked(decision, answer=False)
                return False
            if decision.action is Action.TUNNEL:
                why = self._learned() if decision.reason == LEARNED else ""
                raise Tunnelled(decision.reason, why, rule=decision.rule)
            if scheme == "https":
                self._check_nameable()
        except Tunnelled as cause:
            self._decided(Decision(Action.TUNNEL, cause.code, rule=cause.rule))
            await self._tunnel(cause, upstream_life, dialled)
            return False
        self._decided(decision)
        return await self._intercept(scheme, decision, upstream_life=upstream_life, dialled=dialled)

    async def _without_upstream(self, error: DialError | None) -> bool:
        """Go on though the upstream cannot be reached, as a rule may answer in its place."""
        await self._shared.loop.sock_sendall(self._sock, self._greeting.established)
        try:
            scheme = await self._first_bytes(None)
            decision = self._decide()
            if decision.action in (Action.BLOCK, Action.TUNNEL):
                raise Tunnelled(decision.reason, rule=decision.rule)
            if scheme == "https":
                self._check_nameable()
        except Tunnelled as cause:
            self._decided(Decision(Action.TUNNEL, cause.code, rule=cause.rule))
            if error is None:
                text = f"{self._host}:{self._port} is not reached: only recorded answers are given"
                self._fail(502, "offline", text=text, hint="", reason=CloseReason.BLOCKED, answer=False)
            else:
                self._unreachable(error, answer=False)
            return False
        self._decided(decision)
        prior, scheme = scheme == "h2c", scheme.replace("h2c", "http")
        peer = self._peer(scheme, decision, prior=prior)
        return await self._go_on(scheme, decision, peer, prior=prior, conn=None, why=error)

    # --- what the client speaks -------------------------------------------------------------------

    async def _first_bytes(self, server: socket.socket | None) -> str:
        """Return `https`, `http`, or `h2c` for HTTP/2 without TLS; the hello is then known.

        Without a server, the client has to speak first.

        Raises:
            Tunnelled: neither, or the server speaks first; PeerLeft, ConnectionError: the client left.
        """
        if server is not None:
            await speaking.client_first(self._shared, self._sock, server)
        first = await speaking.first_bytes(self._shared, self._sock)
        kind = sniff(first)
        if kind is Sniff.HTTP:
            return "http"
        if kind is Sniff.HTTP2_PREFACE and self._config.http2:
            return "h2c"
        if kind is not Sniff.TLS:
            what = "HTTP/2 without TLS" if kind is Sniff.HTTP2_PREFACE else "neither TLS nor HTTP"
            raise Tunnelled("not_http", what)
        await self._peek_hello()
        return "https"

    def _left_in_hello(self, error: PeerLeft) -> None:
        """A client that left inside its hello is a failed handshake; one that sent nothing is no row."""
        self._decided(self._decide())
        self._life.emit(TlsStarted(Side.CLIENT))
        self._handshake_failed(ConnectionResetError(f"{error} of the hello"), "")

    def _handshake_failed(self, error: BaseException, sni: str) -> None:
        why = failure.classify_client(error, sni=sni or None, host=self._host)
        if why.failure_class == "timeout":
            self._shared.counters.hit("tls_timeout")
        self._life.emit(TlsFailed(Side.CLIENT, why))
        if self._host != self._config.magic_host:  # which cannot pass through
            self._shared.learning.failed(self._life, sni or self._host, why)
        flow = self._open_failed()
        flow.emit(TlsFailed(Side.CLIENT, why))
        flow.close(CloseReason.TLS_HANDSHAKE_FAILED, why.reason)
        if self._shared.hooks.tls_failure:
            self._shared.call_hook("on_tls_failure", why)
        self._life.close(CloseReason.TLS_HANDSHAKE_FAILED, why.reason)

    async def _peek_hello(self) -> None:
        try:
            data = await peek_until(
                self._sock, client_hello.needed, timeout=self._config.limits.peek_timeout, most=_HELLO_MOST
            )
            hello = self._hello = client_hello.parse(data)
        except ClientHelloError as error:
            raise Tunnelled(error.code, error.detail) from error
        except PeekTimeout as error:
            self._shared.counters.hit("peek_timeout")
            raise Tunnelled("hello_incomplete", f"{len(error.data)} bytes in time") from error
        told = hello_event(hello)
        self._life.sni, self._life.ja4 = told.sni, told.ja4
        self._life.emit(told)
        if self._named_by_client and differs(self._host, hello.sni):
            self._life.emit(Noted("sni_mismatch", f"CONNECT named {self._host}, the SNI {hello.sni}"))

    def _called(self) -> str:
        """Return the name that our certificate has to have for this client."""
        return self._sni

    def _check_nameable(self) -> None:
        try:
            sans_of(self._host, None)
        except LeafError as error:
            raise Tunnelled("no_certificate", printable(str(error), 300)) from error

    # --- policy -----------------------------------------------------------------------------------

    def _decide(self) -> Decision:
        sni = self._sni
        decision = self._policy.decide(self._host, self._port, sni)
        if self._hello is None or decision.action not in (Action.INTERCEPT, Action.METADATA_ONLY):
            return decision
        if self._shared.learning.passes(sni or self._host):
            return Decision(Action.TUNNEL, LEARNED)
        if not self._shared.hooks.intercept:
            return decision
        alpn = tuple(name.decode("latin-1") for name in self._hello.alpn)
        process = self._life.process.name if self._life.process is not None else ""
        target = Target(self._host, self._port, sni=sni, alpn=alpn, process=process)
        if self._shared.call_hook("should_intercept_tls", target) is False:
            return Decision(Action.TUNNEL, "handler_veto")
        return decision

    def _learned(self) -> str:
        sni = (self._hello.sni or "") if self._hello is not None else ""
        return self._shared.learning.passes(sni or self._host)

    def _decided(self, decision: Decision) -> None:
        self._life.emit(
            PolicyDecided(
                decision.action, decision.reason, self._host, self._port, decision.rule, decision.overrides
            )
        )

    # --- refusals -----------------------------------------------------------------------------------

    def _blocked(self, decision: Decision, *, answer: bool = True) -> None:
        self._fail(
            403,
            "blocked",
            text=f"{self._host}:{self._port} is blocked by {decision.rule!r}",
            hint="remove the --block option or rule to let it through",
            reason=CloseReason.BLOCKED,
            answer=answer,
        )

    def _unreachable(self, error: DialError, *, answer: bool = True) -> None:
        flow = self._open_failed()
        flow.emit(error.told())
        flow.close(error.reason, error.code)
        if answer:
            self._answer(error.status, error.code, text=str(error), hint=error.hint)

    def _open_failed(self) -> FlowLife:
        flow = self._shared.new_flow(self._life.number)
        flow.emit(FlowOpened(FlowKind.FAILED, "https", self._host, self._port, self._client))
        return flow

    def _fail(
        self, status: int, code: str, *, text: str, hint: str, reason: str, answer: bool = True
    ) -> None:
        flow = self._open_failed()
        flow.emit(Noted(code, text))
        flow.close(reason, code)
        if answer:
            self._answer(status, code, text=text, hint=hint)

    def _answer(self, status: int, code: str, *, text: str, hint: str) -> None:
        answer = self._greeting.refusal(status, code, text=text, hint=hint)
        if not answer:
            return
        try:
            self._sock.send(answer)
        except OSError:
            return  # the client left: the row says what happened all the same

    # --- interception -------------------------------------------------------------------------------

    async def _intercept(
        self, scheme: str, decision: Decision, *, upstream_life: ConnLife, dialled: Dialled
    ) -> bool:
        prior, scheme = scheme == "h2c", scheme.replace("h2c", "http")
        peer = self._peer(scheme, decision, prior=prior)
        conn: UpstreamConn | None = None
        why: UpstreamTlsError | None = None
        try:
            may = scheme == "https" and self._config.http2 and not decision.no_h2
            conn, peer = await only.start(self._shared, upstream_life, peer=peer, dialled=dialled, may=may)
            self._upstream_taken = True
        except UpstreamTlsError as error:
            why = error
        return await self._go_on(scheme, decision, peer, prior=prior, conn=conn, why=why)

    def _peer(self, scheme: str, decision: Decision, *, prior: bool) -> Peer:
        where = (scheme, self._host, self._port)
        offer = self._offer(decision, prior=prior)
        return Peer.of(*where, decision=decision, sni=self._sni, alpn=offer, via=self._via)

    async def _go_on(
        self,
        scheme: str,
        decision: Decision,
        peer: Peer,
        *,
        prior: bool,
        conn: UpstreamConn | None,
        why: UpstreamTlsError | DialError | None,
    ) -> bool:
        """Be the server for the client, whether there is an upstream or only a reason why there is none."""
        sni = self._sni
        origin = FixedOrigin(self._shared, peer=peer, decision=decision, conn=conn, failure=why)
        streams = prior or self._client_gets_h2(conn)
        reach: Origin = origin
        if not streams and conn is not None and conn.speaks_h2:
            reach = BridgedOrigin(origin)
        serve = StreamSession if streams else ClientSession
        session = serve(
            self._shared,
            self._life,
            client=self._client,
            origin=reach,
            decision=decision,
            scheme=scheme,
            host=sni or self._host,
            port=self._port,
            info=self._info,
            on_end=self._on_end,
        )
        if scheme == "http":
            await self._shared.loop.connect_accepted_socket(lambda: session, self._sock)
            return True
        try:
            await self._shake_hands(session, sni, self._mirror(conn), alpn=HTTP2 if streams else HTTP1)
        except BaseException:
            reach.close()
            raise
        return True

    def _mirror(self, conn: UpstreamConn | None) -> Mirror:
        """Return the names of the upstream's certificate, where there is one and they are repeated."""
        der = conn.certificate if conn is not None and self._config.tls.mirror else None
        return mirror_of(der) if der else NOTHING

    def _offer(self, decision: Decision, *, prior: bool) -> tuple[str, ...]:
        """Return what the upstream is offered: nothing that the client does not speak too."""
        if prior:
            return ("h2c",)
        wants = self._hello is not None and b"h2" in self._hello.alpn
        return HTTP2 if wants and self._config.http2 and not decision.no_h2 else HTTP1

    def _client_gets_h2(self, conn: UpstreamConn | None) -> bool:
        """Answer the client's ALPN by what the upstream speaks; a client of HTTP/2 alone gets that anyway."""
        offered = self._hello.alpn if self._hello is not None else ()
        if b"h2" not in offered:
            return False
        return (conn is not None and conn.speaks_h2) or not {b"http/1.1", b"http/1.0"} & set(offered)

    async def _shake_hands(
        self, session: ClientSession | StreamSession, sni: str, mirror: Mirror, *, alpn: tuple[str, ...]
    ) -> None:
        shared, life = self._shared, self._life
        leaf = shared.leaves.context_for(self._host, sni=self._called() or None, alpn=alpn, mirror=mirror)
        life.emit(
            CertificateIssued(self._host, leaf.sans, leaf.cached, mirror.common_name, len(mirror.names))
        )
        life.emit(TlsStarted(Side.CLIENT, sni))
        try:
            await shared.loop.connect_accepted_socket(
                lambda: session,
                self._sock,
                ssl=leaf.context,
                ssl_handshake_timeout=self._config.limits.tls_timeout,
                ssl_shutdown_timeout=upstream.SHUTDOWN_TIMEOUT,
            )
        except (OSError, ssl.SSLError) as error:
            self._handshake_failed(error, sni)
            raise HandshakeFailed from error

    async def _tunnel(self, cause: Tunnelled, upstream_life: ConnLife, dialled: Dialled) -> None:
        flow = self._shared.new_flow(self._life.number)
        flow.emit(FlowOpened(FlowKind.TUNNEL, "tcp", self._host, self._port, self._client))
        if self._hello is not None:
            flow.emit(hello_event(self._hello))
        flow.emit(Noted(cause.code, cause.detail))
        await pass_through(
            self._shared,
            self._sock,
            flow=flow,
            client_life=self._life,
            upstream_life=upstream_life,
            dialled=dialled,
        )


class HandshakeFailed(Exception):
    """The client's TLS handshake failed, and all about it has been published."""
