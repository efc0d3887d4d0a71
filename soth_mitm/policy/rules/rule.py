"""A rule: for which messages it is meant, and what it does to them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from soth_mitm.errors import SothError
from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.policy.filters.repeats import endless_repeat
from soth_mitm.policy.rules import actions as a

LONGEST_DELAY: Final = 300.0
"""Seconds."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A field name (RFC 9110 section 5.1); `*` in it is a glob's where one is allowed."""
_FRAMING: Final = frozenset(("content-length", "transfer-encoding"))
_SECTIONS: Final = "\r\n\0"


class RuleError(SothError):
    """A rule that cannot work; the text says which, what of it, and why."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. Rules are asked in their order, and each sees what those before made of a message."""

    action: a.Action
    expression: str = ""
    """In the filter language, asked of the message at hand; empty: all."""
    name: str = ""
    folder: str = ""
    """Those of one folder stand together and are switched together."""
    enabled: bool = True
    id: int = 0
    """Given when it is set; 0 before."""

    @property
    def title(self) -> str:
        """Its name, or what it does where it has none."""
        return self.name or f"{a.name_of(self.action)} {a.described(self.action)}".strip()


def check(rule: Rule) -> None:
    """Raise RuleError where a rule cannot work."""
    try:
        compile_filter(rule.expression)
    except FilterError as error:
        raise RuleError(
            f"the rule {rule.title!r}: expression {rule.expression!r}, column {error.column + 1}: {error}"
        ) from error
    fault = fault_of(rule.action)
    if fault:
        raise RuleError(f"the rule {rule.title!r}: {fault}")


def fault_of(action: a.Action) -> str:
    """Return why an action cannot work; empty where it can. Looks for the files that it names."""
    match action:
        case a.MapRemote(to=to, prefix=prefix):
            return _url(to) or _prefix(prefix)
        case a.RedirectHost(to=to):
            return _site(to)
        case a.MapLocal(path=path, prefix=prefix):
            there = Path(path).expanduser()
            return _prefix(prefix) or ("" if path and there.exists() else f"path: there is no {path!r}")
        case a.Mock():
            return _mock(action)
        case a.Block(status=status):
            return _status(status)
        case a.SetField(field=name, value=value):
            return _field(name, value)
        case a.RemoveField(field=name):
            return _field(name.replace("?", "x").replace("[", "x").replace("]", "x"), "")
        case a.ReplaceField(field=name, pattern=pattern, replacement=replacement):
            return _field(name, replacement) or _pattern(pattern, replacement)
        case a.ReplaceBody(pattern=pattern, replacement=replacement, literal=literal):
            if literal:
                return "" if pattern else "pattern: it is empty"
            return _pattern(pattern, replacement)
        case a.Delay(seconds=seconds):
            return "" if 0 < seconds <= LONGEST_DELAY else f"seconds: {seconds:g} is not in 0..300"
        case a.LimitRate(bytes_per_second=rate):
            return "" if rate >= 1 else f"bytes-per-second: {rate} is less than 1"
        case a.Fail(after_bytes=after_bytes, after_messages=after_messages):
            if after_bytes is not None and after_messages is not None:
                return "after-bytes and after-messages exclude each other"
            least = min(count for count in (after_bytes, after_messages, 0) if count is not None)
            return f"{least} is less than 0" if least < 0 else ""
        case _:
            return ""


def site_of(to: str) -> tuple[str, str, int | None]:
    """Return scheme (may be empty), host and port (may be None) of `host`, `host:port` or a URL.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(to if "://" in to else f"//{to}")
    if parts.scheme not in ("", "http", "https"):
        raise ValueError(f"{parts.scheme}:// is neither http:// nor https://")
    if not parts.hostname or parts.username is not None:
        raise ValueError(f"{to!r} names no host")
    return parts.scheme, parts.hostname, parts.port


def _site(to: str) -> str:
    try:
        site_of(to)
    except ValueError as error:
        return f"to: {error}"
    path = urlsplit(to if "://" in to else f"//{to}").path
    return f"to: {to!r} has a path; map-remote can send to one" if path.strip("/") else ""


def _url(to: str) -> str:
    try:
        scheme, _, _ = site_of(to)
    except ValueError as error:
        return f"to: {error}"
    return "" if scheme else f"to: {to!r} must begin with http:// or https://"


def _prefix(prefix: str) -> str:
    return "" if not prefix or prefix.startswith("/") else f"prefix: {prefix!r} must begin with /"


def _status(status: int) -> str:
    return "" if 200 <= status <= 599 else f"status: {status} is not in 200..599"


def _mock(mock: a.Mock) -> str:
    if mock.body and mock.file:
        return "body and file exclude each other"
    if mock.file and not Path(mock.file).expanduser().is_file():
        return f"file: there is no file {mock.file!r}"
    for line in mock.fields:
        name, colon, value = line.partition(":")
        fault = _field(name.strip(), value) if colon else "it must be written Name: value"
        if fault:
            return f"fields: {line!r}: {fault}"
    return _status(mock.status)


def _field(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        return f"{name!r} is no field name"
    if name.lower() in _FRAMING:
        return f"{name} follows from the body, and cannot be set"
    if any(sign in value for sign in _SECTIONS):
        return "value: a line break or NUL would end the field"
    return ""


def _pattern(pattern: str, replacement: str) -> str:
    if not pattern:
        return "pattern: it is empty"
    try:
        compiled = re.compile(pattern.encode())
    except re.error as error:
        return f"pattern: {pattern!r}, column {(error.pos or 0) + 1}: {error.msg}"
    repeat = endless_repeat(pattern)
    if repeat is not None:
        return f"pattern: the repetition at column {repeat + 1} would take for ever to fail"
    if compiled.match(b""):
        return f"pattern: {pattern!r} matches nothing at all, which is everywhere"
    try:
        compiled.sub(replacement.encode(), b"")  # a wrong reference shows without a match
    except (re.error, IndexError) as error:
        return f"replacement: {replacement!r}: {error}"
    return ""
