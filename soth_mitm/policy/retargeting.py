"""Sending a request to another server than the one it was made for: pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.errors import ReplayError
from soth_mitm.proto.authority import Authority, ConnectError, parse_authority
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.policy.editing.draft import RequestDraft

_PORTS: Final = {"http": 80, "https": 443}
_SITE: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*)://)?([^/?#]+)/?")


class Site(msgspec.Struct, frozen=True):
    """A server: scheme, host and port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as they stand in a Host field: the scheme's usual port is left out."""
        return Authority(self.host, self.port).beside(_PORTS.get(self.scheme))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse_site(text: str) -> Site:
    """Read `scheme://host:port`; the port may be left out, and the scheme, which is then http.

    Raises:
        ReplayError: it is none; the text says what is wrong.
    """
    example = "such as https://staging.example.com or http://127.0.0.1:3000"
    match = _SITE.fullmatch(text.strip())
    if match is None:
        raise ReplayError(f"{printable(text, 200)!r} names no server; give one {example}")
    scheme = (match[1] or "http").lower()
    if scheme not in _PORTS:
        raise ReplayError(f"the scheme {printable(scheme, 40)} is neither http nor https; give one {example}")
    try:
        site = parse_authority(match[2].encode(), default_port=_PORTS[scheme])
    except ConnectError as error:
        why = error.detail.partition(": b")[0]  # the text itself is named already
        raise ReplayError(f"{printable(text, 200)!r} names no server: {why}") from error
    return Site(scheme, site.host, site.port)


def redirected(draft: RequestDraft, site: Site, *, keep_host: bool = False) -> RequestDraft:
    """Return the draft for another server; its Host field follows, unless it is to stay as it is."""
    fields = draft.fields
    if not keep_host:
        value = site.authority.encode("ascii", "replace")
        fields = tuple((name, value if name.lower() == b"host" else old) for name, old in fields)
    return msgspec.structs.replace(draft, scheme=site.scheme, host=site.host, port=site.port, fields=fields)
