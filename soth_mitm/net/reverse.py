"""Reverse mode: clients take the proxy for a server, and everything they send goes to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import TargetGiven
from soth_mitm.net import upstream
from soth_mitm.net.connect import HTTP1, HTTP2, Connect
from soth_mitm.net.dial import DialError
from soth_mitm.net.greeting import Silent
from soth_mitm.net.http2.bridge import BridgedOrigin
from soth_mitm.net.http2.session import StreamSession
from soth_mitm.net.origin import Place, PooledOrigin
from soth_mitm.net.peek import peek_until
from soth_mitm.net.session import ClientSession
from soth_mitm.net.speaking import Tunnelled
from soth_mitm.net.tls.mirror import NOTHING
from soth_mitm.policy.decision import Action, Decision
from soth_mitm.proto.connect import ConnectError, parse_absolute
from soth_mitm.proto.http1 import RequestHead, rewrite

if TYPE_CHECKING:
    from soth_mitm.net.accepted import Accepted
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.modes import Mode, Target
    from soth_mitm.policy.routes import Hop
    from soth_mitm.proto.http2.heads import RequestHead as StreamHead

H2C = ("h2c",)
_PREFACE = b"PRI "


class ReverseOrigin(PooledOrigin):
    """One server, whatever a request says; its connections are pooled over all clients."""

    def __init__(self, shared: Shared, mode: Mode, *, decision: Decision) -> None:
        target = _target_of(mode)
        super().__init__(shared)
        self._decision = decision
        self._target = target
        self._scheme = "https" if target.scheme == "https" else "http"
        self._authority = target.authority.encode("ascii")
        self._host = None if mode.keep_host else self._authority
        """What the Host field is to say; None leaves it."""
        self._via: Hop | None = shared.routes.choose(target.host, target.port)

    def locate(self, head: RequestHead) -> Place:
        """Return the server; the head names it as its host, unless that is to be kept."""
        if head.method == b"CONNECT":
            raise ConnectError(
                "connect_to_reverse", f"this address stands for {self._target} alone; it takes no CONNECT"
            )
        path, raw = head.target, head.raw
        if path[:1] != b"/" and path != b"*":
            path = parse_absolute(path).path
            raw = rewrite.to_origin_form(head)
        if self._host is not None and head.host != self._host:
            raw = rewrite.set_host(raw, self._host)
        if self._via is not None and self._via.speaks_http and self._scheme == "http":
            raw = rewrite.to_absolute_form(raw, path, self._authority)
        target = self._target
        return Place(self._scheme, target.host, target.port, path, raw, self._decision, via=self._via)

    def locate_stream(self, head: StreamHead) -> Place:
        """Return the server likewise."""
        if head.method == b"CONNECT" and not head.protocol:
            raise ConnectError(
                "connect_to_reverse", f"this address stands for {self._target} alone; it takes no CONNECT"
            )
        target = self._target
        where = (self._scheme, target.host, target.port, head.path, b"")
        return Place(*where, self._decision, via=self._via, authority=self._host or b"")

    def whole(self) -> Place:
        """Return the server."""
        target = self._target
        return Place(self._scheme, target.host, target.port, b"", b"", self._decision, via=self._via)


class Reverse(Connect):
    """A connection to a reverse listener: plain or TLS, as its first byte says."""

    _named_by_client = False

    def __init__(self, accepted: Accepted) -> None:
        super().__init__(accepted, Silent())
        self._mode = accepted.mode

    async def run(self) -> bool:
        """Serve it; return True when a session has taken over the socket and the conn."""
        target = _target_of(self._mode)
        self._host, self._port = target.host, target.port
        self._life.emit(TargetGiven("reverse", target.host, target.port))
        decision = self._policy.decide(target.host, target.port)
        if decision.action is Action.TUNNEL:
            await self._pass(decision)
            return False
        timeout = self._config.limits.head_timeout
        first = await peek_until(self._sock, _enough, timeout=timeout, most=len(_PREFACE))
        scheme = "http"
        try:
            if first[:1] == b"\x16":
                await self._peek_hello()
                scheme = "https"
                self._check_nameable()
                decision = self._decide()
                if decision.action is Action.TUNNEL:
                    raise Tunnelled(decision.reason, rule=decision.rule)
        except Tunnelled as cause:
            await self._pass(Decision(Action.TUNNEL, cause.code, rule=cause.rule))
            return False
        self._decided(decision)
        wants = b"h2" in self._hello.alpn if self._hello is not None else first == _PREFACE
        await self._begin(scheme, decision, streams=wants and self._config.http2 and not decision.no_h2)
        return True

    def _called(self) -> str:
        """Return what the client calls us: by name, or by the address it connected to."""
        return self._sni or str(self._sock.getsockname()[0])

    async def _begin(self, scheme: str, decision: Decision, *, streams: bool) -> None:
        origin = ReverseOrigin(self._shared, self._mode, decision=decision)
        if streams:
            origin.alpn = HTTP2
        if _target_of(self._mode).scheme == "h2c":
            origin.alpn = H2C
        serve = StreamSession if streams else ClientSession
        reach = BridgedOrigin(origin) if not streams and origin.alpn == H2C else origin
        session = serve(
            self._shared,
            self._life,
            client=self._client,
            origin=reach,
            decision=decision,
            scheme=scheme,
            host=self._host,
            port=self._port,
            pooled=True,
            info=self._info,
            on_end=self._on_end,
        )
        if scheme == "http":
            await self._shared.loop.connect_accepted_socket(lambda: session, self._sock)
        else:
            await self._shake_hands(session, self._sni, NOTHING, alpn=HTTP2 if streams else HTTP1)

    async def _pass(self, decision: Decision) -> None:
        """Carry the bytes to the server as they are."""
        self._decided(decision)
        via = self._shared.routes.choose(self._host, self._port)
        try:
            life, dialled = await upstream.dial(self._shared, self._host, self._port, via=via)
        except DialError as error:
            self._unreachable(error)
            return
        await self._tunnel(Tunnelled(decision.reason, rule=decision.rule), life, dialled)


def _target_of(mode: Mode) -> Target:
    assert mode.target is not None, "a reverse mode names its server"
    return mode.target


def _enough(data: bytes) -> int:
    """One byte tells TLS; four tell HTTP/2 that begins without asking."""
    return len(_PREFACE) if data and _PREFACE.startswith(data) else max(1, len(data))
