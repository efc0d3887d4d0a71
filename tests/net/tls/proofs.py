"""Certificates with timestamps, and stapled answers about them, made for a test."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
    ObjectIdentifier,
)

from tests.net.tls.support import NOW, Identity, issue

LOG = bytes(range(32))
EMBEDDED = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
IN_OCSP = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.5")


def vector(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data


def timestamps(count: int, oid: ObjectIdentifier, *, when: datetime = NOW) -> x509.UnrecognizedExtension:
    """Return an extension with `count` timestamps (RFC 6962 section 3.3)."""
    milliseconds = int(when.timestamp() * 1000).to_bytes(8)
    one = b"\0" + LOG + milliseconds + vector(b"") + b"\x04\x03" + vector(b"signature")
    listed = vector(vector(one) * count)
    size = len(listed)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)
    return x509.UnrecognizedExtension(oid, b"\x04" + length + listed)


def proven(
    issuer: Identity, *, count: int = 2, must_staple: bool = False, name: str = "localhost"
) -> Identity:
    """Issue a certificate with timestamps, and with what says where revocation is asked for."""
    plain = issue(name, issuer=issuer)
    builder = (
        x509.CertificateBuilder()
        .subject_name(plain.certificate.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(plain.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=60))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.OCSP,
                        x509.UniformResourceIdentifier("http://ocsp.example/"),
                    )
                ]
            ),
            critical=False,
        )
        .add_extension(
            x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint(
                        [x509.UniformResourceIdentifier("http://crl.example/1.crl")], None, None, None
                    )
                ]
            ),
            critical=False,
        )
    )
    if count:
        builder = builder.add_extension(timestamps(count, EMBEDDED), critical=False)
    if must_staple:
        builder = builder.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
    certificate = builder.sign(issuer.key, hashes.SHA256())
    return Identity(certificate, plain.key, (issuer.certificate,))


def delegate(issuer: Identity, *, may: bool = True) -> Identity:
    """Issue a responder's certificate."""
    plain = issue("responder")
    usage = ExtendedKeyUsageOID.OCSP_SIGNING if may else ExtendedKeyUsageOID.SERVER_AUTH
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "responder")]))
        .issuer_name(issuer.certificate.subject)
        .public_key(plain.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=60))
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return Identity(certificate, plain.key)


def staple(
    about: Identity,
    issuer: Identity,
    *,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    signer: Identity | None = None,
    days: int = 3,
) -> bytes:
    """Return an answer about a certificate, in DER."""
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about.certificate,
        issuer=issuer.certificate,
        algorithm=hashes.SHA256(),
        cert_status=status,
        this_update=NOW - timedelta(days=4),
        next_update=NOW + timedelta(days=days),
        revocation_time=NOW - timedelta(days=1) if revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
    )
    by = signer or issuer
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    if signer is not None:
        builder = builder.certificates([signer.certificate])
    return builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
