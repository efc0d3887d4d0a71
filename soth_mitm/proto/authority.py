"""Authorities and absolute targets: who a request is for (RFC 3986 section 3.2, RFC 9112 section 3.2)."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import msgspec

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.http1.messages import shown

_IPV4 = re.compile(
    r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}"
)
_NAME = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=%]+")
_IPV6 = re.compile(rb"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%(?:25)?[A-Za-z0-9\-._~]+)?")
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)([^\r\n]*)", re.DOTALL)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Authority(msgspec.Struct, frozen=True, gc=False):
    """A host and a port: the host in lower case, IDNA ASCII form, IPv6 without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def beside(self, usual: int | None) -> str:
        """Return it as it stands in a Host field: without the port that is the scheme's usual one."""
        text = str(self)
        return text.rpartition(":")[0] if self.port == usual else text


class AbsoluteTarget(NamedTuple):
    """The parts of an absolute-form target."""

    scheme: str
    authority: Authority
    path: bytes
    "Path and query as sent; `/` where there is no path."


class ConnectError(ProtocolError):
    """A request that names no target the proxy can serve; `status` is what to answer with."""

    def __init__(self, code: str, detail: str, *, status: int = 400) -> None:
        super().__init__(code, detail)
        self.status = status


@functools.lru_cache(maxsize=1024)  # a client asks for the same few hosts over and over
def parse_authority(wire: bytes, *, default_port: int | None = None, bare_ipv6: bool = False) -> Authority:
    """Read `host:port` or `[v6]:port`.

    Without `default_port` the port must be there; `bare_ipv6` takes an address without brackets for a
    host. Raises `ConnectError` with `invalid_authority`, `missing_port` or `invalid_port`.
    """
    if b"@" in wire:
        raise ConnectError("invalid_authority", f"user information in the authority: {_without_user(wire)}")
    if bare_ipv6 and wire.count(b":") > 1 and not wire.startswith(b"["):
        return Authority(_ipv6(wire, wire), _port(b"", default_port, wire))
    if wire.startswith(b"["):
        address, bracket, rest = wire[1:].partition(b"]")
        if not bracket or (rest and not rest.startswith(b":")):
            raise ConnectError("invalid_authority", f"brackets do not match: {shown(wire)}")
        return Authority(_ipv6(address, wire), _port(rest[1:], default_port, wire))
    host, _, port = wire.partition(b":")
    if b":" in port:
        raise ConnectError("invalid_authority", f"an IPv6 address needs brackets: {shown(wire)}")
    return Authority(_name(host, wire), _port(port, default_port, wire))


def parse_absolute(target: bytes) -> AbsoluteTarget:
    """Read an absolute-form target of http (port 80) or https (port 443).

    Raises `ConnectError`: `not_absolute`, `unsupported_scheme`, or what `parse_authority` raises.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise ConnectError("not_absolute", f"the target is not scheme://host/path: {shown(target)}")
    scheme = match[1].decode("ascii").lower()
    default_port = _DEFAULT_PORTS.get(scheme)
    if default_port is None:
        raise ConnectError("unsupported_scheme", f"the scheme is neither http nor https: {shown(target)}")
    path = match[3].partition(b"#")[0]
    if not path.startswith(b"/"):
        path = b"/" + path
    return AbsoluteTarget(scheme, parse_authority(match[2], default_port=default_port), path)


def is_address(text: str) -> bool:
    """Return whether a host is an IPv4 address, or an IPv6 address without brackets."""
    return _IPV4.fullmatch(text) is not None or (":" in text and _is_ipv6(text.partition("%")[0]))


def _port(digits: bytes, default: int | None, wire: bytes) -> int:
    if not digits:
        if default is None:
            raise ConnectError("missing_port", f"the authority has no port: {shown(wire)}")
        return default
    if not digits.isdigit() or len(digits) > 5 or not 1 <= int(digits) <= 65535:
        raise ConnectError("invalid_port", f"the port is not a number from 1 to 65535: {shown(wire)}")
    return int(digits)


def _ipv6(address: bytes, wire: bytes) -> str:
    if not _IPV6.fullmatch(address):
        raise ConnectError("invalid_authority", f"not an IPv6 address: {shown(wire)}")
    host = address.decode("ascii").replace("%25", "%", 1).lower()
    if not _is_ipv6(host.partition("%")[0]):
        raise ConnectError("invalid_authority", f"not an IPv6 address: {shown(wire)}")
    return host


def _is_ipv6(text: str) -> bool:
    """Return whether `text` is an IPv6 address (RFC 4291 section 2.2)."""
    head, gap, tail = text.partition("::")
    if "::" in tail:
        return False
    groups = [part for side in (head, tail) if side for part in side.split(":")]
    if groups and "." in groups[-1]:
        if not _IPV4.fullmatch(groups[-1]):
            return False
        groups[-1:] = ["0", "0"]
    if any(not group or len(group) > 4 or "." in group for group in groups):
        return False
    return len(groups) <= 7 if gap else len(groups) == 8


def _name(host: bytes, wire: bytes) -> str:
    if not host:
        raise ConnectError("invalid_authority", f"the authority has no host: {shown(wire)}")
    if host.isascii():
        if not _NAME.fullmatch(host):
            raise ConnectError("invalid_authority", f"the host holds illegal characters: {shown(wire)}")
        return host.decode("ascii").lower()
    try:
        return host.decode("utf-8").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ConnectError("invalid_authority", f"the host has no ASCII form: {shown(wire)}") from None


def _without_user(wire: bytes) -> str:
    """Show an authority with its credentials left out, as they must not get into logs."""
    return shown(b"...@" + wire.rpartition(b"@")[2])
