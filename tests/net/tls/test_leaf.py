"""Leaf certificates and their cache."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from soth_mitm.clock import ManualClock
from soth_mitm.errors import SothError
from soth_mitm.net.tls import leaf as leaf_module
from soth_mitm.net.tls.ca import CertificateAuthority
from soth_mitm.net.tls.chain import peer_chain
from soth_mitm.net.tls.leaf import Leaf, LeafCache, LeafError


@contextlib.contextmanager
def connected(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    """Do a handshake over a socket pair, read what the server has to say, and yield the client."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with server.wrap_socket(ours, server_side=True) as wrapped:
            wrapped.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(theirs, server_hostname=name, session=session) as wrapped:
        assert wrapped.recv(1) == b"x"
        yield wrapped
    thread.join(10)


def trusting(ca: CertificateAuthority, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    client = ssl.create_default_context(cadata=ca.certificate_der)
    # The strictest reading of RFC 5280 that OpenSSL has, Python's default from 3.13 on.
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    if alpn:
        client.set_alpn_protocols(list(alpn))
    return client


def served(ca: CertificateAuthority, leaf: Leaf, name: str) -> x509.Certificate:
    """Return the certificate that a verifying client gets to see."""
    with connected(leaf.context, trusting(ca), name) as client:
        der = client.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", "::1", "a.b.c.example", "localhost"])
def test_a_strict_client_that_trusts_the_ca_accepts_the_leaf(
    ca: CertificateAuthority, leaves: LeafCache, host: str
) -> None:
    leaf = leaves.context_for(host)
    assert leaf.sans == (host,)
    served(ca, leaf, host)


def test_the_certificate_says_what_a_leaf_must_say(ca: CertificateAuthority, leaves: LeafCache) -> None:
    leaf = leaves.context_for("example.com")
    certificate = served(ca, leaf, "example.com")
    extensions = certificate.extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    key_usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert key_usage.digital_signature
    assert not key_usage.key_cert_sign
    authority = x509.load_der_x509_certificate(ca.certificate_der)
    ca_key_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    leaf_issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert leaf_issuer.key_identifier == ca_key_id.digest
    extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=199)
    assert certificate.serial_number.bit_length() == 128
    assert leaf.not_after == certificate.not_valid_after_utc


def test_the_leaf_key_is_shared_by_all_leaves_and_is_not_the_cas(
    ca: CertificateAuthority, leaves: LeafCache
) -> None:
    first = served(ca, leaves.context_for("a.example"), "a.example").public_key()
    second = served(ca, leaves.context_for("b.example"), "b.example").public_key()
    authority = x509.load_der_x509_certificate(ca.certificate_der).public_key()
    assert isinstance(first, ec.EllipticCurvePublicKey)
    assert first == second
    assert first != authority


def test_two_caches_have_two_keys(ca: CertificateAuthority) -> None:
    first = served(ca, LeafCache(ca).context_for("a.example"), "a.example").public_key()
    second = served(ca, LeafCache(ca).context_for("a.example"), "a.example").public_key()
    assert first != second


def test_sni_and_host_are_both_named_when_they_differ(ca: CertificateAuthority, leaves: LeafCache) -> None:
    leaf = leaves.context_for("10.0.0.1", sni="Example.com")
    assert leaf.sans == ("10.0.0.1", "example.com")
    served(ca, leaf, "example.com")
    served(ca, leaf, "10.0.0.1")


@pytest.mark.parametrize("sni", ["example.com", "EXAMPLE.com.", "", "*.com", "a b", None])
def test_an_sni_that_adds_nothing_or_names_nothing_is_left_out(leaves: LeafCache, sni: str | None) -> None:
    assert leaves.context_for("example.com", sni=sni).sans == ("example.com",)


def test_a_long_host_has_no_common_name_and_still_verifies(
    ca: CertificateAuthority, leaves: LeafCache
) -> None:
    host = "a" * 40 + "." + "b" * 40 + ".example"
    certificate = served(ca, leaves.context_for(host), host)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) == []
    assert certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)


def test_an_international_name_becomes_a_labels(ca: CertificateAuthority, leaves: LeafCache) -> None:
    leaf = leaves.context_for("bücher.example")
    assert leaf.sans == ("xn--bcher-kva.example",)
    served(ca, leaf, "xn--bcher-kva.example")


@pytest.mark.parametrize("host", ["", "a b", "*.example.com", "\x1b[2J"])
def test_a_host_that_no_certificate_can_name_is_an_error_for_people(leaves: LeafCache, host: str) -> None:
    with pytest.raises(LeafError, match="no certificate can name") as caught:
        leaves.context_for(host)
    assert isinstance(caught.value, SothError)
    assert str(caught.value).isprintable()


def test_the_second_ask_is_a_hit_on_the_same_context(leaves: LeafCache) -> None:
    first = leaves.context_for("example.com", sni="example.com")
    second = leaves.context_for("example.com", sni="example.com")
    assert (first.cached, second.cached) == (False, True)
    assert first.context is second.context
    assert first.fingerprint_sha256 == second.fingerprint_sha256
    assert (leaves.stats.hits, leaves.stats.misses) == (1, 1)


