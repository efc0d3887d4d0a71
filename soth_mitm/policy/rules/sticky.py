"""What a host was sent, or has set, so that requests without it can be given it: bounded, and pure."""

from __future__ import annotations

from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from soth_mitm.policy.editing.draft import FieldLine


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Cookie(NamedTuple):
    value: str
    domain: str
    exact: bool
    """Only of the host that set it."""
    path: str
    secure: bool


class Sticky:
    """Authorization fields by host and port, and cookies by domain and path (RFC 6265 section 5).

    Cookies keep no time: those that say that they have ended (`Max-Age=0`) go, others stay until the
    run ends. Beyond `most` of each kind the oldest goes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._auth: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._cookies: OrderedDict[tuple[str, str, str], _Cookie] = OrderedDict()
        self.dropped = 0
        """How many went because there were too many."""

    def authorized(self, host: str, port: int, value: bytes) -> None:
        """Note what a request to a host carried."""
        self._put(self._auth, (host.lower(), port), value)

    def authorization(self, host: str, port: int) -> bytes | None:
        """Return what a host was sent last."""
        return self._auth.get((host.lower(), port))

    def has_set(self, host: str, target: bytes, line: bytes) -> None:
        """Note a Set-Cookie field of a response, where it can be read and is the host's to set."""
        host = host.lower()
        try:
            parsed = SimpleCookie(line.decode("latin-1"))
        except CookieError:
            return
        for name, morsel in parsed.items():
            domain = morsel["domain"].lstrip(".").lower()
            if domain and not _is_within(host, domain):
                continue
            path = morsel["path"] if morsel["path"].startswith("/") else _default_path(target)
            key = (domain or host, path, name)
            if morsel["max-age"] in ("0", 0) or str(morsel["max-age"]).startswith("-"):
                self._cookies.pop(key, None)
                continue
            cookie = _Cookie(morsel.coded_value, domain or host, not domain, path, bool(morsel["secure"]))
            self._put(self._cookies, key, cookie)

    def cookies(self, host: str, target: bytes, *, secure: bool) -> bytes | None:
        """Return the Cookie field for a request; None where there are none. Longer paths come first."""
        host, path = host.lower(), target.partition(b"?")[0].decode("latin-1")
        found = [
            (name, cookie)
            for (_, _, name), cookie in self._cookies.items()
            if (host == cookie.domain or (not cookie.exact and _is_within(host, cookie.domain)))
            and _path_matches(path, cookie.path)
            and (secure or not cookie.secure)
        ]
        found.sort(key=lambda pair: -len(pair[1].path))
        return "; ".join(f"{name}={cookie.value}" for name, cookie in found).encode("latin-1") or None

    def _put(self, kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
        kept[key] = value
        kept.move_to_end(key)
        if len(kept) > self._most:
            kept.popitem(last=False)
            self.dropped += 1


def value_of(fields: tuple[FieldLine, ...], name: bytes) -> bytes | None:
    """Return the first value of a field."""
    return next((value for own, value in fields if own.lower() == name), None)


def _is_within(host: str, domain: str) -> bool:
    """RFC 6265 section 5.1.3; an address has no domains above it, and neither has a bare label."""
    if host == domain:
        return True
    return "." in domain and host.endswith("." + domain) and not host.replace(".", "").isdigit()


def _default_path(target: bytes) -> str:
    path = target.partition(b"?")[0].decode("latin-1")
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"


def _path_matches(path: str, wanted: str) -> bool:
    return path == wanted or (path.startswith(wanted) and (wanted[-1:] == "/" or path[len(wanted)] == "/"))
