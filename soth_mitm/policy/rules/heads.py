"""What rules do to a head: pure, from draft to draft."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import msgspec

from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from soth_mitm.policy.rules import actions as a
from soth_mitm.policy.rules.rule import site_of

if TYPE_CHECKING:
    from soth_mitm.policy.editing.draft import FieldLine

Draft = TypeVar("Draft", RequestDraft, ResponseDraft)

_CONDITIONS = frozenset((b"if-none-match", b"if-modified-since"))
_DEFAULT_PORT = {"http": 80, "https": 443}


def request_changed(draft: RequestDraft, action: a.Action) -> RequestDraft:
    """Return the request as a rule wants it; the same object where nothing changes."""
    match action:
        case a.MapRemote():
            return _mapped(draft, action)
        case a.RedirectHost(to=to):
            scheme, host, port = _site(to, draft.scheme)
            return msgspec.structs.replace(draft, scheme=scheme, host=host, port=port)
        case a.AntiCache():
            return _with(draft, tuple(pair for pair in draft.fields if pair[0].lower() not in _CONDITIONS))
        case a.NoCompression():
            return fields_changed(draft, a.SetField(field="Accept-Encoding", value="identity"))
        case _:
            return fields_changed(draft, action)


def fields_changed(draft: Draft, action: a.Action) -> Draft:
    """Do so with what rules do to the fields of either message."""
    match action:
        case a.SetField(field=name, value=value, add=add):
            return _with(draft, _set(draft.fields, name.encode(), value.encode(), add=add))
        case a.RemoveField(field=name):
            wanted = name.lower()
            kept = tuple(
                pair for pair in draft.fields if not fnmatchcase(pair[0].decode("latin-1").lower(), wanted)
            )
            return _with(draft, kept)
        case a.ReplaceField(field=name, pattern=pattern, replacement=replacement):
            wanted_name, compiled = name.lower().encode(), _compiled(pattern)
            put = replacement.encode()
            fields = tuple(
                (own, _one_line(compiled.sub(put, value)) if own.lower() == wanted_name else value)
                for own, value in draft.fields
            )
            return _with(draft, fields)
        case _:
            return draft


def _with(draft: Draft, fields: tuple[FieldLine, ...]) -> Draft:
    return draft if fields == draft.fields else msgspec.structs.replace(draft, fields=fields)


def _set(fields: tuple[FieldLine, ...], name: bytes, value: bytes, *, add: bool) -> tuple[FieldLine, ...]:
    if add:
        return (*fields, (name, value))
    at = next((i for i, pair in enumerate(fields) if pair[0].lower() == name.lower()), -1)
    if at < 0:
        return (*fields, (name, value))
    behind = (pair for pair in fields[at + 1 :] if pair[0].lower() != name.lower())
    return (*fields[:at], (fields[at][0], value), *behind)


def _one_line(value: bytes) -> bytes:
    """What a group brought in cannot end the field (RFC 9110 section 5.5)."""
    return value.translate(None, b"\r\n\0")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())


@lru_cache(maxsize=256)
def _site(to: str, scheme: str) -> tuple[str, str, int]:
    own, host, port = site_of(to)
    return own or scheme, host, port or _DEFAULT_PORT[own or scheme]


def remote_target(action: a.MapRemote, target: bytes) -> bytes | None:
    """Return the target at the other URL; None where the path does not begin with the prefix."""
    prefix = action.prefix.encode()
    if not target.startswith(prefix):
        return None
    rest = target[len(prefix) :]
    if prefix and not prefix.endswith(b"/") and rest[:1] not in (b"", b"/", b"?"):
        return None  # /api is no prefix of /apis
    base = urlsplit(action.to).path.encode()
    if rest[:1] == b"/":
        base = base.removesuffix(b"/")
    elif base[-1:] != b"/" and rest[:1] not in (b"", b"?"):
        base += b"/"
    whole = base + rest
    return whole if whole[:1] == b"/" else b"/" + whole


def _mapped(draft: RequestDraft, action: a.MapRemote) -> RequestDraft:
    target = remote_target(action, draft.target)
    if target is None:
        return draft
    scheme, host, port = _site(action.to, draft.scheme)
    fields = draft.fields
    if not action.keep_host:
        name = f"[{host}]" if ":" in host else host
        authority = name if port == _DEFAULT_PORT[scheme] else f"{name}:{port}"
        fields = _set(fields, b"Host", authority.encode(), add=False)
    return msgspec.structs.replace(draft, scheme=scheme, host=host, port=port, target=target, fields=fields)
