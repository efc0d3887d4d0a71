"""A proxy with origins and clients around it, over real sockets; everything is checked at the end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import trustme

from soth_mitm.config import Config, Limits
from soth_mitm.core import Proxy
from soth_mitm.hooks.handler import Handler
from soth_mitm.model.events import Body, Event, Notice
from tests.helpers import invariants
from tests.helpers.wire import Wire, dial, eventually, read_head, wrap

HOST = "127.0.0.1"
SITE = "site.test"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

B = TypeVar("B", bound=Body)


class Told(NamedTuple, Generic[B]):
    """An event, with its body's type known."""

    event: Event
    body: B


def loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the loops that every test over sockets runs on."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.SelectorEventLoop}
    if sys.platform != "win32":
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories


class World:
    """What is made once for all tests: a certificate authority for origins, and where the proxy's lives."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = trustme.CA()
        self.roots = directory / "roots.pem"
        self.authority.cert_pem.write_to_path(self.roots)
        self.confdir = directory / "conf"
        self._contexts: dict[str, ssl.SSLContext] = {}

    def server_context(self, *names: str, alpn: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
        """Return a context with a certificate for `names` that the proxy trusts."""
        key = " ".join((*names, *alpn))
        context = self._contexts.get(key)
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert(*names).configure_cert(context)
            context.set_alpn_protocols(list(alpn))
            self._contexts[key] = context
        return context


class Origin:
    """A server whose connections the test drives by hand."""

    def __init__(self, *, tls: bool) -> None:
        self.tls = tls
        self.wires: list[Wire] = []
        self._next = 0
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Wire(self.wires.append), HOST, 0, ssl=context, backlog=256
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def accept(self) -> Wire:
        """Return the next connection, once it is there."""
        number = self._next
        self._next += 1
        await eventually(lambda: len(self.wires) > number, "a connection to the origin")
        return self.wires[number]

    @property
    def received(self) -> bytes:
        """Everything that ever arrived."""
        return b"".join(bytes(wire.received) for wire in self.wires)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for wire in self.wires:
            wire.abort()


class Link:
    """A client that goes through the proxy to one origin, plain or inside TLS."""

    def __init__(self, lab: Lab, client: Wire, origin: Origin, *, host: str) -> None:
        self._lab = lab
        self.client = client
        self.origin = origin
        self.host = host
        self.site = b"%s:%d" % (host.encode(), origin.port)
        self._server: Wire | None = None

    async def server(self) -> Wire:
        """Return the origin's end."""
        if self._server is None:
            self._server = await self.origin.accept()
        return self._server

    def target(self, path: bytes) -> bytes:
        """Return a path as this client has to write it."""
        return path if self.origin.tls else b"http://" + self.site + path

    def wrote(self, request: bytes) -> bytes:
        """Return origin-form requests as this client has to send the first of them."""
        method, path, rest = request.split(b" ", 2)
        return method + b" " + self.target(path) + b" " + rest

    def ask(self, request: bytes) -> None:
        """Send a request that is given as the origin is to see it."""
        self.client.send(self.wrote(request))

    async def pass_request(self, request: bytes) -> Wire:
        """Send a request, and see it arrive at the origin byte for byte."""
        self.ask(request)
        server = await self.server()
        await server.same(request)
        return server

    async def pass_response(self, response: bytes) -> None:
        """Have the origin answer, and see it arrive at the client byte for byte."""
        server = await self.server()
        server.send(response)
        await self.client.same(response)

    def get(self, path: bytes = b"/", *fields: bytes) -> bytes:
        """Return a small request."""
        lines = [b"GET " + path + b" HTTP/1.1", b"Host: " + self.site, *fields, b"", b""]
        return b"\r\n".join(lines)


