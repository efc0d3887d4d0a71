"""The peer's certificates: taken from a connection as DER, and read for a viewer.

The only place that knows the private API which `ssl` had for the chain before Python 3.13.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from soth_mitm.model.tls import CertificateFacts
from soth_mitm.text import printable

if TYPE_CHECKING:
    from cryptography import x509

MAX_NAMES = 1000
"""Most subject alternative names read from one certificate; shared hosting has some hundred."""

MAX_TEXT = 1024
"""Most characters kept of a subject, an issuer or a name."""


class CertificateError(ValueError):
    """The bytes are no certificate that can be read."""


class _PrivateCertificate(Protocol):
    def public_bytes(self, format: int = ..., /) -> bytes | str: ...  # noqa: A002 - the C function's name


_ENCODING_DER = 2
"""`_ssl.ENCODING_DER`, the same number in every version that has the private API."""


def peer_chain(ssl_object: ssl.SSLObject | ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the certificates that the peer sent, in DER, leaf first, unverified.

    Empty before the handshake and where the peer sent none (a client, usually). A resumed handshake
    carries no certificates: then only the leaf comes back, from the session.
    """
    # 3.13 made the method public and has it return bytes; before, it sits on the inner object.
    inner = ssl_object if hasattr(ssl_object, "get_unverified_chain") else ssl_object._sslobj  # type: ignore[union-attr]
    chain: list[bytes | _PrivateCertificate | None] | None = None
    if inner is not None:
        chain = inner.get_unverified_chain()
    if chain:
        # Of a client that was asked and has shown none, Python has a list with nothing in it.
        return tuple(_der(certificate) for certificate in chain if certificate is not None)
    try:
        leaf = ssl_object.getpeercert(binary_form=True)
    except ValueError:  # the handshake is not done
        leaf = None
    return (leaf,) if leaf else ()


def _der(certificate: bytes | _PrivateCertificate) -> bytes:
    if isinstance(certificate, bytes):
        return certificate
    der = certificate.public_bytes(_ENCODING_DER)
    return der if isinstance(der, bytes) else ssl.PEM_cert_to_DER_cert(der)


def describe_certificate(der: bytes) -> CertificateFacts:
    """Read a certificate for a viewer. Raises `CertificateError` where it cannot be read.

    The certificate is a stranger's: every text is made printable and cut to a length.
    """
    import warnings

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        with warnings.catch_warnings():
            # Serials of zero, negative ones and other slips that exist in the wild.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            return CertificateFacts(
                subject=printable(certificate.subject.rfc4514_string(), MAX_TEXT),
                issuer=printable(certificate.issuer.rfc4514_string(), MAX_TEXT),
                sans=_sans(certificate),
                not_before=int(certificate.not_valid_before_utc.timestamp()),
                not_after=int(certificate.not_valid_after_utc.timestamp()),
                serial=f"{certificate.serial_number:X}",
                key=_key(certificate),
                signature_algorithm=_algorithm(certificate),
                fingerprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
            )
    except (ValueError, TypeError) as error:
        raise CertificateError(f"certificate of {len(der)} bytes cannot be read: {error}") from error


def _sans(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names and addresses; a certificate whose extensions are broken has none."""
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    wanted = [name for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]
    return tuple(printable(str(name.value), MAX_TEXT) for name in wanted[:MAX_NAMES])


def _key(certificate: x509.Certificate) -> str:
    """Return kind and size of the public key; the OID where this build cannot read the key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return certificate.public_key_algorithm_oid.dotted_string
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, f"EC {key.curve.name}")
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    return "Ed448" if isinstance(key, ed448.Ed448PublicKey) else type(key).__name__.removesuffix("PublicKey")


_CURVES = {"secp256r1": "EC P-256", "secp384r1": "EC P-384", "secp521r1": "EC P-521"}


def _algorithm(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import SignatureAlgorithmOID as Oid

    names = {
        Oid.RSA_WITH_SHA1: "sha1WithRSAEncryption",
        Oid.RSA_WITH_SHA256: "sha256WithRSAEncryption",
        Oid.RSA_WITH_SHA384: "sha384WithRSAEncryption",
        Oid.RSA_WITH_SHA512: "sha512WithRSAEncryption",
        Oid.RSASSA_PSS: "RSASSA-PSS",
        Oid.ECDSA_WITH_SHA256: "ecdsa-with-SHA256",
        Oid.ECDSA_WITH_SHA384: "ecdsa-with-SHA384",
        Oid.ECDSA_WITH_SHA512: "ecdsa-with-SHA512",
        Oid.ED25519: "Ed25519",
        Oid.ED448: "Ed448",
    }
    oid = certificate.signature_algorithm_oid
    return names.get(oid, oid.dotted_string)
