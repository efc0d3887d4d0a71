"""Whether a certificate names a host, where OpenSSL is not asked."""

from __future__ import annotations

import ssl

import pytest

from soth_mitm.net.tls.failure import classify_upstream
from soth_mitm.net.tls.hostnames import check


def certificate(*names: str, addresses: tuple[str, ...] = ()) -> dict[str, object]:
    named = (*(("DNS", name) for name in names), *(("IP Address", each) for each in addresses))
    return {"subject": ((("commonName", "common.test"),),), "subjectAltName": named}


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("a.test", "a.test"),
        ("A.Test.", "a.TEST"),
        ("a.test", "a.test."),
        ("*.a.test", "b.a.test"),
        ("xn--bcher-kva.test", "bücher.test"),
    ],
)
def test_a_name_that_covers_the_host_is_right(name: str, host: str) -> None:
    check(certificate("other.test", name), host)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("a.test", "b.test"),
        ("*.a.test", "a.test"),
        ("*.a.test", "c.b.a.test"),
        ("*.test", "a.test"),
        ("*", "a.test"),
        ("a*.a.test", "ab.a.test"),
        ("127.0.0.1", "127.0.0.1"),
        ("common.test", ""),
    ],
)
def test_a_name_that_does_not_is_a_mismatch(name: str, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        check(certificate(name), host)
    wanted = "ip_mismatch" if host == "127.0.0.1" else "hostname_mismatch"
    assert classify_upstream(raised.value, host=host, port=443).reason == wanted


def test_the_common_name_does_not_count() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        check(certificate("a.test"), "common.test")


def test_addresses_are_compared_as_addresses() -> None:
    named = certificate(addresses=("127.0.0.1", "2001:DB8:0:0:0:0:0:1"))
    check(named, "127.0.0.1")
    check(named, "[2001:db8::1]")
    with pytest.raises(ssl.SSLCertVerificationError):
        check(named, "127.0.0.2")
