"""A whole message as one text: the start line, the fields, an empty line, the body; and back.

The head is written in escapes (`escapes`), so that no line ends within a field. Every text can be read:
what is wrong with it is for `checks` to say, and what was typed is not lost.
"""

from __future__ import annotations

from typing import Final

import msgspec

from soth_mitm.policy.editing.draft import FieldLine
from soth_mitm.policy.editing.escapes import escaped, unescaped

_VERSION: Final = "HTTP/"


class RawHead(msgspec.Struct, frozen=True):
    """A start line and fields, as they stand in the text."""

    first: tuple[str, str]
    """Of a request the method and the target, of a response the status and the reason; in escapes."""
    fields: tuple[FieldLine, ...]


def write_raw(head: RawHead, version: str, *, response: bool, body: str | None) -> str:
    """Return a message as one text; without a body (None) it ends with the empty line."""
    one, two = head.first
    first = f"{version} {one} {two}".rstrip() if response else f"{one} {two} {version}"
    lines = [first, *(f"{escaped(name)}: {escaped(value)}" for name, value in head.fields), ""]
    return "\n".join(lines) + "\n" + (body or "")


def read_raw(text: str, *, response: bool, known: tuple[FieldLine, ...] = ()) -> tuple[RawHead, str]:
    """Read head and body; `known` fields whose line is as it was keep their bytes.

    The version in the start line says nothing: it follows from the connection.
    """
    head, _, body = text.partition("\n\n") if not text.startswith("\n") else ("", "", text[1:])
    first, *lines = head.rstrip("\n").split("\n") if head else [""]
    written = {f"{escaped(name)}: {escaped(value)}": (name, value) for name, value in known}
    fields = tuple(written.get(line) or _field(line) for line in lines)
    return RawHead(_status(first) if response else _request(first), fields), body


def _request(line: str) -> tuple[str, str]:
    start, blank, last = line.rpartition(" ")
    if blank and last.upper().startswith(_VERSION):
        line = start
    method, _, target = line.partition(" ")
    return method, target.strip(" ")


def _status(line: str) -> tuple[str, str]:
    first, _, rest = line.partition(" ")
    if first.upper().startswith(_VERSION):
        line = rest.lstrip(" ")
    status, _, reason = line.partition(" ")
    return status, reason


def _field(line: str) -> FieldLine:
    name, _, value = line.partition(":")
    return unescaped(name), unescaped(value.strip(" \t"))
