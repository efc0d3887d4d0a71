"""Versions, ciphers and curves of a context: what each profile stands for, and how it is applied."""

from __future__ import annotations

import ssl
import warnings
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.errors import StartError

if TYPE_CHECKING:
    from soth_mitm.config import Curve, TlsProfile, TlsSettings, TlsVersion

TOLERANT_CIPHERS = "DEFAULT:@SECLEVEL=0"
"""Old ciphers, short keys and SHA-1 too: what old servers and very old clients speak."""

OP_LEGACY_SERVER_CONNECT = 0x4
"""OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT, which `ssl` names only from 3.12 on."""

VERSIONS: dict[TlsVersion, ssl.TLSVersion] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_CURVES: dict[Curve, str] = {"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}


class TlsSettingsError(StartError):
    """Settings of TLS that OpenSSL refuses; the text names the setting and says why."""

    tls_reason = "settings_refused"


class Shape(NamedTuple):
    """What a context speaks."""

    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    ciphers: str = ""
    """For TLS 1.2 and below; empty for those that Python chooses. The suites of 1.3 cannot be chosen."""
    curve: Curve | None = None
    legacy: bool = False
    """Connect to servers without secure renegotiation (RFC 5746)."""
    side: str = "upstream"


STRICT = Shape(minimum=ssl.TLSVersion.TLSv1_3)
COMPAT = Shape(minimum=ssl.TLSVersion.MINIMUM_SUPPORTED, ciphers=TOLERANT_CIPHERS, legacy=True)


def upstream_shape(profile: TlsProfile, settings: TlsSettings, *, verify: bool) -> Shape:
    """Return what is spoken with upstreams of a profile.

    Without verification the profile `default` is as tolerant as `compat`: whoever accepts any
    certificate wants to see old servers too. Versions, ciphers and curve of the settings go before.
    """
    if profile == "strict":
        return STRICT
    if profile == "compat":
        return COMPAT
    shape = Shape() if verify else COMPAT
    least, most = settings.upstream_min_version, settings.upstream_max_version
    return shape._replace(
        minimum=_minimum(least, most, shape.minimum),
        maximum=VERSIONS[most] if most else shape.maximum,
        ciphers=settings.upstream_ciphers or _ciphers_for(least or most) or shape.ciphers,
        curve=settings.upstream_curve,
    )


def client_shape(settings: TlsSettings) -> Shape:
    """Return what is spoken with clients."""
    least, most = settings.client_min_version, settings.client_max_version
    return Shape(
        minimum=VERSIONS[least],
        maximum=VERSIONS[most] if most else ssl.TLSVersion.MAXIMUM_SUPPORTED,
        ciphers=settings.client_ciphers or _ciphers_for(least),
        curve=settings.client_curve,
        side="client",
    )


def _minimum(least: TlsVersion | None, most: TlsVersion | None, otherwise: ssl.TLSVersion) -> ssl.TLSVersion:
    if least:
        return VERSIONS[least]
    return min(otherwise, VERSIONS[most]) if most else otherwise


def _ciphers_for(version: TlsVersion | None) -> str:
    """Return what TLS below 1.2 needs: its signatures are SHA-1, which OpenSSL 3 takes at level 0 only."""
    return TOLERANT_CIPHERS if version in ("1.0", "1.1") else ""


def apply(context: ssl.SSLContext, shape: Shape) -> None:
    """Make a context speak what `shape` says. Raises `TlsSettingsError`."""
    with warnings.catch_warnings():
        # That TLS 1.0 and 1.1 are old is what the person knows who asked for them.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            context.minimum_version, context.maximum_version = shape.minimum, shape.maximum
        except ValueError as error:
            raise TlsSettingsError(f"tls.{shape.side}_min_version: OpenSSL here has no such one") from error
    if shape.ciphers:
        try:
            context.set_ciphers(shape.ciphers)
        except ssl.SSLError as error:
            raise TlsSettingsError(
                f"tls.{shape.side}_ciphers {shape.ciphers!r} names no cipher that this OpenSSL has; "
                "see: openssl ciphers -v"
            ) from error
    if shape.curve:
        context.set_ecdh_curve(_CURVES[shape.curve])
    if shape.legacy:
        context.options |= OP_LEGACY_SERVER_CONNECT
