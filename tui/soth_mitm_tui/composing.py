"""A request made of what a person types or pastes: a curl command, an address, or nothing; pure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from soth_mitm.policy.composing import Pasted, PasteError, from_curl
from soth_mitm.policy.editing import RequestDraft
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from soth_mitm.policy.retargeting import Site

_COMMAND: Final = re.compile(r"\s*(?:[$%>]\s+)?(?:\S*[/\\])?curl(?:\.exe)?(?:\s|$)")
_ADDRESS: Final = re.compile(r"\s*(?:([A-Za-z]{2,20})\s+)?(\S+)\s*")
_AROUND: Final = 30
"""Characters that are shown on either side of a place."""


def is_command(text: str) -> bool:
    """Return whether a text begins as a command of curl does."""
    return _COMMAND.match(text[:4096]) is not None


def read(text: str, site: Site) -> Pasted:
    """Return the request that a text stands for; with nothing in it, an empty one to a server.

    Raises:
        PasteError: it is none; the error says where.
    """
    if not text.strip():
        fields = ((b"Host", site.authority.encode("ascii", "replace")), (b"Accept", b"*/*"))
        draft = RequestDraft(
            scheme=site.scheme, host=site.host, port=site.port, method=b"GET", target=b"/", fields=fields
        )
        return Pasted(draft)
    if is_command(text):
        return from_curl(text)
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise PasteError(0, "paste a command that begins with curl, or type an address: POST https://…", text)
    method = f"-X {match[1].upper()} " if match[1] else ""
    try:
        return from_curl(f"curl {method}{shlex.quote(match[2])}")
    except PasteError as error:
        raise PasteError(match.start(2), error.message, text) from error


def words(pasted: Pasted) -> str:
    """Say what a request is."""
    draft = pasted.draft
    port = "" if draft.port == {"https": 443, "http": 80}.get(draft.scheme) else f":{draft.port}"
    address = f"{draft.scheme}://{draft.host}{port}".encode() + draft.target
    count = "1 field" if len(draft.fields) == 1 else f"{len(draft.fields)} fields"
    body = f" · {human_size(len(draft.body))} bytes of body" if draft.body else ""
    return f"{printable(b'%b %b' % (draft.method, address), 200)} · {count}{body}"


def place(text: str, position: int) -> tuple[str, str]:
    """Return the text around a place, and a line that points at it."""
    position = min(position, len(text))
    start = max(text.rfind("\n", 0, position) + 1, position - _AROUND)
    end = text.find("\n", position)
    end = min(len(text) if end < 0 else end, position + _AROUND)
    before = printable(text[start:position])
    return f"{before}{printable(text[position:end])}", f"{' ' * len(before)}▲"
