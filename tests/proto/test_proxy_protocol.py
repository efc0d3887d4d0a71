"""PROXY headers of both versions: who is named, what is refused, and that cuts make no difference."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.proto.proxy_protocol import MOST, ProxyHeader, ProxyHeaderError, needs, parse

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1 = b"PROXY TCP4 203.0.113.7 198.51.100.9 50112 443\r\n"


def v2(family: int, payload: bytes, *, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(payload).to_bytes(2, "big") + payload


def four(client: str, server: str) -> bytes:
    packed = ipaddress.ip_address(client).packed + ipaddress.ip_address(server).packed
    return packed + (50112).to_bytes(2, "big") + (443).to_bytes(2, "big")


@pytest.mark.parametrize(
    ("header", "client", "destination"),
    [
        (V1, "203.0.113.7:50112", "198.51.100.9:443"),
        (b"PROXY TCP6 2001:DB8::7 2001:db8::9 1 2\r\n", "[2001:db8::7]:1", "[2001:db8::9]:2"),
        (v2(0x11, four("203.0.113.7", "198.51.100.9")), "203.0.113.7:50112", "198.51.100.9:443"),
        (v2(0x21, four("2001:db8::7", "::1")), "[2001:db8::7]:50112", "[::1]:443"),
        (v2(0x11, four("1.2.3.4", "5.6.7.8") + b"\x04\x00\x03tlv"), "1.2.3.4:50112", "5.6.7.8:443"),
    ],
)
def test_a_header_names_client_and_destination(header: bytes, client: str, destination: str) -> None:
    found = parse(header + b"\x16\x03\x01 what follows")
    assert (found.length, str(found.client), str(found.destination)) == (len(header), client, destination)
    assert found.version == (1 if header.startswith(b"PROXY") else 2)


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
        v2(0x00, b"", command=0x20),
        v2(0x11, four("1.2.3.4", "5.6.7.8"), command=0x20),
        v2(0x00, b""),
        v2(0x31, bytes(216)),
    ],
)
def test_a_header_may_name_nobody(header: bytes) -> None:
    version = 1 if header.startswith(b"PROXY") else 2
    assert parse(header) == ProxyHeader(version, len(header))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n", "proxy_header_missing"),
        (b"\x16\x03\x01", "proxy_header_missing"),
        (b"PROXIES", "proxy_header_missing"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "proxy_header_invalid"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "proxy_header_invalid"),
        (b"PROXY TCP4 ::1 ::2 1 2\r\n", "proxy_header_invalid"),
        (b"PROXY TCP4 1.2.3.999 5.6.7.8 1 2\r\n", "proxy_header_invalid"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n", "proxy_header_invalid"),
        (b"PROXY TCP4 " + b"1" * 200, "proxy_header_invalid"),
        (v2(0x11, b"short"), "proxy_header_invalid"),
        (v2(0x11, b"", command=0x31), "proxy_header_invalid"),
        (v2(0x11, b"", command=0x22), "proxy_header_invalid"),
        (SIGNATURE + b"\x21\x11\xff\xff", "proxy_header_too_large"),
        (V1[:20], "proxy_header_incomplete"),
    ],
)
def test_what_is_no_header_is_refused_with_its_code(data: bytes, code: str) -> None:
    with pytest.raises(ProxyHeaderError) as caught:
        parse(data)
    assert caught.value.code == code


@given(
    st.sampled_from([V1, b"PROXY UNKNOWN\r\n", v2(0x11, four("1.2.3.4", "5.6.7.8")), v2(0, b"")])
    | st.binary(max_size=64)
    | st.binary(max_size=64).map(lambda tail: b"PROXY " + tail)
    | st.binary(max_size=64).map(lambda tail: SIGNATURE + tail),
    st.binary(max_size=8),
    st.integers(1, 5),
)
@example(SIGNATURE, b"\x21\x11\x10\x01", 1)
def test_cuts_make_no_difference_and_nothing_else_is_raised(header: bytes, rest: bytes, step: int) -> None:
    data = header + rest
    seen = step
    while (found := outcome(data[:seen])) == "proxy_header_incomplete" and seen < len(data):
        assert needs(data[:seen]) <= MOST
        seen += step
    assert found == outcome(data)


def outcome(data: bytes) -> object:
    try:
        return parse(data)
    except ProxyHeaderError as error:
        return error.code
