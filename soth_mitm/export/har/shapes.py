"""The members of a HAR, as they are written. The order of the fields is that in the file."""

from __future__ import annotations

import msgspec

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class Pair(msgspec.Struct):
    """A header field, or a parameter of a query."""

    name: str
    value: str


class Cookie(msgspec.Struct, omit_defaults=True, rename={"http_only": "httpOnly", "same_site": "sameSite"}):
    """A cookie; of a request, its name and value alone."""

    name: str
    value: str
    path: str = ""
    domain: str = ""
    expires: str = ""
    http_only: bool = False
    secure: bool = False
    same_site: str = ""


class PostData(msgspec.Struct, rename="camel"):
    """The body of a request."""

    mime_type: str
    text: str
    encoding: str | Unset = msgspec.field(default=UNSET, name="_encoding")
    """`base64` where the body is no text."""
    comment: str | Unset = UNSET


class Request(msgspec.Struct, rename="camel"):
    """A request."""

    method: str
    url: str
    http_version: str
    cookies: list[Cookie]
    headers: list[Pair]
    query_string: list[Pair]
    headers_size: int
    body_size: int
    post_data: PostData | Unset = UNSET
    trailers: list[Pair] | Unset = msgspec.field(default=UNSET, name="_trailers")
    target: str | Unset = msgspec.field(default=UNSET, name="_target")
    """The target where the URL does not tell it, such as `*`."""


class Content(msgspec.Struct, rename="camel"):
    """The body of a response, content codings undone."""

    size: int
    mime_type: str
    compression: int | Unset = UNSET
    text: str | Unset = UNSET
    encoding: str | Unset = UNSET
    comment: str | Unset = UNSET


class Response(msgspec.Struct, rename="camel"):
    """A response; of a flow that ended without one, status 0."""

    status: int
    status_text: str
    http_version: str
    cookies: list[Cookie]
    headers: list[Pair]
    content: Content
    redirect_url: str = msgspec.field(name="redirectURL")
    headers_size: int
    body_size: int
    error: str | Unset = msgspec.field(default=UNSET, name="_error")
    trailers: list[Pair] | Unset = msgspec.field(default=UNSET, name="_trailers")


class Timings(msgspec.Struct):
    """Milliseconds; -1 where a phase did not happen. `ssl` is part of `connect`."""

    blocked: float
    dns: float
    connect: float
    ssl: float
    send: float
    wait: float
    receive: float


class SocketMessage(msgspec.Struct):
    """A message of a WebSocket, in the way of Chrome."""

    type: str
    """`send` or `receive`."""
    time: float
    """Seconds since 1970."""
    opcode: int
    data: str
    """Text, or base64 where the opcode is not 1."""
    note: str | Unset = msgspec.field(default=UNSET, name="_note")
    origin: str | Unset = msgspec.field(default=UNSET, name="_origin")
    cut: bool | Unset = msgspec.field(default=UNSET, name="_cut")


class Cache(msgspec.Struct):
    """Nothing: a proxy does not know the cache of its client."""


class Entry(msgspec.Struct, rename="camel"):
    """One exchange."""

    started_date_time: str
    time: float
    request: Request
    response: Response
    cache: Cache
    timings: Timings
    server_ip_address: str | Unset = msgspec.field(default=UNSET, name="serverIPAddress")
    connection: str | Unset = UNSET
    comment: str | Unset = UNSET
    resource_type: str | Unset = msgspec.field(default=UNSET, name="_resourceType")
    socket_messages: list[SocketMessage] | Unset = msgspec.field(default=UNSET, name="_webSocketMessages")
    mark: str | Unset = msgspec.field(default=UNSET, name="_mark")
    client: str | Unset = msgspec.field(default=UNSET, name="_client")
    reason: str | Unset = msgspec.field(default=UNSET, name="_reason")
    """Why it ended, where that was not by completing."""
