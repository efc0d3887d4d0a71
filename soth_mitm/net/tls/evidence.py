"""What a certificate and a stapled answer prove: revocation (OCSP, RFC 6960) and transparency (RFC 6962).

Reading only: no connection, no log and no responder is asked. Texts of strangers are printable.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID

from soth_mitm.text import printable

MOST = 20
"""Most timestamps and addresses read of one certificate; three or four are usual."""


class Timestamp(NamedTuple):
    """A log's promise that it has, or soon will have, the certificate (an SCT)."""

    log: str
    """The beginning of the log's id, in hexadecimal."""
    when: datetime
    """UTC."""
    source: str
    """`certificate` or `OCSP staple`; those in the TLS extension cannot be read here."""


class Staple(NamedTuple):
    """A stapled OCSP response, as far as it can be read."""

    status: str
    """`good`, `revoked`, `unknown`, or `unusable`."""
    detail: str = ""
    """Why it is unusable, or since when and why the certificate is revoked."""
    this_update: datetime | None = None
    """UTC."""
    next_update: datetime | None = None
    timestamps: tuple[Timestamp, ...] = ()


class Evidence(NamedTuple):
    """What one certificate says about revocation and transparency."""

    timestamps: tuple[Timestamp, ...]
    must_staple: bool
    ocsp_urls: tuple[str, ...]
    crl_urls: tuple[str, ...]


def read_certificate(der: bytes) -> Evidence:
    """Read the evidence in a certificate. Raises `ValueError` where it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    return Evidence(
        _embedded(extensions),
        _must_staple(extensions),
        _ocsp_urls(extensions),
        _crl_urls(extensions),
    )


def _embedded(extensions: x509.Extensions) -> tuple[Timestamp, ...]:
    kind = x509.PrecertificateSignedCertificateTimestamps
    try:
        found = extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(Timestamp(sct.log_id.hex()[:16], sct.timestamp, "certificate") for sct in list(found)[:MOST])


def _must_staple(extensions: x509.Extensions) -> bool:
    try:
        features = extensions.get_extension_for_class(x509.TLSFeature).value
    except x509.ExtensionNotFound:
        return False
    return x509.TLSFeatureType.status_request in features


def _ocsp_urls(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        access = extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    except x509.ExtensionNotFound:
        return ()
    assert isinstance(access, x509.AuthorityInformationAccess)
    return tuple(
        printable(str(each.access_location.value), 200)
        for each in list(access)[:MOST]
        if each.access_method == AuthorityInformationAccessOID.OCSP
    )


def _crl_urls(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        printable(str(name.value), 200) for point in list(points)[:MOST] for name in point.full_name or ()
    )


def read_staple(der: bytes, certificate_der: bytes, issuer_der: bytes | None) -> Staple:
    """Read a stapled response, and check that it is about the certificate and signed by its issuer's side.

    Its signature is checked against the issuer, or a responder that the issuer has named; without the
    issuer it is told as unchecked. Never raises.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            response = ocsp.load_der_ocsp_response(der)
            if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                return Staple("unusable", f"the responder answered {response.response_status.name.lower()}")
            certificate = x509.load_der_x509_certificate(certificate_der)
            issuer = x509.load_der_x509_certificate(issuer_der) if issuer_der else None
            return _judged(response, certificate, issuer)
    except (ValueError, TypeError, StopIteration) as error:
        return Staple("unusable", printable(f"it cannot be read: {error}", 200))


def _judged(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate | None
) -> Staple:
    single = next((one for one in response.responses if one.serial_number == certificate.serial_number), None)
    if single is None:
        return Staple("unusable", "it is about another certificate")
    fault = _unsigned(response, issuer)
    if fault:
        return Staple("unusable", fault)
    detail = "" if issuer is not None else "its signature was not checked: the server sent no issuer"
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        since, why = single.revocation_time_utc, single.revocation_reason
        words = f" ({why.value})" if why is not None else ""
        detail = f"since {since:%Y-%m-%d}{words}" if since is not None else words.strip()
    return Staple(
        single.certificate_status.name.lower(),
        detail,
        single.this_update_utc,
        single.next_update_utc,
        _stapled_timestamps(response),
    )


def _unsigned(response: ocsp.OCSPResponse, issuer: x509.Certificate | None) -> str:
    """Return what is wrong with the signature; nothing where it holds, or there is no issuer to ask."""
    if issuer is None:
        return ""
    signers = [issuer]
    for delegate in response.certificates:
        try:
            delegate.verify_directly_issued_by(issuer)
            usages = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except Exception:  # noqa: S112 - whatever is wrong with a delegate, it is none
            continue
        if ExtendedKeyUsageOID.OCSP_SIGNING in usages:
            signers.append(delegate)
    if any(_signed_by(response, signer) for signer in signers):
        return ""
    return "it is not signed by the issuer of the certificate, nor by a responder that the issuer has named"


def _signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key, how = signer.public_key(), response.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey) and how is not None:
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), how)
        elif isinstance(key, ec.EllipticCurvePublicKey) and how is not None:
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(how))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _stapled_timestamps(response: ocsp.OCSPResponse) -> tuple[Timestamp, ...]:
    try:
        found = response.single_extensions.get_extension_for_class(x509.SignedCertificateTimestamps).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(Timestamp(sct.log_id.hex()[:16], sct.timestamp, "OCSP staple") for sct in list(found)[:MOST])


def issuer_of(certificate_der: bytes, others: tuple[bytes, ...]) -> bytes | None:
    """Return which of the other certificates has issued the first; None where none has."""
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
    except ValueError:
        return None
    for der in others:
        try:
            certificate.verify_directly_issued_by(x509.load_der_x509_certificate(der))
        except Exception:  # noqa: S112 - one that cannot be read or did not issue it is passed over
            continue
        return der
    return None
