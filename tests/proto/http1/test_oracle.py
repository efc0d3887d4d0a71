"""h11 as a differential oracle: the two readers agree, or the disagreement is listed here with its reason."""

from __future__ import annotations

import re
from typing import NamedTuple

import h11
import pytest
from hypothesis import given, settings

from soth_mitm.proto.http1 import RequestHead, RequestReader, ResponseHead, ResponseReader
from soth_mitm.proto.http1.rewrite import fields
from tests.proto.http1.driving import run
from tests.proto.http1.test_properties import requests, responses


class Reading(NamedTuple):
    """What both readers can say about a message."""

    start: tuple[bytes | int, ...]
    fields: list[tuple[bytes, bytes]]
    body: bytes
    trailers: list[tuple[bytes, bytes]]


def h11_requests(wire: bytes) -> list[Reading] | None:
    """Read a pipeline with h11; None where it refuses."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=65536)
    connection.receive_data(wire)
    found: list[Reading] = []
    try:
        while connection.trailing_data[0]:
            head = connection.next_event()
            if not isinstance(head, h11.Request):
                return None if head is h11.NEED_DATA else found
            found.append(_h11_body(connection, (head.method, head.target), head.headers))
            connection.send(h11.Response(status_code=404, headers=[(b"Content-Length", b"0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                break
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        return None
    return found


def h11_response(wire: bytes, method: bytes) -> list[Reading] | None:
    """Read one answer, interim ones included, with h11; None where it refuses."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=65536)
    connection.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"h")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(wire)
    connection.receive_data(b"")
    found: list[Reading] = []
    try:
        while True:
            head = connection.next_event()
            if isinstance(head, h11.InformationalResponse):
                found.append(Reading((head.status_code,), _pairs(head.headers), b"", []))
            elif isinstance(head, h11.Response):
                found.append(_h11_body(connection, (head.status_code,), head.headers))
                return found
            else:
                return None
    except h11.RemoteProtocolError:
        return None


def _pairs(headers: object) -> list[tuple[bytes, bytes]]:
    assert isinstance(headers, h11._headers.Headers)
    return [(bytes(name).lower(), bytes(value)) for name, value in headers.raw_items()]


def _h11_body(connection: h11.Connection, start: tuple[bytes | int, ...], headers: object) -> Reading:
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return Reading(start, _pairs(headers), body, [(n, bytes(v)) for n, v in event.headers])
        else:
            raise h11.RemoteProtocolError("incomplete")


def our_requests(wire: bytes, *, lenient: bool = False) -> list[Reading] | None:
    summary = run(RequestReader(lenient=lenient), [wire])
    if summary.error is not None:
        return None
    starts: list[tuple[bytes | int, ...]] = [
        (head.method, head.target) for head in summary.heads if isinstance(head, RequestHead)
    ]
    return _readings(starts, [h.raw for h in summary.heads], summary.bodies, summary.trailers)


def our_response(wire: bytes, method: bytes) -> list[Reading] | None:
    summary = run(ResponseReader(), [wire], methods=[method])
    if summary.error is not None:
        return None
    starts: list[tuple[bytes | int, ...]] = [
        (h.status,) for h in summary.heads if isinstance(h, ResponseHead)
    ]
    interim = [b""] * (len(summary.heads) - 1)
    return _readings(starts, [h.raw for h in summary.heads], summary.bodies, [*interim, *summary.trailers])


def _readings(
    starts: list[tuple[bytes | int, ...]], raws: list[bytes], bodies: list[bytes], trailers: list[bytes]
) -> list[Reading]:
    return [
        Reading(start, _lower(raw), body, _lower(b"\r\n" + section + b"\r\n"))
        for start, raw, body, section in zip(starts, raws, bodies, trailers, strict=True)
    ]


def _lower(raw: bytes) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in fields(raw)]


ONLY_OURS = re.compile(rb"0{18}| ;")
"Generated oddities that h11 refuses; both are in the list below."


@settings(max_examples=200)
@given(requests())
def test_valid_requests_read_the_same(drawn: tuple[bytes, list[bytes]]) -> None:
    wire, _ = drawn
    theirs = h11_requests(wire)
    assert theirs is not None or ONLY_OURS.search(wire)
    assert theirs is None or our_requests(wire) == theirs


