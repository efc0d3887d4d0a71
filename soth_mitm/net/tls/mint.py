"""What our certificates say: the X.509 of the CA and of a leaf. Time and keys are arguments.

The profile follows RFC 5280 and what clients enforce beyond it: at most 398 days and a subject
alternative name for a leaf (Apple, Chromium), a serial of 64 random bits or more (the CA/Browser
Forum's baseline), key identifiers on both so that chains build even after a rotation.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from soth_mitm.net.tls.names import MAX_COMMON_NAME, as_address

CaKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LeafKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

CA_YEARS = 10
LEAF_DAYS = 197
BACKDATED = timedelta(days=2)
"""How far validity reaches back, for clients whose clock is behind ours."""

ORGANISATION = "soth-mitm"


def ca_certificate(key: CaKey, *, now: datetime) -> x509.Certificate:
    """Return a self-signed CA certificate that may sign leaves and nothing in between.

    Its name carries 4 random hex digits instead of the host's name: two installs can be told apart
    in a trust store, and no machine name leaks to the sites' clients.
    """
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"soth-mitm CA ({secrets.token_hex(2)})"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
        ]
    )
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(_serial())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=round(CA_YEARS * 365.25)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(key_id, critical=False)
        .sign(key, hashes.SHA256())
    )


def leaf_certificate(
    names: tuple[str, ...],
    public_key: LeafKey,
    *,
    ca: x509.Certificate,
    ca_key: CaKey,
    now: datetime,
    common_name: str = "",
) -> x509.Certificate:
    """Return a server certificate for `names` (normalised; the first is the common name if none is given).

    A name of more than 64 characters does not fit a common name; the subject is then the
    organisation alone, and clients go by the subject alternative names as they should.
    """
    subject = x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION)
    if len(common_name or names[0]) <= MAX_COMMON_NAME:
        subject = x509.NameAttribute(NameOID.COMMON_NAME, common_name or names[0])
    ca_key_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    not_after = min(now + timedelta(days=LEAF_DAYS), ca.not_valid_after_utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([subject]))
        .issuer_name(ca.subject)
        .public_key(public_key)
        .serial_number(_serial())
        .not_valid_before(max(now - BACKDATED, ca.not_valid_before_utc))
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_key_id), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _serial() -> int:
    """Return a serial of 128 bits of which 127 are random; the top bit is set, so it is never short."""
    return secrets.randbits(127) | 1 << 127


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    general: list[x509.GeneralName] = []
    for name in names:
        address = as_address(name)
        general.append(x509.DNSName(name) if address is None else x509.IPAddress(address))
    return general


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
