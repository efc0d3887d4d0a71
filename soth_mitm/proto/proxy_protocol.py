"""PROXY headers, by which a load balancer says whom a connection comes from (HAProxy, versions 1 and 2).

Sans-I/O: `needs` says how many bytes to look at, `parse` reads a whole header, and consumes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import struct

import msgspec

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.authority import Authority
from soth_mitm.proto.http1.messages import shown

MOST = 4096
"""Most bytes of a header that are read; version 2 allows 65,551, of which real ones use some hundred."""
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1_MOST = 107
_V1 = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN[^\r\n]*\r\n")
_FAMILIES = {1: (4, "!4s4sHH"), 2: (16, "!16s16sHH")}


class ProxyHeaderError(ProtocolError):
    """A connection that does not begin with a PROXY header that can be read."""


class ProxyHeader(msgspec.Struct, frozen=True):
    """What a header says. Without addresses the connection is the balancer's own, such as a health check."""

    version: int
    length: int
    """Bytes of the header."""
    client: Authority | None = None
    destination: Authority | None = None


def needs(data: bytes) -> int:
    """Return how many bytes to look at, at least, as far as `data` tells.

    Raises:
        ProxyHeaderError: no header begins like this, or it is too long.
    """
    if not data:
        return 1
    if _SIGNATURE.startswith(data[: len(_SIGNATURE)]):
        if len(data) < 16:
            return 16
        size = 16 + int.from_bytes(data[14:16], "big")
        if size > MOST:
            raise ProxyHeaderError("proxy_header_too_large", f"the header has {size} bytes, over {MOST}")
        return size
    if not b"PROXY ".startswith(data[:6]):
        raise ProxyHeaderError(
            "proxy_header_missing", f"the connection does not begin with one: {shown(data[:24])}"
        )
    end = data.find(b"\n", 0, _V1_MOST)
    if end >= 0:
        return end + 1
    if len(data) >= _V1_MOST:
        raise ProxyHeaderError("proxy_header_invalid", f"its line does not end: {shown(data[:40])}")
    return len(data) + 1


def parse(data: bytes) -> ProxyHeader:
    """Read the header that `data`, of at least `needs` bytes, begins with.

    Raises:
        ProxyHeaderError: it breaks the rules.
    """
    size = needs(data)
    if len(data) < size:
        raise ProxyHeaderError("proxy_header_incomplete", f"{len(data)} of {size} bytes")
    if data.startswith(_SIGNATURE):
        return _binary(data[:size])
    return _text(data[:size])


def _text(line: bytes) -> ProxyHeader:
    if _V1_UNKNOWN.fullmatch(line):
        return ProxyHeader(1, len(line))
    match = _V1.fullmatch(line)
    if match is None:
        raise ProxyHeaderError("proxy_header_invalid", f"its line cannot be read: {shown(line)}")
    version = 4 if match[1] == b"TCP4" else 6
    sites = []
    for address, port in ((match[2], match[4]), (match[3], match[5])):
        try:
            found = ipaddress.ip_address(address.decode("ascii"))
        except ValueError:
            found = None
        if found is None or found.version != version or int(port) > 65535:
            raise ProxyHeaderError("proxy_header_invalid", f"an address cannot be read: {shown(line)}")
        sites.append(Authority(str(found), int(port)))
    return ProxyHeader(1, len(line), *sites)


def _binary(data: bytes) -> ProxyHeader:
    version, command, family = data[12] >> 4, data[12] & 15, data[13]
    if version != 2 or command > 1:
        raise ProxyHeaderError("proxy_header_invalid", f"version {version}, command {command}")
    if command == 0:
        return ProxyHeader(2, len(data))
    size, layout = _FAMILIES.get(family >> 4, (0, ""))
    if not layout:  # a Unix socket, or what the balancer does not want to say
        return ProxyHeader(2, len(data))
    if len(data) < 16 + 2 * size + 4:
        raise ProxyHeaderError("proxy_header_invalid", f"{len(data)} bytes have no room for two addresses")
    source, target, near, far = struct.unpack_from(layout, data, 16)
    return ProxyHeader(
        2,
        len(data),
        Authority(str(ipaddress.ip_address(source)), near),
        Authority(str(ipaddress.ip_address(target)), far),
    )
