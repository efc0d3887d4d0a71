"""Basic credentials for the proxy: checked, and out of every recording."""

from __future__ import annotations

import base64

import pytest

from soth_mitm.proto.proxy_auth import ProxyAuthError, check, hide

AUTH = "me:pässword"
TOKEN = base64.b64encode(AUTH.encode())


def head(*fields: bytes) -> bytes:
    return b"\r\n".join([b"CONNECT a.test:443 HTTP/1.1", *fields, b"Host: a.test:443", b"", b""])


@pytest.mark.parametrize("name", [b"Proxy-Authorization: Basic ", b"proxy-authorization:basic  "])
def test_the_right_credentials_pass(name: bytes) -> None:
    check(head(name + TOKEN), AUTH)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ((), "proxy_auth_required"),
        ((b"Authorization: Basic " + TOKEN,), "proxy_auth_required"),
        ((b"Proxy-Authorization: Basic " + base64.b64encode(b"me:other"),), "proxy_auth_wrong"),
        ((b"Proxy-Authorization: Basic " + TOKEN[:-1] + b"!",), "proxy_auth_wrong"),
        ((b"Proxy-Authorization: Basic x",), "proxy_auth_wrong"),
        ((b"Proxy-Authorization: Bearer " + TOKEN,), "proxy_auth_wrong"),
        ((b"Proxy-Authorization: Basic " + TOKEN, b"Proxy-Authorization: Basic eDp5"), "proxy_auth_wrong"),
    ],
)
def test_others_are_a_407_with_a_challenge(fields: tuple[bytes, ...], code: str) -> None:
    with pytest.raises(ProxyAuthError) as caught:
        check(head(*fields), AUTH)
    assert (caught.value.code, caught.value.status) == (code, 407)
    assert caught.value.fields[0][0] == b"Proxy-Authenticate"


def test_what_is_recorded_has_no_credentials_and_is_otherwise_the_same() -> None:
    raw = head(b"A: b", b"PROXY-authorization:  Basic " + TOKEN, b"Authorization: kept")
    assert hide(raw) == head(b"A: b", b"PROXY-authorization: (hidden)", b"Authorization: kept")
    assert hide(head(b"Proxy-Authorization: a\r\n b\r\n\tc")) == head(b"Proxy-Authorization: (hidden)")
    assert (
        hide(b"GET / HTTP/1.1\nProxy-Authorization: x\n\n")
        == b"GET / HTTP/1.1\nProxy-Authorization: (hidden)\n\n"
    )
