"""The certificates that may be in a trust store: the CA's, and those of CAs that were rotated away."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from soth_mitm.net.tls.ca import CERTIFICATE_NAME
from soth_mitm.net.tls.rotation import OLD_CERTIFICATES
from soth_mitm.text import printable


class Cert(NamedTuple):
    """One certificate, with the names by which stores know it."""

    path: Path
    pem: bytes
    nickname: str
    """Its common name: what NSS lists it as."""
    short: str
    """The first 8 hex digits of its SHA-256, for a file's name."""
    sha1: str
    """By which the stores of macOS and Windows find it."""


def read(path: Path) -> Cert:
    """Read a certificate. Raises `OSError` or `ValueError`."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Cert(
        path,
        certificate.public_bytes(serialization.Encoding.PEM),
        printable(str(names[0].value), 64) if names else "soth-mitm CA",
        certificate.fingerprint(hashes.SHA256()).hex()[:8],
        certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - a name, not a proof
    )


def known(confdir: Path) -> list[Cert]:
    """Return every certificate of ours that may have been installed, the present one first."""
    found: dict[str, Cert] = {}
    for path in (confdir / CERTIFICATE_NAME, *sorted(confdir.glob(OLD_CERTIFICATES))):
        try:
            cert = read(path)
        except (OSError, ValueError):
            continue
        found.setdefault(cert.sha1, cert)
    return list(found.values())