@settings(max_examples=200)
@given(responses())
def test_valid_responses_read_the_same(drawn: tuple[bytes, list[bytes], list[bytes]]) -> None:
    wire, _, _ = drawn
    theirs = h11_response(wire, b"GET")
    assert theirs is not None or ONLY_OURS.search(wire)
    ours = our_response(wire, b"GET")
    assert theirs is None or (ours is not None and ours[: len(theirs)] == theirs)


HOST = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

# What h11 takes and we refuse: (reason, wire)
ONLY_H11_ACCEPTS = [
    ("bare LF is a second way to end a line", b"GET / HTTP/1.1\nHost: a\n\n"),
    ("obs-fold has to be refused or replaced, and we replace nothing", HOST + b"X: a\r\n b\r\n\r\n"),
    (
        "both framings at once are smuggling",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ),
    ("control bytes in a value", HOST + b"X: a\x01b\r\n\r\n"),
    ("a Host that is no host", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("a major version that we do not speak", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("Transfer-Encoding in HTTP/1.0 is faulty framing", CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n"),
    ("a CONNECT has no body", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"),
    ("blanks after a chunk size belong to no grammar", CHUNKED + b"1 \r\na\r\n0\r\n\r\n"),
    ("a control byte in a chunk extension", CHUNKED + b"1;\x01\r\na\r\n0\r\n\r\n"),
    ("obs-fold in a trailer", CHUNKED + b"0\r\nT: a\r\n b\r\n\r\n"),
]

# What we take and h11 refuses: (reason, wire)
ONLY_WE_ACCEPT = [
    ("UTF-8 in a target is common, and flagged", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "a coding list that ends in chunked is legal, and flagged",
        CHUNKED.replace(b": ch", b": gzip, ch") + b"0\r\n\r\n",
    ),
    ("a blank before a chunk extension has to be parsed", CHUNKED + b"1 ;x\r\na\r\n0\r\n\r\n"),
    ("a chunk size may have many leading zeros", CHUNKED + b"0" * 30 + b"1\r\na\r\n0\r\n\r\n"),
]

# What both refuse
BOTH_REFUSE = [
    HOST + b"X : a\r\n\r\n",
    HOST + b"X: a\0\r\n\r\n",
    HOST + b"X: a\rb\r\n\r\n",
    HOST + b"Host: a\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /\r\nHost: a\r\n\r\n",
    POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    POST + b"Content-Length: +1\r\n\r\nx",
    POST + b"Transfer-Encoding: gzip\r\n\r\n",
    POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
    CHUNKED + b"+1\r\na\r\n0\r\n\r\n",
    CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
    CHUNKED + b"1\r\naX\r\n0\r\n\r\n",
]


@pytest.mark.parametrize(("reason", "wire"), ONLY_H11_ACCEPTS)
def test_what_only_h11_accepts_is_listed_with_its_reason(reason: str, wire: bytes) -> None:
    assert h11_requests(wire) is not None, reason
    assert our_requests(wire) is None, reason


@pytest.mark.parametrize(("reason", "wire"), ONLY_WE_ACCEPT)
def test_what_only_we_accept_is_listed_with_its_reason(reason: str, wire: bytes) -> None:
    assert h11_requests(wire) is None, reason
    assert our_requests(wire) is not None, reason


@pytest.mark.parametrize("wire", BOTH_REFUSE)
def test_what_both_refuse(wire: bytes) -> None:
    assert h11_requests(wire) is None
    assert our_requests(wire) is None


def test_h11_drops_the_chunk_extension_and_trailer_case_that_we_keep() -> None:
    wire = CHUNKED + b"1;ext=v\r\na\r\n0;last\r\nX-Trailer: V\r\n\r\n"
    [theirs] = h11_requests(wire) or []
    assert theirs.trailers == [(b"x-trailer", b"V")]
    summary = run(RequestReader(), [wire])
    assert summary.wire == wire
    assert summary.trailers == [b"X-Trailer: V\r\n"]
