"""What a viewer shows of a certificate. Damaged ones are told apart, never raised."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from soth_mitm.text import SafeText, printable


class Facts(NamedTuple):
    """The facts of one certificate, safe to show."""

    subject: SafeText
    issuer: SafeText
    not_before: datetime
    not_after: datetime
    names: tuple[SafeText, ...]


@lru_cache(maxsize=64)
def facts(der: bytes) -> Facts | None:
    """Read a certificate; None where it cannot be read."""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        subject, issuer = _name(certificate.subject), _name(certificate.issuer)
        dates = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        names = _names(certificate)
    except Exception:
        return None
    return Facts(subject, issuer, *dates, names)


def _name(name: object) -> SafeText:
    from cryptography import x509

    assert isinstance(name, x509.Name)
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    organisation = name.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    parts = [str(each[0].value) for each in (common, organisation) if each]
    return printable(", ".join(parts) or name.rfc4514_string() or "(no name)", 200)


def _names(certificate: object) -> tuple[SafeText, ...]:
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(printable(str(name.value), 100) for name in names)


def expiry(not_after: datetime, now_ns: int) -> tuple[str, str]:
    """Return until when a certificate holds, in words, and their tone."""
    left = not_after - datetime.fromtimestamp(now_ns / 1e9, UTC)
    day = not_after.strftime("%Y-%m-%d")
    if left.total_seconds() < 0:
        return f"expired {day}, {-left.days} days ago", "bad"
    tone = "warn" if left.days < 14 else "text"
    return f"until {day}, {left.days} days left", tone
