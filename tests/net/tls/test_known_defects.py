"""Faults that proxies of this kind have had in TLS, each held off by a test of its name."""

from __future__ import annotations

import hashlib
import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from soth_mitm.model.events import ConnClosed, FlowClosed, Noted, TlsFailed
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.mint import CA_YEARS
from soth_mitm.net.tls.rotation import rotate
from tests.helpers.net import Lab
from tests.helpers.wire import eventually
from tests.net.tls.support import client_hello

SOON = {"tls_timeout": 0.2, "peek_timeout": 0.2}


@pytest.mark.parametrize("sent", ["half a hello", "a hello and nothing more"])
async def test_a_client_that_dawdles_in_its_handshake_is_not_waited_for(lab: Lab, sent: str) -> None:
    """A slow-loris on TLS held a connection until the idle watchdog, for ten minutes or more."""
    await lab.start(limits=SOON)
    origin = await lab.origin(tls=True)
    client = await lab.inside(await lab.connect(origin.port))
    hello = client_hello()
    client.send(hello[:40] if sent == "half a hello" else hello)
    if sent == "half a hello":  # what does not become one in time passes through, and the origin decides
        await lab.told(Noted)
        client.close()
    await eventually(lambda: len(lab.all(ConnClosed)) == 2, "the end of both conns")
    assert len(lab.all(FlowClosed)) == 1


async def test_an_upstream_that_dawdles_in_its_handshake_is_not_waited_for(lab: Lab) -> None:
    """The same on the other side: an upstream that accepts and says nothing."""
    await lab.start(limits=SOON)
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    client = await lab.inside(sock, context=lab.client_context())
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")
    assert {each.failure.reason for each in lab.all(TlsFailed)} == {"handshake_timeout"}


def test_the_fingerprint_of_the_ca_is_one(tmp_path: Path) -> None:
    """It was the first bytes of the PEM text and a length."""
    ca = CertificateAuthority.load_or_create(tmp_path / "conf")
    der = ssl.PEM_cert_to_DER_cert(ca.certificate_path.read_text())
    assert ca.fingerprint_sha256.replace(":", "").lower() == hashlib.sha256(der).hexdigest()


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_the_key_of_a_rotated_ca_is_private_and_its_validity_explicit(tmp_path: Path) -> None:
    """The key's mode was not tightened again, and the validity was the library's default."""
    confdir = tmp_path / "conf"
    CertificateAuthority.load_or_create(confdir)
    before = os.umask(0)
    try:
        ca = rotate(confdir).ca
    finally:
        os.umask(before)
    assert stat.S_IMODE(ca.key_path.stat().st_mode) == 0o600
    made = x509.load_pem_x509_certificate(ca.certificate_path.read_bytes())
    ends = datetime.now(UTC) + timedelta(days=CA_YEARS * 365.25)
    assert abs(made.not_valid_after_utc - ends) < timedelta(days=2)
    assert made.not_valid_before_utc < datetime.now(UTC) - timedelta(days=1)
