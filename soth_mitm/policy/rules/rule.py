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
_NOT_OF_HOSTS: Final = frozenset("\"'(),;<>\\^`{|}")
_SHOWN: Final = 60
"""Characters of a value that a text about it shows."""
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
        where = f"expression {rule.expression!r}, column {error.column + 1}"
        raise RuleError(f"the rule {rule.title!r}: {where}: {error.message}") from error
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
            return _prefix(prefix) or _on_disk("path", path)
        case a.Mock():
            return _mock(action)
        case a.Block(status=status):
            return _status(status)
        case a.SetField(field=name, value=value):
            return _field(name, value)
        case a.RemoveField(field=name):
            plain = name.replace("?", "x").replace("[", "x").replace("]", "x")
            return _field(plain, "").replace(_quoted(plain), _quoted(name))
        case a.ReplaceField(field=name, pattern=pattern, replacement=replacement):
            return _field(name, replacement) or _pattern(pattern, replacement)
        case a.ReplaceBody(pattern=pattern, replacement=replacement, literal=literal):
            if literal:
                return "" if pattern else "pattern: it is empty"
            return _pattern(pattern, replacement)
        case a.Delay(seconds=seconds):
            if seconds > LONGEST_DELAY:
                return f"seconds: {seconds:g} is more than {LONGEST_DELAY:g}"
            return "" if seconds > 0 else f"seconds: {seconds:g} is not more than 0"
        case a.LimitRate(bytes_per_second=rate):
            return "" if rate >= 1 else f"bytes-per-second: {rate} is less than 1"
        case a.Fail(after_bytes=after_bytes, after_messages=after_messages):
            if after_bytes is not None and after_messages is not None:
                return "after-bytes and after-messages exclude each other"
            for key, count in (("after-bytes", after_bytes), ("after-messages", after_messages)):
                if count is not None and count < 0:
                    return f"{key}: {count} is less than 0"
            return ""
        case _:
            return ""


def site_of(to: str) -> tuple[str, str, int | None]:
    """Return scheme (may be empty), host and port (may be None) of `host`, `host:port` or a URL.

    Raises:
        ValueError: it is none.
    """
    if not to.isprintable() or " " in to:
        raise ValueError(f"{_quoted(to)} has a character that no address has")
    try:
        parts = urlsplit(to if "://" in to else f"//{to}")
    except ValueError as error:
        raise ValueError(f"{_quoted(to)} is no address: {error}") from error
    no_port = ValueError(f"{_quoted(to)} names no server: the port is not a number from 1 to 65535")
    try:
        port = parts.port
    except ValueError as error:
        raise no_port from error
    if port == 0:
        raise no_port
    if parts.scheme not in ("", "http", "https"):
        raise ValueError(f"{parts.scheme}:// is neither http:// nor https://")
    if not parts.hostname or parts.username is not None or set(parts.hostname) & _NOT_OF_HOSTS:
        raise ValueError(f"{_quoted(to)} names no host")
    return parts.scheme, parts.hostname, port


def _site(to: str) -> str:
    try:
        site_of(to)
    except ValueError as error:
        return f"to: {error}"
    path = urlsplit(to if "://" in to else f"//{to}").path
    return f"to: {_quoted(to)} has a path; map-remote can send to one" if path.strip("/") else ""


def _url(to: str) -> str:
    try:
        scheme, _, _ = site_of(to)
    except ValueError as error:
        return f"to: {error}"
    return "" if scheme else f"to: {_quoted(to)} must begin with http:// or https://"


def _on_disk(key: str, path: str, *, only_file: bool = False) -> str:
    """Return why a path names nothing to answer from; empty where it does."""
    try:
        there = Path(path).expanduser()
        found = bool(path) and (there.is_file() if only_file else there.exists())
    except RuntimeError:
        return f"{key}: {path.split('/')[0]}: there is no such home directory"
    except OSError as error:
        return f"{key}: {error.strerror}: {_quoted(path)}"
    return "" if found else f"{key}: there is no {'file ' if only_file else ''}{_quoted(path)}"


def _prefix(prefix: str) -> str:
    return "" if not prefix or prefix.startswith("/") else f"prefix: {_quoted(prefix)} must begin with /"


def _status(status: int) -> str:
    return "" if 200 <= status <= 599 else f"status: {status} is not in 200..599"


def _mock(mock: a.Mock) -> str:
    if mock.body and mock.file:
        return "body and file exclude each other"
    if mock.file and (fault := _on_disk("file", mock.file, only_file=True)):
        return fault
    return _lines("fields", mock.fields) or _lines("trailers", mock.trailers) or _status(mock.status)


def _lines(key: str, lines: tuple[str, ...]) -> str:
    for line in lines:
        name, colon, value = line.partition(":")
        fault = _field(name.strip(), value) if colon else "it must be written Name: value"
        if fault:
            return f"{key}: {_quoted(line)}: {fault}"
    return ""


def _field(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        return f"{_quoted(name)} is no field name"
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
        return f"pattern: {_quoted(pattern)}, column {(error.pos or 0) + 1}: {error.msg}"
    except (OverflowError, RecursionError) as error:
        return f"pattern: {_quoted(pattern)}: {error}"
    repeat = endless_repeat(pattern)
    if repeat is not None:
        return f"pattern: the repetition at column {repeat + 1} would take for ever to fail"
    if compiled.match(b""):
        return f"pattern: {_quoted(pattern)} matches nothing at all, which is everywhere"
    try:
        compiled.sub(replacement.encode(), b"")  # a wrong reference shows without a match
    except (re.error, IndexError) as error:
        return f"replacement: {_quoted(replacement)}: {error}"
    return ""


def _quoted(text: str) -> str:
    """Return what a text is about, short enough that the text itself is seen."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
