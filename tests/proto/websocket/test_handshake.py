"""Which upgrades are WebSockets (RFC 6455 section 4, RFC 8441 section 5)."""

from __future__ import annotations

import pytest

from soth_mitm.model.fields import Fields
from soth_mitm.proto.websocket import handshake
from soth_mitm.proto.websocket.extensions import DeflateParams
from soth_mitm.proto.websocket.handshake import HandshakeError

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

REQUEST = {
    b"Host": b"example.com",
    b"Connection": b"keep-alive, Upgrade",
    b"Upgrade": b"websocket",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": KEY,
}
RESPONSE = {b"Connection": b"upgrade", b"Upgrade": b"WebSocket", b"Sec-WebSocket-Accept": ACCEPT}

Changes = dict[bytes, bytes | None]


def changed(fields: dict[bytes, bytes], changes: Changes) -> Fields:
    merged = {**fields, **changes}
    return Fields((name, value) for name, value in merged.items() if value is not None)


def check(
    request: Changes | None = None, response: Changes | None = None, *, method: bytes = b"GET"
) -> handshake.Handshake:
    return handshake.check(method, changed(REQUEST, request or {}), changed(RESPONSE, response or {}))


def test_the_accept_is_that_of_the_rfcs_example() -> None:
    assert handshake.accept_of(KEY) == ACCEPT


def test_the_plain_handshake_is_valid_and_agrees_on_nothing() -> None:
    found = check()
    assert found == handshake.Handshake()
    assert found.detail == ""


@pytest.mark.parametrize(
    ("request_", "response", "code"),
    [
        ({b"Connection": b"keep-alive"}, {}, "websocket_connection"),
        ({b"Connection": None}, {}, "websocket_connection"),
        ({}, {b"Connection": b"keep-alive"}, "websocket_connection"),
        ({b"Upgrade": b"h2c"}, {}, "websocket_upgrade"),
        ({}, {b"Upgrade": b"websocket, h2c"}, "websocket_upgrade"),
        ({}, {b"Upgrade": None}, "websocket_upgrade"),
        ({b"Sec-WebSocket-Version": b"8"}, {}, "websocket_version"),
        ({b"Sec-WebSocket-Version": None}, {}, "websocket_version"),
        ({b"Sec-WebSocket-Key": None}, {}, "websocket_key"),
        ({b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25j"}, {}, "websocket_key"),
        ({b"Sec-WebSocket-Key": b"!GhlIHNhbXBsZSBub25jZQ=="}, {}, "websocket_key"),
        ({}, {b"Sec-WebSocket-Accept": None}, "websocket_accept"),
        ({}, {b"Sec-WebSocket-Accept": ACCEPT.lower()}, "websocket_accept"),
        ({b"Sec-WebSocket-Key": b"AAAAAAAAAAAAAAAAAAAAAA=="}, {}, "websocket_accept"),
    ],
)
def test_a_handshake_that_breaks_a_rule_is_none(request_: Changes, response: Changes, code: str) -> None:
    with pytest.raises(HandshakeError) as caught:
        check(request_, response)
    assert caught.value.code == code
    assert caught.value.detail.isascii()


def test_only_a_get_can_upgrade() -> None:
    with pytest.raises(HandshakeError, match="websocket_method"):
        check(method=b"POST")


def test_two_keys_are_none() -> None:
    fields = Fields([*changed(REQUEST, {}), (b"sec-websocket-key", KEY)])
    with pytest.raises(HandshakeError, match="websocket_key"):
        handshake.check(b"GET", fields, changed(RESPONSE, {}))


def test_what_the_server_chose_is_told_in_a_line() -> None:
    found = check(
        {b"Sec-WebSocket-Protocol": b"soap, chat", b"Sec-WebSocket-Extensions": b"permessage-deflate"},
        {
            b"Sec-WebSocket-Protocol": b"chat",
            b"Sec-WebSocket-Extensions": b"permessage-deflate; server_no_context_takeover",
        },
    )
    assert found.detail == "permessage-deflate, subprotocol chat"
    assert found.agreed.deflate == DeflateParams(server_takeover=False)
    assert found.not_offered == ()


def test_what_the_client_had_not_offered_is_named_but_read_all_the_same() -> None:
    found = check(
        {}, {b"Sec-WebSocket-Protocol": b"chat", b"Sec-WebSocket-Extensions": b"permessage-deflate"}
    )
    assert found.agreed.deflate == DeflateParams()
    assert found.not_offered == ("permessage-deflate", "subprotocol chat")


def test_an_extended_connect_needs_no_key() -> None:
    fields = Fields([(b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"chat")])
    answer = Fields([(b"sec-websocket-protocol", b"chat")])
    found = handshake.check_extended(b"websocket", fields, status=200, response=answer)
    assert found.subprotocol == b"chat"


@pytest.mark.parametrize(
    ("protocol", "version", "status", "code"),
    [
        (b"connect-udp", b"13", 200, "websocket_upgrade"),
        (b"websocket", b"12", 200, "websocket_version"),
        (b"websocket", b"13", 404, "websocket_status"),
    ],
)
def test_an_extended_connect_can_be_no_websocket(
    protocol: bytes, version: bytes, status: int, code: str
) -> None:
    fields = Fields([(b"sec-websocket-version", version)])
    with pytest.raises(HandshakeError, match=code):
        handshake.check_extended(protocol, fields, status=status, response=Fields())


@pytest.mark.parametrize(
    ("value", "named"),
    [(b"websocket", True), (b"h2c, WebSocket", True), (b"websockets", False), (b"", False), (None, False)],
)
def test_an_upgrade_names_websocket_by_its_token(value: bytes | None, named: bool) -> None:
    assert handshake.names_websocket(value) is named
