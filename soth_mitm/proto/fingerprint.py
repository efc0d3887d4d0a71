"""JA3 and JA4 of a ClientHello: what kind of client this is, whatever name it gives itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from soth_mitm.proto.client_hello import EXT_ALPN, EXT_SERVER_NAME

if TYPE_CHECKING:
    from soth_mitm.proto.client_hello import ClientHello

_JA4_VERSIONS = {
    0x0304: "13",
    0x0303: "12",
    0x0302: "11",
    0x0301: "10",
    0x0300: "s3",
    0x0002: "s2",
    0xFEFF: "d1",
    0xFEFD: "d2",
    0xFEFC: "d3",
}
_NOTHING = "0" * 12


def is_grease(value: int) -> bool:
    """Return whether a 16-bit value is one of RFC 8701, sent only to keep servers tolerant."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def ja3(hello: ClientHello) -> tuple[str, str]:
    """Return the JA3 string and its MD5 in hexadecimal."""
    text = ",".join(
        (
            str(hello.legacy_version),
            "-".join(map(str, _ungreased(hello.cipher_suites))),
            "-".join(map(str, _ungreased(hello.extensions))),
            "-".join(map(str, _ungreased(hello.groups))),
            "-".join(map(str, hello.point_formats)),
        )
    )
    return text, hashlib.md5(text.encode("ascii"), usedforsecurity=False).hexdigest()


def ja4(hello: ClientHello) -> str:
    """Return the JA4 fingerprint of a hello that came over TCP."""
    ciphers = sorted(f"{value:04x}" for value in _ungreased(hello.cipher_suites))
    extensions = _ungreased(hello.extensions)
    named = sorted(f"{value:04x}" for value in extensions if value not in (EXT_SERVER_NAME, EXT_ALPN))
    signatures = [f"{value:04x}" for value in _ungreased(hello.signature_algorithms)]
    version = max(_ungreased(hello.versions), default=hello.legacy_version)
    first = (
        "t"
        + _JA4_VERSIONS.get(version, "00")
        + ("d" if EXT_SERVER_NAME in extensions else "i")
        + f"{min(len(ciphers), 99):02d}{min(len(extensions), 99):02d}"
        + _alpn_mark(hello.alpn)
    )
    rest = ",".join(named) + ("_" + ",".join(signatures) if signatures else "")
    return "_".join((first, _short_hash(",".join(ciphers)), _short_hash(rest) if extensions else _NOTHING))


def _ungreased(values: Iterable[int]) -> list[int]:
    return [value for value in values if not is_grease(value)]


def _alpn_mark(alpn: tuple[bytes, ...]) -> str:
    """Return the first and last character of the first protocol, of its hexadecimal form if they are odd."""
    if not alpn or not alpn[0]:
        return "00"
    ends = alpn[0][:1] + alpn[0][-1:]
    text = ends.decode("ascii") if ends.isalnum() else alpn[0].hex()
    return text[0] + text[-1]


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING
