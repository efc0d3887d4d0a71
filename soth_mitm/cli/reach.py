"""How clients on this machine reach a proxy, said for each place at which it listens."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from soth_mitm.errors import ConfigError
from soth_mitm.policy.modes import FORWARDING, Endpoint, Kind

_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def site(host: str, port: int) -> str:
    """Return `host:port` as it stands in a URL, by which this machine reaches an address of its own."""
    host = _HERE.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def proxy_url(places: Sequence[Endpoint], auth: str = "") -> str:
    """Return the URL of the first place that a client can use as its proxy; empty where there is none.

    `auth` is the `user:password` that the URL is to carry.
    """
    name, _, password = auth.partition(":")
    user = f"{quote(name, safe='')}:{quote(password, safe='')}@" if auth else ""
    for kinds, scheme in ((FORWARDING, "http"), ({Kind.SOCKS5}, "socks5h")):
        for place in places:
            if place.mode.kind in kinds and not place.mode.path:
                return f"{scheme}://{user}{site(place.host, place.port)}"
    return ""


def check_usable(places: Sequence[Endpoint], command: str) -> None:
    """Raise `ConfigError` where no mode is one that a program can use as its proxy."""
    if not proxy_url(places):
        shown = ", ".join(str(place.mode) for place in places)
        raise ConfigError(f"{command} needs a mode that programs use as a proxy: add -m regular to {shown}")


def place_text(place: Endpoint) -> str:
    """Return one place in words: how to reach it, and what it is where that is not the usual."""
    mode = place.mode
    if mode.path:
        return f"unix:{place.host}"
    where = site(place.host, place.port)
    if mode.kind is Kind.REGULAR:
        return f"http://{where}"
    if mode.kind is Kind.UPSTREAM:
        return f"http://{where} ({mode})"
    if mode.kind is Kind.SOCKS5:
        return f"socks5h://{where}"
    return f"{where} ({mode})"
