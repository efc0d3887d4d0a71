"""Modes: what a listener expects of its clients, and where what they send goes.

A mode is written as in mitmproxy, `NAME[:WHAT][@[HOST:]PORT]`, with options behind commas that hold for
this listener alone: `reverse:https://api.test@8081,keep-host`.
"""

from __future__ import annotations

import difflib
import re
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

import msgspec

from soth_mitm.errors import ConfigError, ProtocolError
from soth_mitm.policy.routes import Hop, parse_hop
from soth_mitm.proto.authority import Authority, is_address, parse_authority

if TYPE_CHECKING:
    from soth_mitm.config import Config


class Kind(StrEnum):
    """What a listener speaks."""

    REGULAR = "regular"
    """Clients that were told of an HTTP proxy: CONNECT, and plain requests in absolute-form."""
    UPSTREAM = "upstream"
    """The same, everything goes on to another proxy."""
    UNIX = "unix"
    """As regular, on a Unix socket."""
    REVERSE = "reverse"
    """Clients that take this for the server; everything goes to one."""
    SOCKS5 = "socks5"
    """Clients that were told of a SOCKS proxy (RFC 1928)."""
    TRANSPARENT = "transparent"
    """Clients that know of no proxy: the system redirects their connections here."""


FORWARDING = frozenset({Kind.REGULAR, Kind.UPSTREAM, Kind.UNIX})
"""The kinds whose clients speak to an HTTP proxy."""
OPTIONS = {
    "keep-host": frozenset({Kind.REVERSE}),
    "proxy-protocol": frozenset(Kind) - {Kind.TRANSPARENT},
}
"""Options that can stand behind a mode, with the kinds they make sense for."""
SOCKS_PORT = 1080
DEFAULT_PORT = 8080
_EXAMPLES = {
    Kind.REGULAR: "regular, regular@8081 or regular@127.0.0.1:8081",
    Kind.UPSTREAM: "upstream:http://proxy.test:3128 or upstream:socks5h://user:pass@proxy.test:1080",
    Kind.UNIX: "unix:/run/soth-mitm.sock",
    Kind.REVERSE: "reverse:https://api.test or reverse:http://127.0.0.1:3000@8081",
    Kind.SOCKS5: "socks5 or socks5@1080",
    Kind.TRANSPARENT: "transparent or transparent@8082",
}
_TARGET_PORTS = {"http": 80, "https": 443, "h2c": 80}
_URL = re.compile(r"(?:([A-Za-z0-9+.\-]+)://)?([^/]+)/?")


class Target(msgspec.Struct, frozen=True):
    """The one server behind a reverse listener."""

    scheme: str
    """`http`, `https`, or `h2c`: HTTP/2 without TLS, from the first byte (RFC 9113 section 3.3)."""
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as they stand in a Host field: the scheme's usual port is left out."""
        return Authority(self.host, self.port).beside(_TARGET_PORTS[self.scheme])

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Mode(msgspec.Struct, frozen=True):
    """A mode as it was asked for. Its text never shows a password."""

    kind: Kind
    host: str | None = None
    """Where to listen; None leaves it to the settings."""
    port: int | None = None
    path: str = ""
    """The Unix socket."""
    target: Target | None = None
    hop: Hop | None = None
    keep_host: bool = False
    """Leave the Host field as the client sent it, instead of naming the target in it."""
    proxy_protocol: bool = False
    """Each connection begins with a PROXY header, which says who the client is."""

    def __str__(self) -> str:
        what = self.target or self.hop
        return f"{self.kind}:{what}" if what is not None else str(self.kind)


class Endpoint(msgspec.Struct, frozen=True):
    """A mode, and where exactly it listens."""

    mode: Mode
    host: str
    """An address; of a Unix socket, its path."""
    port: int
    """0: any free one; 0 of a Unix socket, too."""

    def __str__(self) -> str:
        return self.host if self.mode.path else str(Authority(self.host or "0.0.0.0", self.port))


def endpoints(config: Config) -> tuple[Endpoint, ...]:
    """Return where a proxy with these settings listens, in the order of its modes.

    Raises:
        ConfigError: a mode makes no sense, or two would listen at one place.
    """
    found = [_place(_with_defaults(parse(spec), config), config) for spec in config.mode or (Kind.REGULAR,)]
    taken: dict[tuple[str, int], Endpoint] = {}
    for place in found:
        if not place.port and not place.mode.path:
            continue
        other = taken.setdefault((place.host, place.port), place)
        if other is not place:
            instead = "another path" if place.mode.path else f"-m {place.mode}@{place.port + 1}"
            raise ConfigError(
                f"{other.mode} and {place.mode} would both listen on {place}; "
                f"give one a place of its own, as in {instead}"
            )
    return tuple(found)


def _with_defaults(mode: Mode, config: Config) -> Mode:
    keep = mode.keep_host or (config.keep_host and mode.kind in OPTIONS["keep-host"])
    header = mode.proxy_protocol or (config.proxy_protocol and mode.kind in OPTIONS["proxy-protocol"])
    return msgspec.structs.replace(mode, keep_host=keep, proxy_protocol=header)


def _place(mode: Mode, config: Config) -> Endpoint:
    if mode.path:
        return Endpoint(mode, mode.path, 0)
    usual = SOCKS_PORT if mode.kind is Kind.SOCKS5 else DEFAULT_PORT
    port = mode.port if mode.port is not None else config.listen_port
    host = mode.host if mode.host is not None else config.listen_host
    return Endpoint(mode, host, usual if port is None else port)