class Lab:
    """One proxy under test. What it promises about its events is checked when it stops."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: list[Event] = []
        self.origins: list[Origin] = []
        self.clients: list[Wire] = []
        self.sockets: list[socket.socket] = []
        self.proxy: Proxy | None = None
        self.faults_expected = False
        """Set where a test makes the proxy itself or the handler fail."""
        self._stopped = False

    # --- the proxy

    async def start(
        self,
        *,
        handler: Handler | None = None,
        limits: dict[str, Any] | None = None,
        resolver: Callable[[str, int], Sequence[tuple[str, int]] | None] | None = None,
        **settings: Any,  # noqa: ANN401 - as many types as there are settings
    ) -> Proxy:
        """Start the proxy; every name resolves to this machine unless `resolver` says otherwise.

        Programs are not looked for unless a setting says so: their names come at any time.
        """
        settings.setdefault("process_lookup", False)
        config = Config(
            listen_port=0,
            confdir=str(self.world.confdir),
            upstream_roots=str(self.world.roots),
            limits=Limits(**(limits or {})),
            **settings,
        )
        proxy = self.proxy = Proxy(config, handler, resolver=resolver or (lambda host, port: [(HOST, port)]))
        proxy.bus.attach(self.events.append)
        try:
            await proxy.__aenter__()
        except BaseException:
            self.proxy = None
            raise
        return proxy

    @property
    def running(self) -> Proxy:
        assert self.proxy is not None, "start the proxy first"
        return self.proxy

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        return self.running.addresses[0][1]

    async def stop(self) -> None:
        """End clients, origins and the proxy, and check the whole stream."""
        if self._stopped:
            return
        self._stopped = True
        for client in self.clients:
            client.abort()
        for sock in self.sockets:
            sock.close()
        for origin in self.origins:
            origin.close()
        if self.proxy is None:
            return
        await self.proxy.__aexit__(None, None, None)
        invariants.check(self.events)
        shared = self.proxy._shared
        assert not shared.flows, f"flows are left in the registry: {shared.flows}"
        assert not shared.sessions, f"sessions are left: {shared.sessions}"
        assert len(shared.tasks) == 0, "tasks are left"
        queue = shared.pauses.queue
        assert (len(queue), queue.held, queue.next_due) == (0, 0, None), "pauses are left"
        if not self.faults_expected:
            complaints = [event.body for event in self.bodies(Notice) if event.body.level == "error"]
            assert not complaints, f"the proxy complains: {complaints}"
            assert not self.proxy.counters.hits.get("internal_errors")

    # --- around it

    async def origin(
        self, *, tls: bool = False, names: tuple[str, ...] = (SITE,), context: ssl.SSLContext | None = None
    ) -> Origin:
        """Open an origin."""
        origin = Origin(tls=tls)
        self.origins.append(origin)
        await origin.open(context or self.world.server_context(*names) if tls else None)
        return origin

    async def raw(self) -> socket.socket:
        """Connect to the proxy, as a bare non-blocking socket."""
        sock = await dial(self.port)
        self.sockets.append(sock)
        return sock

    async def client(self) -> Wire:
        """Connect to the proxy."""
        wire = await wrap(await dial(self.port))
        self.clients.append(wire)
        return wire

    async def connect(self, port: int, *, host: str = SITE) -> socket.socket:
        """Connect to the proxy and have a CONNECT accepted; return the socket after the 200."""
        sock = await self.raw()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (host.encode(), port))
        head = await read_head(sock)
        assert head == b"HTTP/1.1 200 Connection Established\r\n\r\n", head
        return sock

    def client_context(self, *, alpn: Sequence[str] = ("http/1.1",), trusts: bool = True) -> ssl.SSLContext:
        """Return a client's context that trusts the proxy's authority, or nobody."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if trusts:
            context.load_verify_locations(self.running.ca.certificate_path)
        context.set_alpn_protocols(list(alpn))
        return context

    async def inside(
        self, sock: socket.socket, *, host: str = SITE, context: ssl.SSLContext | None = None
    ) -> Wire:
        """Make a wire of a socket after its CONNECT, with a TLS handshake where a context is given."""
        self.sockets.remove(sock)
        wire = await wrap(sock, context=context, name=host)
        self.clients.append(wire)
        return wire

    async def link(self, route: str, *, host: str = SITE, origin: Origin | None = None) -> Link:
        """Return a client of a new origin: `plain` forwards, `tls` is intercepted inside a CONNECT."""
        tls = route == "tls"
        origin = origin or await self.origin(tls=tls, names=(host,))
        if not tls:
            return Link(self, await self.client(), origin, host=host)
        sock = await self.connect(origin.port, host=host)
        client = await self.inside(sock, host=host, context=self.client_context())
        return Link(self, client, origin, host=host)

    # --- the stream

    def bodies(self, kind: type[B], *, flow: int | None = None) -> list[Told[B]]:
        """Return the events of one kind."""
        return [
            Told(event, event.body)
            for event in self.events
            if isinstance(event.body, kind) and (flow is None or event.flow == flow)
        ]

    def all(self, kind: type[B], *, flow: int | None = None) -> list[B]:
        """Return the bodies of the events of one kind."""
        return [told.body for told in self.bodies(kind, flow=flow)]

    async def told(self, kind: type[B], count: int = 1) -> list[B]:
        """Wait until `count` events of a kind are there; return all of that kind."""
        await eventually(lambda: len(self.all(kind)) >= count, f"{count} of {kind.__name__}")
        return self.all(kind)

    async def one(self, kind: type[B]) -> B:
        """Wait for an event, and insist that it is the only one of its kind."""
        bodies = await self.told(kind)
        assert len(bodies) == 1, bodies
        return bodies[0]

    def pass_time(self, seconds: float) -> None:
        """Have every session look at its deadlines, now and again after so much silence."""
        now = self.running._shared.loop.time()
        for moment in (now, now + seconds):
            for session in list(self.running._shared.sessions):
                session.tick(moment)

    async def settled(self) -> None:
        """Wait until no flow is open."""
        await eventually(lambda: not self.running._shared.flows, "the end of all flows")
