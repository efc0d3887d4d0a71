"""Whether a certificate names a host (RFC 6125, RFC 9525), for where OpenSSL is not asked."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from soth_mitm.net.tls.names import as_address, normalise

MISMATCH = 62
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH."""
IP_MISMATCH = 64


def check(certificate: Mapping[str, Any], host: str) -> None:
    """Raise `ssl.SSLCertVerificationError` where a verified certificate does not name `host`.

    `certificate` is what `getpeercert()` returns. Only its alternative names count; a wildcard
    stands for one whole label, the leftmost.
    """
    names = certificate.get("subjectAltName", ())
    address = as_address(host.strip("[]"))
    if address is not None:
        found = any(kind == "IP Address" and as_address(name) == address for kind, name in names)
        code, what = IP_MISMATCH, "IP address mismatch"
    else:
        wanted = normalise(host) or ""
        found = any(kind == "DNS" and _covers(name, wanted) for kind, name in names)
        code, what = MISMATCH, "Hostname mismatch"
    if not found:
        error = ssl.SSLCertVerificationError(
            1, f"certificate verify failed: {what}, certificate is not valid for {host!r}."
        )
        error.reason, error.verify_code, error.verify_message = "CERTIFICATE_VERIFY_FAILED", code, what
        raise error


def _covers(name: str, host: str) -> bool:
    name = name.lower().removesuffix(".")
    if not host:
        return False
    if name.startswith("*."):
        label, dot, rest = host.partition(".")
        return bool(label and dot) and rest == name[2:] and "." in rest
    return name == host
