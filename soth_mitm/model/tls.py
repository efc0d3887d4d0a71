"""What is known about TLS, as values: why a handshake failed, and what a certificate says."""

from __future__ import annotations

from typing import Literal

import msgspec

FailureClass = Literal["unknown_ca", "timeout", "eof_or_reset", "cert_validation", "handshake", "other"]
"""The coarse class of a failed handshake; a filter or a counter needs no more than these six."""

FailureSource = Literal["alert", "verify_code", "ssl_error", "errno", "text", "timeout", "settings"]
"""What told us, the most trustworthy first; `timeout` is our own deadline, `settings` our own rules."""

Confidence = Literal["authoritative", "inferred"]
"""Whether the peer or the TLS library said so, or whether it is concluded from what did not happen."""


class TlsFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Say why a TLS handshake failed, and what a person can do about it."""

    peer: Literal["client", "upstream"]
    """The side of the proxy on which the handshake failed."""
    failure_class: FailureClass
    reason: str
    """Stable fine-grained code, such as `certificate_expired`; docs/tls.md lists all of them."""
    source: FailureSource
    confidence: Confidence
    detail: str
    """The raw text of the TLS library or the operating system, in printable form."""
    alert: int | None = None
    """Number of the alert that the peer sent (RFC 8446 section 6), where one was seen."""
    hint: str = ""
    """One sentence that names the host and says what to do."""


class CertificateFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what a viewer shows of one certificate. Texts are printable; times are Unix seconds."""

    subject: str
    """RFC 4514 text, most specific part first."""
    issuer: str
    sans: tuple[str, ...]
    """Subject alternative names in the order of the certificate, DNS names and IP addresses."""
    not_before: int
    not_after: int
    serial: str
    """Upper-case hex without separators."""
    key: str
    """Kind and size of the public key: `EC P-256`, `RSA 2048`, `Ed25519`."""
    signature_algorithm: str
    """`ecdsa-with-SHA256`, or the dotted OID where it has no name."""
    fingerprint_sha256: str
    """SHA-256 of the DER form, as `9F:3C:...`."""
