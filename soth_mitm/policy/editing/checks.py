"""What is wrong with a draft, each fault with its place: all of them, so that an editor can show all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from soth_mitm.policy.editing.draft import Draft, FieldLine, MessageDraft, RequestDraft, ResponseDraft
from soth_mitm.text import printable

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")
_OUT_OF_TARGET: Final = re.compile(rb"[\x00-\x20\x7f]")
_OUT_OF_LINE: Final = re.compile(rb"[\x00\r\n]")
_NAMED: Final = {0x00: "a NUL byte", 0x09: "a tab", 0x0A: "a line break", 0x0D: "a carriage return"}
_NAMED_TOO: Final = {0x20: "a blank", 0x3A: "a colon"}


class Fault(msgspec.Struct, frozen=True):
    """Something that would break the message."""

    place: str
    """`method`, `target`, `status`, `reason`, `name` or `value`."""
    reason: str
    """Why it cannot be sent, for a person: it goes on from the words for its place."""
    field: int = 0
    """Number of the header field, from 1; 0 where the place is in the first line."""
    at: int = 0
    """Byte that is wrong, from 1; 0 where it is the whole."""

    def __str__(self) -> str:
        """Return one line: where, and what is wrong."""
        where = f"the {self.place} of header {self.field}" if self.field else f"the {self.place}"
        return f"{where} {self.reason}" + (f" (at byte {self.at})" if self.at else "")


class TextFault(msgspec.Struct, frozen=True):
    """The first thing in a text that keeps it from being what it is to be: JSON, or bytes of a format."""

    offset: int
    """In characters, from 0."""
    line: int
    """From 1."""
    column: int
    """In characters, from 1."""
    reason: str
    """Plain words, without anything of the text that could not be printed."""

    def __str__(self) -> str:
        """Return one line for a person: the place, then the reason."""
        return f"line {self.line}:{self.column}: {self.reason}"


def faults(draft: Draft, *, original: Draft | None = None) -> tuple[Fault, ...]:
    """Return what keeps a draft from being sent, in the order of the message; never raises.

    What the original holds already is no fault: its sender sent it. Lines that would end within
    themselves are faults nonetheless (RFC 9112 section 11).
    """
    if isinstance(draft, MessageDraft):
        return ()
    found: list[Fault] = []
    if isinstance(draft, RequestDraft):
        found.extend(_request_line(draft, original))
    else:
        found.extend(_status_line(draft, original))
    known = frozenset(() if original is None or isinstance(original, MessageDraft) else original.fields)
    return (*found, *faults_of_fields(draft.fields, known=known))


def faults_of_fields(
    fields: tuple[FieldLine, ...], *, known: frozenset[FieldLine] = frozenset()
) -> tuple[Fault, ...]:
    """Return what is wrong with header fields, as in `faults`; `known` are those of the original."""
    return tuple(
        fault for number, line in enumerate(fields, 1) for fault in _field(line, number, known=line in known)
    )


def _request_line(draft: RequestDraft, original: Draft | None) -> Iterator[Fault]:
    was = original if isinstance(original, RequestDraft) else None
    if not draft.method:
        yield Fault("method", "is missing")
    elif was is None or draft.method != was.method:
        yield from _token("method", draft.method)
    if was is not None and draft.target == was.target:
        return
    wrong = _OUT_OF_TARGET.search(draft.target)
    if not draft.target:
        yield Fault("target", "is missing: write / for the root")
    elif wrong:
        byte = wrong[0][0]
        yield Fault("target", f"cannot hold {_name(byte)}: write %{byte:02X}", at=wrong.start() + 1)


def _status_line(draft: ResponseDraft, original: Draft | None) -> Iterator[Fault]:
    same = isinstance(original, ResponseDraft) and original.status == draft.status
    if not same and not 200 <= draft.status <= 599:
        yield Fault("status", f"{draft.status} is none: it is from 200 to 599")
    yield from _line("reason", draft.reason)


def _field(line: FieldLine, number: int, *, known: bool) -> Iterator[Fault]:
    name, value = line
    if not name.strip():
        yield Fault("name", "is missing", number)
    elif _OUT_OF_LINE.search(name) or b":" in name or not known:
        yield from _token("name", name, number)
    yield from _line("value", value, number)


def _token(place: str, value: bytes, field: int = 0) -> Iterator[Fault]:
    for at, byte in enumerate(value):
        if not _TOKEN.match(value, at):
            yield Fault(place, f"cannot hold {_name(byte)}", field, at + 1)
            return


def _line(place: str, value: bytes, field: int = 0) -> Iterator[Fault]:
    wrong = _OUT_OF_LINE.search(value)
    if wrong:
        yield Fault(place, f"cannot hold {_name(wrong[0][0])}", field, wrong.start() + 1)


def _name(byte: int) -> str:
    return _NAMED.get(byte) or _NAMED_TOO.get(byte) or printable(bytes((byte,)))
