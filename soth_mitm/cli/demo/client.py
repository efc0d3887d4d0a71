"""One client connection through the proxy, plain or TLS inside a CONNECT; h11 is its engine, or h2."""

from __future__ import annotations

import ssl
from typing import NamedTuple

import h11
import msgspec

from soth_mitm.cli.demo import websocket
from soth_mitm.cli.demo.http2 import ALPN
from soth_mitm.cli.demo.http2_link import Http2Link
from soth_mitm.cli.demo.message import Fields
from soth_mitm.cli.demo.wire import Wire

Address = tuple[str, int]


class Site(NamedTuple):
    """Where a request goes."""

    scheme: str
    host: str
    port: int


class Persona(NamedTuple):
    """A client program."""

    user_agent: str
    fields: Fields = ()
    """What it says in every request."""
    pins: bool = False
    """It trusts the sites' own authority only, as an app with pinned certificates does."""
    http2: bool = False
    """It offers HTTP/2 where it speaks TLS."""


class Ask(msgspec.Struct, frozen=True):
    """A request that a client makes."""

    site: Site
    method: str
    path: str
    fields: Fields = ()
    body: bytes = b""
    trailers: Fields = ()
    """Sent after the body, which is chunked then."""
    leaves_after: int = 0
    """Bytes of the response, or texts of a WebSocket, after which the client leaves; 0: it stays."""
    says: tuple[str, ...] = ()
    """What it says over the WebSocket that it asks for, as it hears others."""


class Refused(ConnectionError):
    """The proxy did not open a tunnel."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered the CONNECT with {status}")
        self.status = status


class Link:
    """A connection to one site, for one request after the other."""

    shared = False
    """Whether several requests may be under way on it."""

    def __init__(self, site: Site, wire: Wire) -> None:
        self.site = site
        self._wire = wire
        self._http = h11.Connection(h11.CLIENT)
        self.uses = 0

    @classmethod
    async def open(cls, site: Site, *, proxy: Address, context: ssl.SSLContext) -> Link | Http2Link:
        """Connect through the proxy; what the context offers by ALPN decides about HTTP/2.

        Raises:
            Refused: the proxy refuses the tunnel; ssl.SSLError: it is not trusted; OSError: it is gone.
        """
        wire = await Wire.connect(proxy)
        try:
            if site.scheme == "https":
                await _tunnel(wire, site)
                await wire.start_tls(context, site.host)
        except OSError:
            await wire.end()
            raise
        except BaseException:
            wire.close()
            raise
        if wire.protocol != ALPN:
            return cls(site, wire)
        link = Http2Link(site, wire)
        await link.begin()
        return link

    @property
    def usable(self) -> bool:
        """Whether another request can be made on it, as far as is known here."""
        return self._http.our_state is h11.IDLE and self._wire.quiet

    async def ask(self, ask: Ask, *, persona: Persona) -> int:
        """Make a request, read the response to its end, and return its status.

        Raises:
            OSError, h11.RemoteProtocolError: the response did not come, or not whole.
        """
        self.uses += 1
        if ask.says:
            return await self._talk(ask, persona)
        await self._send(self._head(ask, persona))
        early = await self._until_continue() if self._http.client_is_waiting_for_100_continue else None
        if early is None:
            if ask.body:
                await self._send(h11.Data(data=ask.body))
            await self._send(h11.EndOfMessage(headers=list(ask.trailers)))
        status = await self._response(early, ask.leaves_after)
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return status

    async def _talk(self, ask: Ask, persona: Persona) -> int:
        await self._send(self._head(ask, persona))
        await self._send(h11.EndOfMessage())
        while not isinstance(event := await self._event(), h11.InformationalResponse):
            if isinstance(event, h11.Response):
                return await self._response(event, 0)
        agreed = dict(event.headers).get(b"sec-websocket-extensions", b"")
        early, _ = self._http.trailing_data
        deflate = agreed == websocket.DEFLATE.encode()
        socket = websocket.Socket(self._wire, client=True, deflate=deflate, early=early)
        await socket.listen(ask.says, leaves_after=ask.leaves_after)
        return event.status_code

    async def end(self) -> None:
        """Close in order."""
        await self._wire.end()

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self._wire.close()

    def _head(self, ask: Ask, persona: Persona) -> h11.Request:
        site = ask.site
        standard = 443 if site.scheme == "https" else 80
        authority = site.host if site.port == standard else f"{site.host}:{site.port}"
        fields = [("Host", authority), ("User-Agent", persona.user_agent), *persona.fields, *ask.fields]
        if ask.trailers:
            fields.append(("Transfer-Encoding", "chunked"))
        elif ask.body:
            fields.append(("Content-Length", str(len(ask.body))))
        target = ask.path if site.scheme == "https" else f"http://{authority}{ask.path}"
        return h11.Request(method=ask.method, target=target, headers=fields)

    async def _until_continue(self) -> h11.Response | None:
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == 100:
                return None

    async def _response(self, head: h11.Response | None, patience: int) -> int:
        status = head.status_code if head is not None else 0
        received = 0
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                received += len(event.data)
                if patience and received >= patience:
                    self.close()
                    return status
            elif isinstance(event, h11.EndOfMessage):
                return status

    async def _event(self) -> h11.Event:
        return await _next_event(self._http, self._wire)

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            await self._wire.write(data)


async def _tunnel(wire: Wire, site: Site) -> None:
    """Have the proxy accept a CONNECT (RFC 9110 section 9.3.6).

    No byte of TLS is read here, because its server says nothing before our hello.
    """
    http = h11.Connection(h11.CLIENT)
    authority = f"{site.host}:{site.port}"
    await wire.write(
        http.send(h11.Request(method="CONNECT", target=authority, headers=[("Host", authority)])) or b""
    )
    while not isinstance(event := await _next_event(http, wire), h11.Response):
        continue
    if not 200 <= event.status_code < 300:
        raise Refused(event.status_code)


async def _next_event(http: h11.Connection, wire: Wire) -> h11.Event:
    while True:
        event = http.next_event()
        if isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("the connection ended before a response")
        if isinstance(event, h11.Event):
            return event
        if event is h11.PAUSED:
            raise ConnectionAbortedError("the site left HTTP/1.1")
        http.receive_data(await wire.read())
