"""Where the requests of a client connection go: one fixed upstream, or whatever each request names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.upstream import Peer, UpstreamConn, open_upstream
from soth_mitm.proto.connect import ConnectError, parse_absolute, parse_authority
from soth_mitm.proto.http1 import RequestHead, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.dial import DialError
    from soth_mitm.net.shared import Shared
    from soth_mitm.net.upstream import UpstreamTlsError
    from soth_mitm.policy.decision import Decision
    from soth_mitm.policy.routes import Hop
    from soth_mitm.proto.http2.heads import RequestHead as StreamHead


class Place(NamedTuple):
    """Where one request goes, and what of it is sent there."""

    scheme: str
    host: str
    port: int
    path: bytes
    raw: bytes
    """The head to send upstream."""
    decision: Decision
    own: bool = False
    """For the proxy itself, not for an upstream."""
    via: Hop | None = None
    """The proxy on the way."""
    authority: bytes = b""
    """What a stream's `:authority` is to say, where not what the client sent."""
    address: str = ""
    """Where to connect, in place of what the host resolves to."""


Site = tuple[str, str, int]
"""Scheme, host and port of a server."""


class Supply(Protocol):
    """Makes and keeps upstream connections."""

    def ready(self, place: Place) -> UpstreamConn | None:
        """Return a connection that can be used at once, or None."""
        ...

    async def open(self, place: Place, *, fresh: bool = False) -> UpstreamConn:
        """Make a connection; a `fresh` one has not been used before.

        Raises:
            DialError, UpstreamTlsError: it cannot be made.
        """
        ...

    def release(self, conn: UpstreamConn, reusable: bool) -> None:
        """Take a connection back after an exchange."""
        ...


class Origin(Supply, Protocol):
    """How a session finds the upstream of a request."""

    def locate(self, head: RequestHead) -> Place:
        """Return where a request goes.

        Raises:
            ConnectError: it names nothing that can be reached through this connection.
        """
        ...

    def whole(self) -> Place:
        """Return where a connection goes that turns out to carry no HTTP."""
        ...

    def locate_stream(self, head: StreamHead) -> Place:
        """Return where a request of an HTTP/2 client goes; `raw` of the place stays empty.

        Raises:
            ConnectError: it names nothing that can be reached through this connection.
        """
        ...

    def watch(self, server_first: Callable[[], None]) -> None:
        """Call back when the upstream sends bytes before the client does."""
        ...

    def close(self) -> None:
        """The client connection has ended."""
        ...


class FixedOrigin:
    """The upstream of an intercepted CONNECT: its connection belongs to this client alone."""

    def __init__(
        self,
        shared: Shared,
        *,
        peer: Peer,
        decision: Decision,
        conn: UpstreamConn | None,
        failure: UpstreamTlsError | DialError | None = None,
    ) -> None:
        self._shared = shared
        self._peer = peer
        self._decision = decision
        self._conn = conn
        self._failure = failure
        """Why the upstream could not be reached at first; the first request is answered with it."""
        self._server_first: Callable[[], None] | None = None
        self._closed = False
        if conn is not None:
            conn.on_early = self._early

    def locate(self, head: RequestHead) -> Place:
        """Return the fixed upstream; whatever the request says about its host is left to it."""
        target = head.target
        if head.method == b"CONNECT":
            raise ConnectError(
                "connect_inside_tunnel", "a CONNECT came inside an intercepted connection", status=501
            )
        path = target
        if target[:1] != b"/" and target != b"*":
            path = parse_absolute(target).path
        peer = self._peer
        return Place(peer.scheme, peer.sni or peer.host, peer.port, path, head.raw, self._decision)

    def whole(self) -> Place:
        """Return the fixed upstream."""
        peer = self._peer
        return Place(peer.scheme, peer.sni or peer.host, peer.port, b"", b"", self._decision)

    def locate_stream(self, head: StreamHead) -> Place:
        """Return the fixed upstream."""
        peer = self._peer
        return Place(peer.scheme, peer.sni or peer.host, peer.port, head.path, b"", self._decision)

    def ready(self, place: Place) -> UpstreamConn | None:
        """Return the connection while it lives."""
        conn, self._conn = self._conn, None
        return conn if conn is not None and conn.alive else None

    async def open(self, place: Place, *, fresh: bool = False) -> UpstreamConn:
        """Dial again, because the upstream closed, or because the first handshake failed."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return await open_upstream(self._shared, self._peer)

    def release(self, conn: UpstreamConn, reusable: bool) -> None:
        """Keep the connection for the client's next request, unless the client has left meanwhile."""
        conn.user = None
        if reusable and not self._closed:
            self._conn = conn
        else:
            conn.close(CloseReason.COMPLETED)

    def watch(self, server_first: Callable[[], None]) -> None:
        """Call back when the upstream sends bytes before the client does; at once where it has."""
        self._server_first = server_first
        if self._conn is not None and self._conn.early:
            self._early()

    def _early(self) -> None:
        if self._server_first is None:
            return
        conn = self._conn
        self._server_first()
        if conn is not None and conn.user is None:  # too late: the client has begun to speak HTTP
            conn.close(CloseReason.UPSTREAM_CLOSED, "bytes that no request asked for")

    def close(self) -> None:
        """Close the upstream with its client."""
        self._closed = True
        if self._conn is not None:
            self._conn.close(CloseReason.COMPLETED)
            self._conn = None


