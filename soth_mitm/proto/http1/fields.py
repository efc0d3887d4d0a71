"""Field lines one by one, with a reason for every defect (RFC 9112 section 5): the slow path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.proto.http1 import grammar

if TYPE_CHECKING:
    from soth_mitm.proto.http1.judge import Judge


class Line(NamedTuple):
    """One line of a head without its line end."""

    number: int
    text: bytes
    bare_lf: bool


class Field(NamedTuple):
    """One field: lower-case name, value without surrounding whitespace."""

    name: bytes
    value: bytes


_Growing = tuple[bytes, list[bytes]]
"A name and the parts of a value that may go on in the next line."


def lines_of(raw: bytes) -> Iterator[Line]:
    """Split a head or a trailer section into its lines, the final empty one left out."""
    for number, line in enumerate(raw.split(b"\n")[:-2], start=1):
        if line.endswith(b"\r"):
            yield Line(number, line[:-1], bare_lf=False)
        else:
            yield Line(number, line, bare_lf=True)


def last_line_is_bare(raw: bytes) -> bool:
    """Return whether the final empty line ends with a bare line feed."""
    return not raw.endswith(b"\r\n")


def check_characters(line: Line, judge: Judge) -> bool:
    """Report a bare line feed, a bare CR or a NUL; return whether the line can be trusted."""
    if line.bare_lf:
        judge.defect("bare_lf", f"line {line.number} ends with a bare line feed", line.text)
    if b"\r" in line.text:
        judge.defect("bare_cr", f"line {line.number} holds a bare carriage return", line.text)
        return False
    if b"\0" in line.text:
        judge.defect("nul", f"line {line.number} holds a NUL", line.text)
        return False
    return True


def read_fields(lines: Iterator[Line], judge: Judge) -> list[Field]:
    """Read field lines in order; a defect is refused or flagged as the judge is told.

    A folded line is joined to the one before by a space. A line that has no name is passed over.
    """
    found: list[_Growing] = []
    for line in lines:
        if line.text[:1] in (b" ", b"\t"):
            _fold(line, found, judge)
        elif field := _read_field(line, judge):
            found.append((field.name, [field.value]))
    return [Field(name, parts[0] if len(parts) == 1 else _joined(parts)) for name, parts in found]


def _joined(parts: list[bytes]) -> bytes:
    return b" ".join(part for part in parts if part)


def _fold(line: Line, found: list[_Growing], judge: Judge) -> None:
    check_characters(line, judge)
    if not found:
        judge.defect("space_before_first_field", f"line {line.number} begins with whitespace", line.text)
        _refuse_hidden_framing(line, judge)
        return
    judge.defect("obs_fold", f"line {line.number} continues the field before it", line.text)
    name, parts = found[-1]
    if judge.of_request and grammar.FRAMING_NAME.fullmatch(name):
        judge.refuse("hidden_framing_field", f"line {line.number} folds a framing field", line.text)
    _refuse_hidden_framing(line, judge)
    parts.append(line.text.strip(b" \t"))


def _read_field(line: Line, judge: Judge) -> Field | None:
    clean = grammar.FIELD.fullmatch(line.text)
    if clean is not None:
        if line.bare_lf:
            check_characters(line, judge)
        return Field(clean[1].lower(), clean[2].strip(b" \t"))
    sound = check_characters(line, judge)
    name, colon, value = line.text.partition(b":")
    if not colon:
        judge.defect("missing_colon", f"line {line.number} is not a field", line.text)
        _refuse_hidden_framing(line, judge)
        return None
    stripped = name.rstrip(b" \t")
    if stripped != name:
        judge.defect("space_before_colon", f"line {line.number} has whitespace before the colon", line.text)
        # A response's reader and ours agree about the name; a request's may not (RFC 9112 section 5.1).
        sound = sound and not judge.of_request
    if not grammar.TOKEN.fullmatch(stripped):
        judge.defect("invalid_field_name", f"line {line.number} has a name that is no token", line.text)
        sound = False
    if sound and not grammar.VALUE.fullmatch(value):
        judge.defect("control_char", f"line {line.number} has a control character in its value", line.text)
        sound = False
    if not sound:
        _refuse_hidden_framing(line, judge)
    return Field(stripped.lower(), value.strip(b" \t"))


def _refuse_hidden_framing(line: Line, judge: Judge) -> None:
    """Refuse a malformed line that another reader could take for a framing field."""
    if grammar.FRAMING_NAME.search(line.text):
        what = f"line {line.number} is malformed and names a framing field"
        judge.refuse("hidden_framing_field", what, line.text)
