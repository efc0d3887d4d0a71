"""Heads of HTTP/1.1 as events, and the flow that a request opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm.model.events import FlowBound, FlowKind, FlowOpened, RequestHead, ResponseHead
from soth_mitm.model.fields import Fields
from soth_mitm.net import amend, replies
from soth_mitm.policy.subject import Subject
from soth_mitm.proto.http1 import Framing

if TYPE_CHECKING:
    from soth_mitm.net.chain import Addressed
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.net.origin import Place
    from soth_mitm.net.upstream import UpstreamConn
    from soth_mitm.proto import http1

VERSIONS = ("HTTP/1.0", "HTTP/1.1")
HTTP2 = "HTTP/2.0"
SWITCHING = 101
_HTTP: Final = FlowKind.HTTP


class Opener(Protocol):
    """The session whose request begins a flow."""

    client: str
    decrypted: bool
    """Whether the client spoke to its server, as it believes, and not to a proxy."""


def opened(session: Opener, place: Place, *, capture: bool, replay_of: int = 0) -> FlowOpened:
    """Return the event of a flow to a place."""
    return FlowOpened(
        _HTTP,
        place.scheme,
        place.host,
        place.port,
        session.client,
        session.decrypted,
        not capture,
        replay_of,
    )


def bound(client: int, conn: UpstreamConn, *, reused: bool, stream: int = 0) -> FlowBound:
    """Return the event of a flow of a client's connection that uses an upstream's from now on."""
    number = conn.life.number
    if reused:
        return FlowBound(client, number, True, conn.where, 0, 0, 0, stream)
    phases = (conn.dns_ns, conn.connect_ns, conn.tls_ns)
    return FlowBound(client, number, False, conn.where, *phases, stream)


def request(head: http1.RequestHead, place: Place) -> RequestHead:
    """Return the event of a request's head, and of what goes to the place instead of it."""
    return RequestHead(
        head.method,
        head.target,
        VERSIONS[head.minor],
        head.raw,
        place.path,
        head.content_type,
        b"" if place.raw is head.raw else place.raw,
    )


def addressed(exchange: Exchange) -> Addressed:
    """Return where a request goes, as it is now, with its method."""
    place = exchange.place
    method = amend.method_of(place.raw) if exchange.request_changed else exchange.head.method
    return place.scheme, place.host, place.port, exchange.session.life.sni, method


def subject(exchange: Exchange) -> Subject:
    """Return an exchange as expressions see it, as far as it has come and as it was changed."""
    place, session, head = exchange.place, exchange.session, exchange.head
    changed = exchange.request_changed
    made = Subject(
        scheme=place.scheme,
        host=place.host,
        port=place.port,
        method=amend.method_of(place.raw) if changed else head.method,
        target=place.path,
        version=VERSIONS[head.minor],
        raw=place.raw if changed else head.raw,
        client=session.client,
        conn=session.life,
        intercepted=session.decrypted,
        flow=exchange.flow.number,
    )
    answer = exchange.response_head
    if answer is not None:
        made.answered(answer.status, answer.raw, switches=answer.framing is Framing.UPGRADE)
    return made


def response(head: http1.ResponseHead) -> ResponseHead:
    """Return the event of a response's head; one that was HTTP/2 is told as it came."""
    return ResponseHead(
        _status(head),
        head.reason,
        HTTP2 if head.translated else VERSIONS[head.minor],
        head.translated or head.raw,
        head.content_type,
        head.content_encoding,
        False,
        head.raw if head.translated else b"",
    )


def own(status: int, raw: bytes) -> ResponseHead:
    """Return the event of the head of a response of our own, of either version."""
    fields = Fields.of_head(raw)
    in_http2 = raw[:1] == b":"
    return ResponseHead(
        status,
        b"" if in_http2 else replies.phrase(status),
        HTTP2 if in_http2 else VERSIONS[1],
        raw,
        fields.get(b"content-type"),
        fields.joined(b"content-encoding"),
        generated=True,
    )


def _status(head: http1.ResponseHead) -> int:
    """Return the status as it came: a switch of protocols is a 2xx in HTTP/2 and a 101 in HTTP/1.1."""
    if head.translated and head.status == SWITCHING:
        return int(head.translated[len(b":status: ") :][:3])
    return head.status
