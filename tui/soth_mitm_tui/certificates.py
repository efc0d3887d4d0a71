"""What a viewer shows of a certificate. Damaged ones are told apart, never raised."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.text import SafeText, printable
from soth_mitm_tui.lines import Line, Span, fact

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

NAMES_SHOWN = 6
SOON_DAYS = 14
"""A certificate that ends within so many days is shown as a warning."""


class Facts(NamedTuple):
    """The facts of one certificate, safe to show."""

    subject: SafeText
    issuer: SafeText
    not_before: datetime
    not_after: datetime
    names: tuple[SafeText, ...]
    key: str
    """Its kind and size."""
    serial: str
    own: bool
    """It is signed by itself."""


@lru_cache(maxsize=64)
def facts(der: bytes) -> Facts | None:
    """Read a certificate; None where it cannot be read."""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        subject, issuer = _name(certificate.subject), _name(certificate.issuer)
        return Facts(
            subject,
            issuer,
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            _names(certificate),
            _key(certificate),
            f"{certificate.serial_number:x}",
            certificate.subject == certificate.issuer,
        )
    except Exception:
        return None


def _name(name: Name) -> SafeText:
    from cryptography import x509

    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    organisation = name.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    parts = [str(each[0].value) for each in (common, organisation) if each]
    return printable(", ".join(parts) or name.rfc4514_string() or "(no name)", 200)


def _names(certificate: Certificate) -> tuple[SafeText, ...]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(printable(str(name.value), 100) for name in names)


def _key(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = certificate.public_key()
    except Exception:
        return "of a kind that is not known here"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size:,} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def expiry(not_before: datetime, not_after: datetime, now_ns: int) -> Span:
    """Return whether a certificate holds and how long still, in words."""
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    if now < not_before:
        return f"not valid before {not_before:%Y-%m-%d}", "bad"
    days = (not_after - now).days
    if days < 0:
        gone = -days
        return f"expired {gone:,} day{'' if gone == 1 else 's'} ago", "bad"
    words = "today" if not days else f"in {days:,} day{'' if days == 1 else 's'}"
    return f"expires {words}", "warn" if days < SOON_DAYS else "text"


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate, as others print it."""
    return hashlib.sha256(der).digest().hex(":").upper()


def certificate_lines(number: int, der: bytes, now_ns: int) -> list[Line]:
    """Return the facts of a certificate of a chain: everything of the first, who signed of the others."""
    label = "certificate" if number == 0 else "signed by"
    known = facts(der)
    if known is None:
        return [fact(label, ("cannot be read", "warn"), copy=fingerprint(der))]
    dot: Span = (" · ", "muted")
    state = expiry(known.not_before, known.not_after, now_ns)
    lines = [fact(label, (known.subject, "text"), dot, state, copy=known.subject)]
    if number:
        return lines
    dates = f"{known.not_before:%Y-%m-%d} to {known.not_after:%Y-%m-%d}"
    by_itself = ("  signed by itself", "warn") if known.own else ("", "text")
    names = ", ".join(known.names)
    more = f" and {len(known.names) - NAMES_SHOWN} more" if len(known.names) > NAMES_SHOWN else ""
    return [
        *lines,
        fact("  issuer", (known.issuer, "text"), by_itself, copy=known.issuer),
        fact("  names", ", ".join(known.names[:NAMES_SHOWN]) + more or "none", copy=names),
        fact("  valid", dates),
        fact("  key", known.key, dot, ("serial ", "muted"), known.serial, copy=known.key),
        fact("  SHA-256", fingerprint(der)),
    ]