def parse(spec: str) -> Mode:
    """Read a mode as it stands on the command line or in the settings.

    Raises:
        ConfigError: it makes no sense; the text says why, and what to write.
    """
    text, options = _split_options(spec)
    name = re.match(r"[A-Za-z0-9]*", text)
    assert name is not None
    try:
        kind = Kind(name[0].lower())
    except ValueError:
        near = difflib.get_close_matches(name[0].lower(), list(Kind), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(Kind)}"
        raise ConfigError(f"mode {spec!r}: there is no mode {name[0]!r}; {hint}") from None
    rest = text[name.end() :]
    if kind is Kind.UPSTREAM:
        mode = _upstream(spec, rest)
    elif kind is Kind.REVERSE:
        mode = _reverse(spec, rest)
    elif kind is Kind.UNIX:
        mode = _unix(spec, rest)
    elif rest and not rest.startswith("@"):
        _refuse(spec, kind, f"{kind} takes nothing but an address to listen on")
    else:
        mode = Mode(kind, *_listen(spec, kind, rest[1:] if rest else None))
    return _with_options(spec, mode, options)


def _split_options(spec: str) -> tuple[str, list[str]]:
    """Part the words behind the last commas; a comma inside a password is none of them."""
    match = re.search(r"(?:,[A-Za-z-]+)*$", spec)
    assert match is not None
    return spec[: match.start()], match[0].split(",")[1:]


def _refuse(spec: str, kind: Kind, why: str) -> NoReturn:
    shown = re.sub(r"//[^@/]*:[^@/]*@", "//...@", spec) if kind is Kind.UPSTREAM else spec
    raise ConfigError(f"mode {shown!r}: {why}; write {_EXAMPLES[kind]}")


def _with_options(spec: str, mode: Mode, options: list[str]) -> Mode:
    for option in options:
        if option not in OPTIONS:
            near = difflib.get_close_matches(option, OPTIONS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(OPTIONS)}"
            raise ConfigError(f"mode {mode}: there is no option {option!r}; {hint}")
        if mode.kind not in OPTIONS[option]:
            kinds = ", ".join(sorted(OPTIONS[option]))
            raise ConfigError(f"mode {mode}: {option} means nothing here; it is for {kinds}")
        mode = msgspec.structs.replace(mode, **{option.replace("-", "_"): True})
    return mode


def _listen(spec: str, kind: Kind, text: str | None) -> tuple[str | None, int | None]:
    """Read `[HOST:]PORT`."""
    if text is None:
        return None, None
    host, colon, digits = text.rpartition(":")
    if not digits.isascii() or not digits.isdigit() or int(digits) > 65535:
        _refuse(spec, kind, f"{digits or text!r} is no port from 0 to 65535 to listen on")
    if not colon:
        return None, int(digits)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif not host or host == "*":
        _refuse(spec, kind, "no address stands before the port (0.0.0.0: every IPv4 one, [::]: every one)")
    elif ":" in host:
        _refuse(spec, kind, f"the IPv6 address {host} needs brackets")
    return host, int(digits)


def _reverse(spec: str, rest: str) -> Mode:
    if not rest.startswith(":") or len(rest) < 2:
        _refuse(spec, Kind.REVERSE, "the server is missing")
    url, at, listen = rest[1:].rpartition("@")
    if not at:
        url, listen = listen, ""
    match = _URL.fullmatch(url)
    scheme = (match[1] or "https").lower() if match else ""
    if match is None:
        _refuse(spec, Kind.REVERSE, f"{url!r} is no scheme, host and port alone: it can have no path")
    if scheme not in _TARGET_PORTS:
        _refuse(spec, Kind.REVERSE, f"the server's scheme {scheme!r} is none of {', '.join(_TARGET_PORTS)}")
    try:
        site = parse_authority(match[2].encode(), default_port=_TARGET_PORTS[scheme])
    except ProtocolError as error:
        why = error.detail.rpartition(": ")[0]  # without the bytes, which are named already
        who = "; of a server no user can be named" if at and not listen.isdecimal() else ""
        _refuse(spec, Kind.REVERSE, f"the server {match[2]!r} cannot be read: {why}{who}")
    host, port = _listen(spec, Kind.REVERSE, listen if at else None)
    return Mode(Kind.REVERSE, host, port, target=Target(scheme, site.host, site.port))


def _upstream(spec: str, rest: str) -> Mode:
    if not rest.startswith(":") or len(rest) < 2:
        _refuse(spec, Kind.UPSTREAM, "the proxy is missing")
    url, listen = _split_upstream(rest[1:])
    hop = parse_hop(url, where="mode upstream")
    return Mode(Kind.UPSTREAM, *_listen(spec, Kind.UPSTREAM, listen), hop=hop)


def _split_upstream(text: str) -> tuple[str, str | None]:
    """Part the proxy's URL from where to listen.

    One `@` can stand before the proxy's host or before an address to listen on. It is the latter, as in
    mitmproxy, where a port or an address of this machine follows and no `user:password` goes before.
    """
    before, at, last = text.rpartition("@")
    if not at:
        return text, None
    if "@" in before:
        return before, last
    host = last.rpartition(":")[0]
    if last.isdigit():
        return before, last
    ahead = before.rpartition("://")[2]
    is_site = ":" not in ahead or ahead.endswith("]") or ahead.rpartition(":")[2].isdigit()
    is_here = is_address(host.strip("[]")) or host == "localhost"
    return (before, last) if is_site and is_here else (text, None)


def _unix(spec: str, rest: str) -> Mode:
    if not rest.startswith(":/"):
        _refuse(spec, Kind.UNIX, "the socket's path must be there, from / on")
    if len(rest[1:].encode()) > 107:
        _refuse(spec, Kind.UNIX, f"a socket's path has at most 107 bytes, this one {len(rest[1:].encode())}")
    return Mode(Kind.UNIX, path=rest[1:])
