"""Host names as certificates spell them: A-labels, bare addresses, no root dot."""

from __future__ import annotations

import ipaddress
import re

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_NAME = 253
"""Most characters of a DNS name (RFC 1035 section 3.1, less the root label)."""

MAX_COMMON_NAME = 64
"""Most characters of a common name (RFC 5280, ub-common-name)."""

# Underscores are no host name letters by RFC 1123, yet names with them are served and asked for.
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*")


def normalise(host: str) -> str | None:
    """Return `host` in the form in which a certificate names it, or None where no certificate can.

    DNS names come back in lower case, as A-labels (RFC 5890), without the root dot. Addresses lose
    their brackets and their zone, and are written in their shortest form. Wildcards are refused:
    nobody connects to one, and a certificate for one would name hosts that were not asked for.
    """
    host = host.strip("[]") if host.startswith("[") else host
    address = as_address(host)
    if address is not None:
        return str(address)
    host = host.removesuffix(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    if len(host) > MAX_NAME or _NAME.fullmatch(host) is None:
        return None
    if any(len(label) > 63 for label in host.split(".")):
        return None
    return host.lower()


def as_address(host: str) -> IpAddress | None:
    """Return the IP address that `host` spells, without its zone, or None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
