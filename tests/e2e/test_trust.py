"""Certificates that somebody refuses: the row says who, why, and what to do; the client gets a 502."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.proxied import Proxied, curl
from tests.helpers.origins import HOST, Answer, Authority, Origin
from tests.helpers.program import running

pytestmark = pytest.mark.outside("curl")

ANSWERS = {"/": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")}
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def verifying(place: Path, authority: Authority) -> Iterator[Proxied]:
    """Run `soth-mitm --dump` that verifies upstreams, and trusts the authority of the origins."""
    home = place / "verifying"
    home.mkdir()
    config = home / "mine.toml"
    config.write_text(f'upstream_roots = "{authority.roots}"\n')
    with running("--dump", "-p", "0", "--config", config, home=home) as program:
        yield Proxied(program, home)


def context_of(leaf: trustme.LeafCert) -> ssl.SSLContext:
    """Return a server's context with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def self_signed(directory: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate that only vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "self-signed.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_client_that_does_not_trust_the_ca_is_a_row_that_says_how_it_can(
    verifying: Proxied, authority: Authority
) -> None:
    origin = Origin(ANSWERS, authority.server_context())
    got = curl("-x", verifying.url, origin.url("/"))
    assert got.code == 60, "curl refuses the certificate"
    line = verifying.line(f" {HOST}:{origin.port} ")
    assert "  tls  CONNECT " in line
    assert "does not trust" in line
    assert "soth.mitm" in line
    assert origin.requests == []
    origin.close()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("expired", "has expired"),
        ("self-signed", "is self-signed"),
        ("wrong host", "is for other names"),
        ("unknown authority", "Nothing trusted here signed"),
    ],
)
def test_an_upstream_with_a_wrong_certificate_is_a_502_that_names_the_fault(
    fault: str, says: str, verifying: Proxied, authority: Authority, place: Path
) -> None:
    contexts = {
        "expired": lambda: context_of(authority.ca.issue_cert(HOST, not_before=LONG_AGO, not_after=LONG_AGO)),
        "self-signed": lambda: self_signed(place),
        "wrong host": lambda: context_of(authority.ca.issue_cert("elsewhere.test")),
        "unknown authority": lambda: context_of(trustme.CA().issue_cert(HOST)),
    }
    origin = Origin(ANSWERS, contexts[fault]())
    got = curl("-i", *verifying.through(), origin.url(f"/?{verifying.token()}"))
    assert (got.code, got.out[:13]) == (0, b"HTTP/1.1 502 "), got
    line = verifying.line(f"{HOST}:{origin.port}")
    assert "  502  GET  " in line
    for text in (got.out.decode(), line):
        assert says in text
        assert f"{HOST}:{origin.port}" in text
        assert "look at it anyway with -k" in text
    assert origin.requests == []
    origin.close()


def test_with_insecure_the_same_upstreams_are_taken(proxied: Proxied, place: Path) -> None:
    origin = Origin(ANSWERS, self_signed(place))
    token = proxied.token()
    assert curl(*proxied.through(), origin.url(f"/?{token}")).out == b"ok"
    assert " 200 " in proxied.line(token)
    origin.close()
