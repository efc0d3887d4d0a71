"""Which names a certificate can hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.net.tls.names import MAX_NAME, normalise


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com", "example.com"),
        ("example.com.", "example.com"),
        ("localhost", "localhost"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_gets_the_form_that_certificates_use(host: str, expected: str) -> None:
    assert normalise(host) == expected


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        "*.example.com",
        "a b",
        "a\x00b",
        "a\nb",
        "-a",
        "a" * 64,
        "a.b/c",
        "ü" * 200,
        "a@b",
        "\ud800",
    ],
)
def test_what_no_certificate_can_name_is_none(host: str) -> None:
    assert normalise(host) is None


def test_a_name_longer_than_dns_allows_is_none() -> None:
    assert normalise(".".join(["a" * 60] * 5)) is None


@given(st.text(max_size=300))
def test_whatever_comes_the_result_is_short_ascii_and_stable(host: str) -> None:
    result = normalise(host)
    if result is not None:
        assert result.isascii()
        assert 0 < len(result) <= MAX_NAME
        assert normalise(result) == result
