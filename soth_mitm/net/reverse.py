"""Reverse mode: clients take the proxy for a server, and everything they send goes to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import TargetGiven
from soth_mitm.net import upstream
from soth_mitm.net.connect import Connect, Silent, Tunnelled
from soth_mitm.net.dial import DialError
from soth_mitm.net.origin import Place, PooledOrigin
from soth_mitm.net.peek import peek_until
from soth_mitm.net.session import ClientSession
from soth_mitm.net.tls.mirror import NOTHING
from soth_mitm.policy.decision import Action, Decision
from soth_mitm.proto.connect import ConnectError, parse_absolute
from soth_mitm.proto.http1 import RequestHead, rewrite

if TYPE_CHECKING:
    from soth_mitm.net.accepted import Accepted
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.modes import Mode, Target
    from soth_mitm.policy.routes import Hop


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
        first = await peek_until(self._sock, _one, timeout=self._config.limits.head_timeout, most=1)
        scheme = "http"
        try:
            if first == b"\x16":
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
        await self._begin(scheme, decision)
        return True

    def _called(self) -> str:
        """Return what the client calls us: by name, or by the address it connected to."""
        return self._sni or str(self._sock.getsockname()[0])

    async def _begin(self, scheme: str, decision: Decision) -> None:
        origin = ReverseOrigin(self._shared, self._mode, decision=decision)
        session = ClientSession(
            self._shared,
            self._life,
            client=self._client,
            origin=origin,
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
            await self._shake_hands(session, self._sni, NOTHING)

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


def _one(data: bytes) -> int:
    return 1