def test_each_alpn_offer_has_a_context_of_its_own(ca: CertificateAuthority, leaves: LeafCache) -> None:
    one = leaves.context_for("example.com", alpn=("http/1.1",))
    both = leaves.context_for("example.com", alpn=("h2", "http/1.1"))
    none = leaves.context_for("example.com", alpn=())
    assert len({id(leaf.context) for leaf in (one, both, none)}) == 3
    client = trusting(ca, ("h2", "http/1.1"))
    chosen = []
    for leaf in (one, both, none):
        with connected(leaf.context, client, "example.com") as wrapped:
            chosen.append(wrapped.selected_alpn_protocol())
    assert chosen == ["http/1.1", "h2", None]


def test_the_least_recently_used_context_goes_first(ca: CertificateAuthority) -> None:
    leaves = LeafCache(ca, capacity=2)
    leaves.context_for("a.example")
    leaves.context_for("b.example")
    leaves.context_for("a.example")
    leaves.context_for("c.example")
    assert leaves.context_for("a.example").cached
    assert not leaves.context_for("b.example").cached
    assert leaves.stats.evicted == 2
    assert len(leaves) == 2


def test_a_leaf_near_its_end_is_minted_anew(ca: CertificateAuthority) -> None:
    clock = ManualClock()
    clock.advance(ca.not_before.timestamp() + 3 * 86_400 - clock.wall_ns() / 1e9)
    leaves = LeafCache(ca, clock=clock)
    first = leaves.context_for("example.com")
    clock.advance(195 * 86_400)
    assert leaves.context_for("example.com").cached
    clock.advance(1.5 * 86_400)
    renewed = leaves.context_for("example.com")
    assert not renewed.cached
    assert renewed.not_after > first.not_after
    assert len(leaves) == 1


def test_a_leaf_never_outlives_its_ca(ca: CertificateAuthority) -> None:
    clock = ManualClock()
    clock.advance(ca.not_after.timestamp() - 10 * 86_400 - clock.wall_ns() / 1e9)
    assert LeafCache(ca, clock=clock).context_for("example.com").not_after == ca.not_after


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_resumes_its_session(
    ca: CertificateAuthority, leaves: LeafCache, version: ssl.TLSVersion
) -> None:
    client = trusting(ca)
    client.maximum_version = version
    with connected(leaves.context_for("example.com").context, client, "example.com") as wrapped:
        assert not wrapped.session_reused
        session = wrapped.session
    with connected(leaves.context_for("example.com").context, client, "example.com", session) as wrapped:
        assert wrapped.session_reused


def test_old_versions_are_not_spoken(leaves: LeafCache) -> None:
    assert leaves.context_for("example.com").context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_chain_holds_leaf_and_ca(ca: CertificateAuthority, leaves: LeafCache) -> None:
    with connected(leaves.context_for("example.com").context, trusting(ca), "example.com") as client:
        chain = peer_chain(client)
    assert chain[1:] == (ca.certificate_der,)


class TestLoadingFromMemory:
    @pytest.fixture
    def pem(self, ca: CertificateAuthority) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return secret + ca.sign_leaf("example.com", key.public_key())

    def test_the_portable_way_works_and_leaves_nothing_behind(
        self, pem: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        seen: list[tuple[int, int]] = []

        class Context(ssl.SSLContext):
            def load_cert_chain(self, certfile: Path, *args: object, **kwargs: object) -> None:  # type: ignore[override]
                seen.append((certfile.stat().st_mode & 0o777, certfile.parent.stat().st_mode & 0o777))
                super().load_cert_chain(certfile)

        leaf_module.load_chain(Context(ssl.PROTOCOL_TLS_SERVER), pem)
        if os.name == "posix":
            assert seen == [(0o600, 0o700)]
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_load_leaves_nothing_behind_either(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with pytest.raises(ssl.SSLError):
            leaf_module.load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), b"no PEM")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory files here")
    def test_where_proc_is_not_mounted_the_portable_way_is_taken(
        self, pem: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded: list[str] = []

        class Context(ssl.SSLContext):
            def load_cert_chain(self, certfile: str | Path, *args: object, **kwargs: object) -> None:  # type: ignore[override]
                loaded.append(str(certfile))
                if str(certfile).startswith("/proc"):
                    raise FileNotFoundError(certfile)
                super().load_cert_chain(certfile)

        leaf_module.load_chain(Context(ssl.PROTOCOL_TLS_SERVER), pem)
        assert [path.startswith("/proc") for path in loaded] == [True, False]

    @pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory files here")
    def test_the_memory_file_is_closed_and_nothing_touches_the_disk(
        self, pem: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_disk(*_args: object, **_kwargs: object) -> None:
            raise AssertionError("a temporary directory was made")

        monkeypatch.setattr(tempfile, "TemporaryDirectory", no_disk)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            leaf_module.load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pem)
        assert len(os.listdir("/proc/self/fd")) == before
