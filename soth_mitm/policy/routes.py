"""Which way an upstream is reached: directly, or through another proxy."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

import msgspec

from soth_mitm.errors import ConfigError, ProtocolError
from soth_mitm.policy.decision import Matcher, compile_glob
from soth_mitm.proto.authority import Authority, parse_authority

if TYPE_CHECKING:
    from soth_mitm.config import Config

Scheme = Literal["http", "https", "socks5", "socks5h"]
FROM_ENVIRONMENT = "$NO_PROXY"
"""In `no_proxy`, stands for what the variable of that name lists."""
DIRECT = "direct"
_PORTS: dict[str, int] = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_URL = re.compile(r"(?:([A-Za-z0-9+.\-]+)://)?(?:([^@/]*)@)?([^@/]+)/?")


class Hop(msgspec.Struct, frozen=True):
    """A proxy on the way. Its text never shows the password."""

    scheme: Scheme
    """`socks5` is given addresses, resolved here; `socks5h` is given names, and resolves them itself."""
    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def speaks_http(self) -> bool:
        """Whether it is an HTTP proxy: tunnels by CONNECT, plain requests in absolute-form."""
        return self.scheme in ("http", "https")

    @property
    def secure(self) -> bool:
        """Whether it is reached through TLS."""
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{Authority(self.host, self.port)}"

    def __repr__(self) -> str:
        return f"<Hop {self}>"


def parse_hop(url: str, *, where: str) -> Hop:
    """Read `http://user:pass@host:port`, `https://…`, `socks5://…` or `socks5h://…`; `http` is the default.

    User and password may be percent-encoded. Raises `ConfigError`; `where` names the setting in its text.
    """
    match = _URL.fullmatch(url)
    scheme = (match[1] or "http").lower() if match else ""
    if match is None or scheme not in _PORTS:
        raise ConfigError(
            f"{where}: {_without_password(url)!r} is no proxy that can be used; write "
            f"http://HOST:PORT, https://HOST:PORT (TLS to the proxy), socks5://HOST:PORT or "
            f"socks5h://HOST:PORT (the proxy resolves names)"
        )
    user, colon, password = (match[2] or "").partition(":")
    if match[2] is not None and not (user and colon):
        raise ConfigError(f"{where}: write user and password as USER:PASSWORD@ before the proxy's host")
    try:
        site = parse_authority(match[3].encode(), default_port=_PORTS[scheme])
    except ProtocolError as error:
        raise ConfigError(f"{where}: {match[3]!r} is no host with a port: {error.detail}") from error
    return Hop(scheme, site.host, site.port, unquote(user), unquote(password))  # type: ignore[arg-type]


def _without_password(url: str) -> str:
    return re.sub(r"^(.*//)?.*@", r"\1...@", url)


class Routes:
    """The ways of one configuration: `no_proxy` first, then the first of `upstream` that matches.

    Where neither says anything, the listener's own proxy is used (`upstream:`), or none. What is
    judged is always the target, never the proxy on the way.
    """

    def __init__(self, config: Config, environment: Mapping[str, str]) -> None:
        """Read the settings. Raises `ConfigError` where one makes no sense."""
        self._past: list[Matcher] = []
        for entry in config.no_proxy:
            names = (
                environment.get("NO_PROXY", environment.get("no_proxy", "")).split(",")
                if entry == FROM_ENVIRONMENT
                else (entry,)
            )
            self._past += [past(name.strip()) for name in names if name.strip()]
        self._rows: list[tuple[Matcher, Hop | None]] = []
        for number, rule in enumerate(config.upstream):
            hop = None if rule.via == DIRECT else parse_hop(rule.via, where=f"upstream[{number}].via")
            self._rows.append((compile_glob(rule.match), hop))

    @property
    def hops(self) -> list[Hop]:
        """The proxies that rules name."""
        return [hop for _, hop in self._rows if hop is not None]

    def choose(self, host: str, port: int, default: Hop | None = None) -> Hop | None:
        """Return the proxy through which a target is reached; None: directly."""
        if not self._rows and default is None:
            return None
        host = host.lower().rstrip(".")
        if any(matches(host, port) for matches in self._past):
            return None
        for matches, hop in self._rows:
            if matches(host, port):
                return hop
        return default


def past(entry: str) -> Callable[[str, int], bool]:
    """Compile an entry of `no_proxy` as curl reads it.

    `*` is everything; a name stands for itself and all below it, with or without a leading dot; an
    address or a network (`10.0.0.0/8`) for addresses; each may have a port. A glob with `*` is one.
    """
    network = _network(entry)
    if network is not None:
        return lambda host, port: _address(host) in network
    name, colon, digits = entry.lower().rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.endswith("]")):
        inner = past(name.strip("[]"))
        return lambda host, port: port == int(digits) and inner(host, port)
    entry = entry.lower().strip("[]").rstrip(".")
    if "*" in entry:
        return compile_glob(entry)
    return compile_glob(f"*.{entry.lstrip('.')}")


class _Network:
    """A network that can be asked about what is no address, too."""

    def __init__(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
        self._network = network

    def __contains__(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
        return address is not None and address in self._network


def _network(entry: str) -> _Network | None:
    try:
        return _Network(ipaddress.ip_network(entry.strip("[]"), strict=False))
    except ValueError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
