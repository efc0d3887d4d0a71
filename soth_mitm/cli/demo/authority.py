"""A certificate authority that lives as long as the stage, for the origins of the demo."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from soth_mitm.cli.demo.http2 import ALPN

_DAY = timedelta(days=1)


class Authority:
    """A root of trust for the stage's own sites.

    Its files go to `directory`, which the caller removes; the root's key is never written. All
    sites share one key.
    """

    def __init__(self, directory: Path, *, now: datetime) -> None:
        self._directory = directory
        self._now = now
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._site_key = ec.generate_private_key(ec.SECP256R1())
        self._root = self._make_root()
        self.roots = directory / "roots.pem"
        """The root, as a file that an `upstream_roots` setting can name."""
        self.roots.write_bytes(self._root.public_bytes(serialization.Encoding.PEM))

    def server_context(self, *, sites: tuple[str, ...], expired: tuple[str, ...] = ()) -> ssl.SSLContext:
        """Return a context that shows each client the certificate of the site it names (RFC 6066 section 3).

        A client that names none, or another, sees that of the first site. The certificates of
        `expired` ran out a month ago.
        """
        contexts = {site: self._context(site) for site in sites}
        contexts |= {site: self._context(site, age=120 * _DAY) for site in expired}

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            named = contexts.get(name or "")
            if named is not None:
                connection.context = named

        front = contexts[sites[0]]
        front.sni_callback = choose
        return front

    def _context(self, site: str, *, age: timedelta = _DAY) -> ssl.SSLContext:
        certificate = self._make_leaf(site, begins=self._now - age)
        file = self._directory / f"{site}.pem"
        key = self._site_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.touch(mode=0o600)
        file.write_bytes(key + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.set_alpn_protocols([ALPN, "http/1.1"])
        return context

    def _make_root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Demo Stage Root")])
        key = self._root_key.public_key()
        return (
            self._builder(name, key, begins=self._now - 365 * _DAY, days=400)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .sign(self._root_key, hashes.SHA256())
        )

    def _make_leaf(self, site: str, *, begins: datetime) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, site)])
        root = self._root_key.public_key()
        return (
            self._builder(name, self._site_key.public_key(), begins=begins, days=90)
            .issuer_name(self._root.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(site)]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root), critical=False)
            .sign(self._root_key, hashes.SHA256())
        )

    @staticmethod
    def _builder(
        name: x509.Name, key: ec.EllipticCurvePublicKey, *, begins: datetime, days: int
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + days * _DAY)
        )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
