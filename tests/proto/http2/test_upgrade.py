"""The offer of HTTP/2 in a request: what it says, and the request without it (RFC 7540 section 3.2)."""

from __future__ import annotations

import pytest

from soth_mitm.proto.http1 import RequestHead, RequestReader
from soth_mitm.proto.http2 import upgrade
from soth_mitm.proto.http2.bounds import Bounds
from soth_mitm.proto.http2.engine import Engine
from soth_mitm.proto.http2.events import Head, SettingsCame

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"


def head(fields: bytes = OFFER, *, line: bytes = b"GET /a?b HTTP/1.1") -> RequestHead:
    raw = line + b"\r\nHost: site.test\r\nX-One: 1\r\n" + fields + b"\r\n"
    (found, *_) = RequestReader(max_head=65_536, lenient=True).receive(raw)
    assert isinstance(found, RequestHead)
    return found


def test_the_settings_of_the_request_are_read() -> None:
    assert upgrade.offers(head().upgrade)
    assert upgrade.settings_of(head()) == ((3, 100), (4, 33_554_432), (2, 0))
    empty = OFFER.replace(b"AAMAAABkAAQCAAAAAAIAAAAA", b"")
    assert upgrade.settings_of(head(empty)) == ()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (OFFER + b"HTTP2-Settings: \r\n", "h2c_settings"),
        (OFFER.replace(b"HTTP2-Settings: AA", b"X: "), "h2c_settings"),
        (OFFER.replace(b"AAMAAABk", b"AAMA*ABk"), "h2c_settings"),
        (OFFER.replace(b"AAMAAABk", b"AAMAAABkAA"), "h2c_settings"),
        (OFFER.replace(b"AAAAAAIAAAAA", b"AAAAAAIAAAAC"), "h2c_settings"),
        (OFFER + b"Content-Length: 3\r\n", "h2c_body"),
        (OFFER + b"Transfer-Encoding: chunked\r\n", "h2c_body"),
    ],
)
def test_an_offer_that_cannot_be_taken_says_why(fields: bytes, code: str) -> None:
    with pytest.raises(upgrade.OfferError) as error:
        upgrade.settings_of(head(fields))
    assert error.value.code == code


def test_the_request_becomes_the_head_of_a_stream_without_what_concerned_the_connection() -> None:
    assert upgrade.as_stream(head(), scheme=b"http").fields == (
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"site.test"),
        (b":path", b"/a?b"),
        (b"x-one", b"1"),
    )
    absolute = head(line=b"GET http://other.test/x HTTP/1.1")
    assert dict(upgrade.as_stream(absolute, scheme=b"http").fields)[b":authority"] == b"other.test"
    with pytest.raises(upgrade.OfferError):
        upgrade.as_stream(head(OFFER + b"X One: 1\r\n"), scheme=b"http")


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        (OFFER, b""),
        (OFFER.replace(b"h2c", b"websocket, h2c"), b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        (OFFER.replace(b"Upgrade, HTTP2", b"close, Upgrade, HTTP2"), b"Connection: close\r\n"),
    ],
)
def test_without_the_offer_the_rest_stays(fields: bytes, left: bytes) -> None:
    assert upgrade.without_offer(head(fields).raw) == head(left).raw


def test_stream_1_is_complete_and_its_settings_hold_before_the_preface() -> None:
    engine = Engine(client=False, bounds=Bounds())
    block = upgrade.as_stream(head(), scheme=b"http")
    settings, begun = engine.upgraded(((4, 10),), block)
    assert isinstance(settings, SettingsCame)
    assert isinstance(begun, Head)
    assert (begun.stream.number, begun.end, begun.stream.send_window) == (1, True, 10)
    assert engine.expecting
    assert engine.send(begun.stream, b"x" * 20, end=True) == 10
