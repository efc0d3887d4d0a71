"""The peer's chain, and what a certificate says."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.chain import CertificateError, describe_certificate, peer_chain
from soth_mitm.net.tls.upstream import UpstreamTls
from tests.net.tls.conftest import Run
from tests.net.tls.support import HOST, NOW, Identity, Watcher, drain, issue, peer, server_context, tcp_pair


def test_the_chain_comes_leaf_first_on_every_loop(run: Run[Any], root: Identity, tmp_path: Path) -> None:
    middle = issue("Middle", ca=True, issuer=root)
    leaf = issue("localhost", issuer=middle, send_issuer=True)
    context = server_context(leaf, tmp_path)

    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as wrapped:
            drain(wrapped)

    async def scenario() -> tuple[bytes, ...]:
        ours, theirs = tcp_pair()
        async with peer(serve, theirs):
            transport, watcher = await asyncio.get_running_loop().create_connection(
                Watcher, sock=ours, ssl=UpstreamTls().context(verify=False), server_hostname="localhost"
            )
            chain = peer_chain(transport.get_extra_info("ssl_object"))
            transport.close()
            await asyncio.wait_for(watcher.lost, 10)
        return chain

    assert run(scenario()) == (leaf.der, middle.der)


def test_a_resumed_connection_knows_the_leaf_alone(run: Run[Any], root: Identity, tmp_path: Path) -> None:
    leaf = issue("localhost", issuer=root, send_issuer=True)
    context = server_context(leaf, tmp_path)
    tls = UpstreamTls()

    async def scenario() -> list[tuple[bytes, ...]]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Greeter, HOST, 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        chains = []
        for _ in range(2):
            with tls.resuming("localhost", port, verify=False):
                transport, watcher = await loop.create_connection(
                    Watcher, HOST, port, ssl=tls.context(verify=False), server_hostname="localhost"
                )
            await asyncio.wait_for(watcher.got_data.wait(), 10)
            ssl_object = transport.get_extra_info("ssl_object")
            tls.remember(ssl_object)
            chains.append(peer_chain(ssl_object))
            transport.close()
            await asyncio.wait_for(watcher.lost, 10)
        server.close()
        return chains

    assert run(scenario()) == [(leaf.der, root.der), (leaf.der,)]


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"hello")  # type: ignore[attr-defined]


def test_before_the_handshake_and_from_a_client_there_is_no_chain(tmp_path: Path) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost"
    )
    assert peer_chain(client) == ()
    server = server_context(issue("localhost"), tmp_path).wrap_bio(
        ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True
    )
    assert peer_chain(server) == ()


def test_the_public_method_of_newer_pythons_is_used_where_there_is_one() -> None:
    class Newer:
        def get_unverified_chain(self) -> list[bytes]:
            return [b"leaf", b"issuer"]

    assert peer_chain(Newer()) == (b"leaf", b"issuer")  # type: ignore[arg-type]


def test_the_facts_of_a_certificate(root: Identity) -> None:
    identity = issue("site.test", issuer=root)
    facts = describe_certificate(identity.der)
    digest = hashlib.sha256(identity.der).hexdigest().upper()
    assert facts.subject == "CN=site.test"
    assert facts.issuer == "CN=Test Root"
    assert facts.sans == ("site.test",)
    assert facts.not_after - facts.not_before == 31 * 86_400
    assert facts.serial == f"{identity.certificate.serial_number:X}"
    assert facts.key == "EC P-256"
    assert facts.signature_algorithm == "ecdsa-with-SHA256"
    assert facts.fingerprint_sha256.replace(":", "") == digest


def test_the_facts_of_the_ca_match_what_it_says_of_itself(ca: CertificateAuthority) -> None:
    facts = describe_certificate(ca.certificate_der)
    assert facts.fingerprint_sha256 == ca.fingerprint_sha256
    assert facts.key == ca.key_description
    assert facts.subject == ca.subject
    assert facts.sans == ()


def test_an_address_is_a_name_too() -> None:
    assert describe_certificate(issue("127.0.0.1").der).sans == ("127.0.0.1",)


@pytest.mark.parametrize(
    ("key", "description", "algorithm"),
    [
        (
            rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "RSA 2048",
            "sha256WithRSAEncryption",
        ),
        (ec.generate_private_key(ec.SECP384R1()), "EC P-384", "ecdsa-with-SHA256"),
        (ec.generate_private_key(ec.SECP256K1()), "EC secp256k1", "ecdsa-with-SHA256"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", "Ed25519"),
    ],
)
def test_keys_and_signatures_have_names(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    description: str,
    algorithm: str,
) -> None:
    facts = describe_certificate(certificate(key, "x"))
    assert (facts.key, facts.signature_algorithm) == (description, algorithm)


def test_a_hostile_subject_comes_out_printable_and_short() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    facts = describe_certificate(certificate(key, "\x1b]52;c;x\x07\u202eevil"))
    assert facts.subject.isascii()
    assert "\x1b" not in facts.subject
    assert "\\x1b" in facts.subject


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, name: str
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, algorithm)
    )
    return signed.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x82\xff\xff", b"x" * 1000])
def test_what_is_no_certificate_is_an_error_of_its_own(der: bytes) -> None:
    with pytest.raises(CertificateError, match=f"certificate of {len(der)} bytes cannot be read"):
        describe_certificate(der)


BASE = issue("fuzz.test").der


@given(st.integers(0, len(BASE) - 1), st.integers(1, 255))
def test_a_damaged_certificate_is_read_or_refused_and_nothing_else(position: int, change: int) -> None:
    damaged = bytearray(BASE)
    damaged[position] ^= change
    try:
        facts = describe_certificate(bytes(damaged))
    except CertificateError:
        return
    assert facts.fingerprint_sha256 != describe_certificate(BASE).fingerprint_sha256
