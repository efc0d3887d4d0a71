"""Tell a parsed hello as an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import HelloReceived
from soth_mitm.net.tls import names
from soth_mitm.net.tls.names import as_address
from soth_mitm.proto import fingerprint

if TYPE_CHECKING:
    from soth_mitm.proto.client_hello import ClientHello


def hello_event(hello: ClientHello) -> HelloReceived:
    """Return the event that tells a hello."""
    return HelloReceived(
        sni=hello.sni or "",
        alpn=tuple(name.decode("ascii", "backslashreplace") for name in hello.alpn),
        versions=tuple(version_name(number) for number in hello.versions or (hello.legacy_version,)),
        ja3=fingerprint.ja3(hello)[1],
        ja4=fingerprint.ja4(hello),
        early_data=hello.early_data,
        length=hello.length,
    )


def differs(host: str, sni: str | None) -> bool:
    """Return whether the SNI names another host than the one that was asked for.

    An address says nothing about names, so nothing differs from it.
    """
    if not sni or sni == host or as_address(host.strip("[]")) is not None:
        return False
    return (names.normalise(host) or host) != (names.normalise(sni) or sni)


_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


def version_name(number: int) -> str:
    """Return the name of a protocol version of TLS, in OpenSSL's spelling."""
    return _VERSIONS.get(number, f"0x{number:04x}")
