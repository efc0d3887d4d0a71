"""The views of traffic that hooks are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from soth_mitm.errors import SothError
from soth_mitm.model.fields import Fields

if TYPE_CHECKING:
    from soth_mitm.model.events import Direction, MessageForm


class BodyTooLarge(SothError):
    """The body is over `limits.hook_body_bytes`; the message streams on if the hook goes on."""


class ConnectionInfo:
    """One client connection: its number in the event stream, and the client's address."""

    __slots__ = ("client", "conn")

    def __init__(self, conn: int, client: str) -> None:
        self.conn = conn
        self.client = client


class Target:
    """Where a client wants to go, as far as it is known when TLS begins."""

    __slots__ = ("alpn", "host", "port", "process", "sni")

    def __init__(
        self, host: str, port: int, *, sni: str = "", alpn: tuple[str, ...] = (), process: str = ""
    ) -> None:
        self.host = host
        self.port = port
        self.sni = sni
        self.alpn = alpn
        self.process = process
        """The program of this machine that connects, where it is known by now; empty otherwise."""


BodySource = Callable[[], Awaitable[bytes]]


class HttpMessage:
    """What a request and a response have in common."""

    __slots__ = ("_body", "_fields", "flow", "raw")

    def __init__(self, flow: int, raw: bytes, body: BodySource) -> None:
        self.flow = flow
        """Number of the flow in the event stream."""
        self.raw = raw
        """The head as it was on the wire."""
        self._fields: Fields | None = None
        self._body = body

    @property
    def fields(self) -> Fields:
        """The header fields, in wire order and case."""
        if self._fields is None:
            self._fields = Fields.of_head(self.raw)
        return self._fields

    async def body(self) -> bytes:
        """Wait for the whole body and return it, without transfer coding.

        Only a hook that calls this holds the body back. Bounded by `limits.hook_body_bytes`.

        Raises:
            BodyTooLarge: the body is larger; the hook may still decide, and the body streams.
        """
        return await self._body()


class Request(HttpMessage):
    """A request whose head has arrived."""

    __slots__ = ("host", "method", "port", "scheme", "target", "version")

    def __init__(
        self,
        flow: int,
        raw: bytes,
        *,
        body: BodySource,
        method: bytes,
        target: bytes,
        version: str,
        scheme: str,
        host: str,
        port: int,
    ) -> None:
        super().__init__(flow, raw, body)
        self.method = method
        self.target = target
        self.version = version
        self.scheme = scheme
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        """The URL, as text that may hold hostile characters."""
        return url_of(self.scheme, self.host, self.port, target=self.target)


def url_of(scheme: str, host: str, port: int, *, target: bytes) -> str:
    """Return the URL of a request, as text that may hold hostile characters."""
    if target.startswith((b"http://", b"https://")):
        return target.decode("utf-8", "backslashreplace")
    shown = "" if port == (443 if scheme == "https" else 80) else f":{port}"
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}{shown}{target.decode('utf-8', 'backslashreplace')}"


class Response(HttpMessage):
    """A final response whose head has arrived, with its request."""

    __slots__ = ("reason", "request", "status")

    def __init__(
        self, flow: int, raw: bytes, *, body: BodySource, status: int, reason: bytes, request: Request
    ) -> None:
        super().__init__(flow, raw, body)
        self.status = status
        self.reason = reason
        self.request = request


class StreamChunk:
    """Body bytes that have just passed."""

    __slots__ = ("data", "direction", "flow", "offset")

    def __init__(self, flow: int, direction: Direction, offset: int, data: bytes) -> None:
        self.flow = flow
        self.direction = direction
        self.offset = offset
        self.data = data


class Message:
    """A message within a flow that is about to be passed on: an event, a frame, a call's message, a line."""

    __slots__ = ("data", "direction", "flow", "form", "label", "note", "number", "url")

    def __init__(
        self,
        flow: int,
        direction: Direction,
        *,
        form: MessageForm,
        number: int,
        label: str,
        data: bytes,
        note: str = "",
        url: str = "",
    ) -> None:
        self.flow = flow
        """Number of the flow in the event stream."""
        self.direction = direction
        self.form = form
        self.number = number
        """From 1 within the flow, those of both directions counted together, as they came."""
        self.label = label
        """WebSocket: `text` or `binary`. SSE: the event's type. Otherwise as the event stream says."""
        self.data = data
        """The payload, without framing and with compression undone."""
        self.note = note
        """SSE: the event's id."""
        self.url = url
        """The URL of the flow's request, as text that may hold hostile characters."""
