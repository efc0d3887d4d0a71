"""One client connection through the proxy, plain or TLS inside a CONNECT; h11 is its engine."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import NamedTuple

import h11
import msgspec

from soth_mitm.cli.demo.message import Fields
from soth_mitm.cli.demo.origin import close

Address = tuple[str, int]
_READ = 65_536
_CLOSING = 1.0
"""Seconds that the proxy has to answer the end of TLS."""


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
    """Bytes of the response after which the client loses patience; 0: it stays to the end."""


class Refused(ConnectionError):
    """The proxy did not open a tunnel."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered the CONNECT with {status}")
        self.status = status


class Link:
    """A connection to one site, for one request after the other."""

    def __init__(self, site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.site = site
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self.uses = 0

    @classmethod
    async def open(cls, site: Site, *, proxy: Address, context: ssl.SSLContext) -> Link:
        """Connect through the proxy.

        Raises:
            Refused: the proxy refuses the tunnel; ssl.SSLError: it is not trusted; OSError: it is gone.
        """
        if site.scheme == "http":
            return cls(site, *await asyncio.open_connection(*proxy, limit=_READ))
        sock = await _tunnel(site, proxy)
        try:
            streams = await asyncio.open_connection(
                sock=sock,
                ssl=context,
                server_hostname=site.host,
                limit=_READ,
                ssl_shutdown_timeout=_CLOSING,
            )
        except BaseException:
            sock.close()
            raise
        return cls(site, *streams)

    @property
    def usable(self) -> bool:
        """Whether another request can be made on it, as far as is known here."""
        return (
            self._http.our_state is h11.IDLE
            and not self._reader.at_eof()
            and not self._writer.transport.is_closing()
        )

    async def ask(self, ask: Ask, *, persona: Persona) -> int:
        """Make a request, read the response to its end, and return its status.

        Raises:
            OSError, h11.RemoteProtocolError: the response did not come, or not whole.
        """
        self.uses += 1
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

    async def close(self) -> None:
        """Close in order."""
        await close(self._writer)

    async def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._writer.transport.abort()
        await close(self._writer)

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
                    await self.abort()
                    return status
            elif isinstance(event, h11.EndOfMessage):
                return status

    async def _event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the connection ended before a response")
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise ConnectionAbortedError("the site left HTTP/1.1")
            self._http.receive_data(await self._reader.read(_READ))

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


async def _tunnel(site: Site, proxy: Address) -> socket.socket:
    """Return a socket on which the proxy has accepted a CONNECT (RFC 9110 section 9.3.6)."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET6 if ":" in proxy[0] else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, proxy)
        http = h11.Connection(h11.CLIENT)
        authority = f"{site.host}:{site.port}"
        head = http.send(h11.Request(method="CONNECT", target=authority, headers=[("Host", authority)]))
        await loop.sock_sendall(sock, head or b"")
        while True:
            event = http.next_event()
            if isinstance(event, h11.Response):
                break
            if event is h11.NEED_DATA:
                # The server of a tunnel to TLS says nothing before our hello: no byte of it is read here.
                http.receive_data(await loop.sock_recv(sock, _READ))
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the proxy closed the connection")
        if not 200 <= event.status_code < 300:
            raise Refused(event.status_code)
    except BaseException:
        sock.close()
        raise
    return sock
