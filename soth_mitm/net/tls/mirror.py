"""What of an upstream's certificate our own for the client repeats: its common name and its other names."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.net.tls.names import MAX_COMMON_NAME, as_address, normalise

if TYPE_CHECKING:
    from cryptography import x509

MAX_NAMES = 100
"""Most names repeated; those beyond are left out. The host that was asked for is always there."""

REMEMBERED = 1024
"""Certificates whose names are remembered: to read one takes 0.1 ms, and most connections repeat one."""


class Mirror(NamedTuple):
    """The names of one upstream certificate, as ours can hold them. Hashable: a part of the cache's key."""

    common_name: str = ""
    """Empty where it has none that ours could hold."""
    names: tuple[str, ...] = ()


NOTHING = Mirror()


@lru_cache(maxsize=REMEMBERED)
def mirror_of(der: bytes) -> Mirror:
    """Return what is repeated of a certificate; nothing of one that cannot be read."""
    import warnings

    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            return Mirror(_common_name(certificate), _names(certificate))
    except (ValueError, TypeError):
        return NOTHING


def _common_name(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import NameOID

    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        name = str(attribute.value)
        if 0 < len(name) <= MAX_COMMON_NAME and name.isprintable():
            return name
    return ""


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return ()
    found: dict[str, None] = {}
    for each in named:
        if isinstance(each, x509.DNSName):
            name = _dns_name(each.value)
        elif isinstance(each, x509.IPAddress) and as_address(str(each.value)) is not None:
            name = str(each.value)
        else:
            continue
        if name is not None:
            found[name] = None
        if len(found) == MAX_NAMES:
            break
    return tuple(found)


def _dns_name(name: str) -> str | None:
    """Return a name as ours spells it; a wildcard may stand for the leftmost label, below a domain."""
    wild = name.startswith("*.")
    plain = normalise(name[2:] if wild else name)
    if plain is None or as_address(plain) is not None or (wild and "." not in plain):
        return None
    return f"*.{plain}" if wild else plain
