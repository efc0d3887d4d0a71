"""What a copy needs of a flow: its messages as they came. The record's views fit.

Bytes are the wire's own: whatever turns them into text decides how they are made safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.errors import SothError
from soth_mitm.export.rows import site
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.model.events import FlowOpened
    from soth_mitm.model.fields import Fields

_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL_BYTES = frozenset(b"!#$%&'()*+,-./:;=?@[]_~") | frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)


HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"trailer",
    b"transfer-encoding", b"upgrade", b"content-length",
})  # fmt: skip
"""Fields of the connection (RFC 9110 section 7.6.1), and the one that is counted anew."""


class CopyError(SothError):
    """What was asked for cannot be copied from this flow; the text says why and what to do instead."""


class MessageFacts(Protocol):
    """A request or a response."""

    @property
    def raw(self) -> bytes: ...
    @property
    def fields(self) -> Fields: ...
    @property
    def version(self) -> str: ...
    @property
    def method(self) -> bytes: ...
    @property
    def target(self) -> bytes: ...
    @property
    def path(self) -> bytes: ...
    @property
    def status(self) -> int: ...
    @property
    def reason(self) -> bytes: ...
    @property
    def content_type(self) -> bytes: ...
    @property
    def content_encoding(self) -> bytes: ...
    @property
    def body_bytes(self) -> int: ...
    @property
    def captured_bytes(self) -> int: ...
    @property
    def complete(self) -> bool: ...


class FlowFacts(Protocol):
    """A flow."""

    @property
    def flow(self) -> int: ...
    @property
    def opened(self) -> FlowOpened | None: ...
    @property
    def request(self) -> MessageFacts | None: ...
    @property
    def response(self) -> MessageFacts | None: ...
    @property
    def started_wall_ns(self) -> int: ...
    @property
    def started_mono_ns(self) -> int: ...
    @property
    def last_mono_ns(self) -> int: ...
    @property
    def request_bytes(self) -> int: ...
    @property
    def response_bytes(self) -> int: ...
    @property
    def closed_reason(self) -> str: ...
    @property
    def comment(self) -> str: ...


def authority(flow: FlowFacts) -> str:
    """Return the host and the port that the URL of a flow names; the port only where it is unusual."""
    opened = flow.opened
    if opened is None:
        return ""
    host = printable(opened.host)
    if opened.port == _DEFAULT_PORTS.get(opened.scheme):
        return f"[{host}]" if ":" in host else host
    return site(host, opened.port)


def origin(flow: FlowFacts) -> str:
    """Return scheme and authority of a flow's URL."""
    return f"{printable(flow.opened.scheme)}://{authority(flow)}" if flow.opened is not None else ""


def url(flow: FlowFacts) -> str:
    """Return the URL of a request in printable ASCII, `host:port` where there was no request.

    A byte that no URL holds is written in its percent form, as a browser would send it.
    """
    request, opened = flow.request, flow.opened
    if request is None or not request.raw:
        return site(printable(opened.host), opened.port) if opened is not None else ""
    path = request.path
    if not path.startswith(b"/"):
        return origin(flow)
    return origin(flow) + "".join(chr(byte) if byte in _URL_BYTES else f"%{byte:02X}" for byte in path)


def request_of(flow: FlowFacts) -> MessageFacts:
    """Return the request of a flow.

    Raises:
        CopyError: it has none.
    """
    request = flow.request
    if request is None or not request.raw:
        raise CopyError(f"flow {flow.flow} has no request that could be read; its address can be copied")
    return request


def response_of(flow: FlowFacts) -> MessageFacts:
    """Return the response of a flow.

    Raises:
        CopyError: it has none, or none yet.
    """
    response = flow.response
    if response is None or not response.raw:
        when = "ended without a response" if flow.closed_reason else "has no response yet"
        raise CopyError(f"flow {flow.flow} {when}")
    return response


def check_whole(message: MessageFacts, body: bytes, what: str) -> None:
    """Make sure that `body` is all of a message's body.

    Raises:
        CopyError: it is still on its way, or was not recorded as a whole.
    """
    if len(body) < message.body_bytes:
        raise CopyError(
            f"the body of the {what} was not recorded as a whole ({len(body):,} of {message.body_bytes:,} "
            "bytes are there); copy its headers, or raise capture_body_bytes and repeat it"
        )
    if not message.complete:
        raise CopyError(f"the body of the {what} has not ended; copy it again when it has")


def of_the_connection(fields: Fields) -> frozenset[bytes]:
    """Return the names, in lower case, of the fields that belong to the connection and not to a request."""
    named = {name.strip().lower() for name in fields.joined(b"connection").split(b",")}
    dropped = HOP_BY_HOP | named
    if b"upgrade" in named and b"upgrade" in fields:
        # Without these two, the request would be another one.
        return dropped - {b"connection", b"upgrade"}
    return dropped