class PooledOrigin:
    """Upstreams whose connections are pooled, as each request may go to another one.

    One on which NTLM or Negotiate was spoken stands for a person, and stays with its client. `hop` is
    the proxy on the way where the settings name no other.
    """

    def __init__(self, shared: Shared, hop: Hop | None = None) -> None:
        self._shared = shared
        self._hop = hop
        self.alpn: tuple[str, ...] = ("http/1.1",)
        """What the upstreams are offered."""
        self._own: UpstreamConn | None = None
        self._closed = False
        self._last: tuple[tuple[object, ...], Peer | None] = ((), None)
        """The peer of the latest place, and what it was made from."""

    def _peer(self, place: Place) -> Peer:
        """Return who is to be spoken to: for one place asked for again the same object, found faster."""
        via, host = place.via, place.address or place.host
        absolute = via is not None and via.speaks_http and place.scheme == "http" and bool(place.raw)
        asked = (place.scheme, host, place.port, place.decision, self.alpn, via, absolute)
        last, peer = self._last
        if peer is None or last != asked:
            peer = Peer.of(*asked[:3], decision=place.decision, alpn=self.alpn, via=via, absolute=absolute)
            self._last = asked, peer
        return peer

    def ready(self, place: Place) -> UpstreamConn | None:
        """Return this client's own connection, or a pooled one; none for what is no HTTP."""
        peer = self._peer(place)
        own = self._own
        if own is not None and own.peer == peer:
            self._own = None
            if own.alive:
                return own
        addresses = self._shared.dialer.known(*peer.near) if place.raw else None
        return None if addresses is None else self._shared.pool.take(peer, addresses)

    async def open(self, place: Place, *, fresh: bool = False) -> UpstreamConn:
        """Dial, unless a pooled connection may be used and fits once the name is resolved."""
        peer = self._peer(place)
        conn = None
        if not fresh and place.raw and peer.via is None:
            addresses = await self._shared.dialer.resolve(*peer.near)
            conn = self._shared.pool.take(peer, addresses)
        return conn or await open_upstream(self._shared, peer)

    def release(self, conn: UpstreamConn, reusable: bool) -> None:
        """Give the connection to the pool, unless it stands for a person."""
        conn.user = None
        if reusable and not conn.personal:
            self._shared.pool.give(conn)
        elif reusable and not self._closed:
            self._drop()
            self._own = conn
        else:
            conn.close(CloseReason.COMPLETED)

    def watch(self, server_first: Callable[[], None]) -> None:
        """No upstream is known before a request names it."""

    def close(self) -> None:
        """Close what belongs to this client."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        if self._own is not None:
            self._own.close(CloseReason.COMPLETED)
            self._own = None


class ForwardOrigin(PooledOrigin):
    """The upstreams of a plain forward proxy: each request names its own."""

    def locate(self, head: RequestHead) -> Place:
        """Read the absolute-form target; origin-form and the magic host mean the proxy itself."""
        shared = self._shared
        if head.method == b"CONNECT":
            raise ConnectError("connect_not_first", "CONNECT must be the first request of its connection")
        if head.target[:1] == b"/" or head.target == b"*":
            host, port = shared.listening[0] if shared.listening else ("", 0)
            return Place(
                "http", host, port, head.target, head.raw, shared.policy.decide(host, port), own=True
            )
        target = parse_absolute(head.target)
        if target.scheme != "http":
            raise ConnectError(
                "https_needs_connect",
                "https:// was asked for in the clear; the client must use CONNECT for it",
            )
        host, port = target.authority.host, target.authority.port
        decision = shared.policy.decide(host, port)
        if host == shared.config.magic_host:
            return Place("http", host, port, target.path, head.raw, decision, own=True)
        via = shared.routes.choose(host, port, self._hop)
        if via is not None and via.speaks_http:
            raw = rewrite.without_proxy_fields(head)
        else:
            raw = rewrite.to_origin_form(head)
        return Place("http", host, port, target.path, raw, decision, via=via)

    def locate_stream(self, head: StreamHead) -> Place:
        """Read `:scheme` and `:authority`; without the latter, it means the proxy itself."""
        shared = self._shared
        authority = head.authority or head.host
        if head.method == b"CONNECT" and not head.protocol:
            target = parse_authority(authority, default_port=443)
            decision = shared.policy.decide(target.host, target.port)
            return Place("http", target.host, target.port, head.path, b"", decision)
        if not authority:
            host, port = shared.listening[0] if shared.listening else ("", 0)
            return Place("http", host, port, head.path, b"", shared.policy.decide(host, port), own=True)
        if head.scheme.lower() != b"http":
            raise ConnectError(
                "https_needs_connect",
                "https:// was asked for in the clear; the client must use CONNECT for it",
            )
        target = parse_authority(authority, default_port=80)
        host, port = target.host, target.port
        own = host == shared.config.magic_host
        via = None if own else shared.routes.choose(host, port, self._hop)
        decision = shared.policy.decide(host, port)
        return Place("http", host, port, head.path, b"", decision, own=own, via=via)

    def whole(self) -> Place:
        """Refuse: only requests name a target here."""
        raise ConnectError("not_http", "bytes that are no HTTP name no target")


class OwnOrigin(PooledOrigin):
    """The proxy's own pages, for a client that asks for the magic host as if it were a server."""

    def __init__(self, shared: Shared, scheme: str, *, port: int) -> None:
        super().__init__(shared)
        self._scheme = scheme
        self._port = port

    def locate(self, head: RequestHead) -> Place:
        """Return the proxy itself."""
        return self._own_place(head.target, head.raw)

    def locate_stream(self, head: StreamHead) -> Place:
        """Return the proxy itself."""
        return self._own_place(head.path, b"")

    def whole(self) -> Place:
        """Refuse: there are only pages."""
        raise ConnectError("not_http", "the proxy's own pages speak HTTP alone")

    def _own_place(self, path: bytes, raw: bytes) -> Place:
        host, port = self._shared.config.magic_host, self._port
        return Place(self._scheme, host, port, path, raw, self._shared.policy.decide(host, port), own=True)


def elsewhere(shared: Shared, place: Place, site: Site, *, h2: bool = False) -> tuple[PooledOrigin, Place]:
    """Return where a request goes that is sent to another site than its client asked for.

    With `h2` the site may answer in HTTP/2.

    Raises:
        ValueError: that would be this proxy itself.
    """
    scheme, host, port = site
    if shared.is_self(host, port):
        raise ValueError(f"{host} port {port} is this proxy itself")
    via = shared.routes.choose(host, port, None)
    raw = place.raw
    if raw and via is not None and via.speaks_http and scheme == "http":
        raw = rewrite.to_absolute_form(raw, place.path, f"{host}:{port}".encode())
    decision = shared.policy.decide(host, port)
    origin = PooledOrigin(shared)
    if h2 and scheme == "https":
        origin.alpn = ("h2", "http/1.1")
    return origin, Place(scheme, host, port, place.path, raw, decision, via=via)
