"""From the bytes of a body to the lines that a person reads."""

from __future__ import annotations

from typing import Literal

import msgspec

from soth_mitm.decode import sniff
from soth_mitm.decode.charset import decode_text
from soth_mitm.decode.coding import Decoded, undo
from soth_mitm.decode.form_view import form_lines
from soth_mitm.decode.hex_view import hex_lines
from soth_mitm.decode.json_view import lay_out
from soth_mitm.text import SafeText, human_size, printable, printable_lines

Mode = Literal["auto", "pretty", "raw", "hex"]

MAX_OUTPUT = 2 * 1024 * 1024
"""How many decoded bytes are shown at most, unless asked otherwise."""

_MOST_LINES = 200_000
_TEXT_KINDS = ("json", "text", "form")


class Rendered(msgspec.Struct, frozen=True):
    """A body as lines."""

    kind: str
    """What the lines show: `empty`, `json`, `form`, `text` or `hex`."""
    lines: list[SafeText]
    notes: tuple[str, ...] = ()
    """What was done to get there, such as `gzip 4.5k → 18k`."""
    truncated: bool = False
    """There is more than what is shown."""
    error: str = ""
    """What is wrong with the body; the lines show it as far as that goes."""


def render(
    data: bytes,
    *,
    content_type: bytes = b"",
    content_encoding: bytes = b"",
    mode: Mode = "auto",
    complete: bool = True,
    max_output: int = MAX_OUTPUT,
) -> Rendered:
    """Return `data`, the body bytes as they passed, as lines.

    `auto` goes by the type and the looks; `pretty` lays out even what its type does not announce;
    `raw` is the decoded text as it stands; `hex` shows the bytes as they passed, nothing undone.
    `complete` says whether more may come. Output is about `max_output` characters at most, five times
    that in hex. Never raises for any input.
    """
    if mode == "hex":
        return _hex(data[:max_output], truncated=len(data) > max_output)
    decoded = undo(data, content_encoding, limit=max_output)
    notes, error = _judge(decoded, len(data), complete=complete)
    body = decoded.data[:max_output]
    truncated = decoded.truncated or len(decoded.data) > max_output
    choice = _choose(body, content_type, mode)
    if choice.reason:
        notes.append(choice.reason)
    if choice.kind == "hex":
        shown = _hex(body, truncated=truncated)
    elif choice.kind in _TEXT_KINDS:
        whole = complete and not truncated and decoded.ended and not decoded.error
        shown = _text(body, choice.kind, content_type, whole=whole, truncated=truncated, limit=max_output)
    else:
        shown = Rendered("empty", [])
    return msgspec.structs.replace(shown, notes=(*notes, *shown.notes), error=printable(error or shown.error))


def _choose(body: bytes, content_type: bytes, mode: Mode) -> sniff.Choice:
    choice = sniff.choose(body, content_type)
    if mode == "raw" and choice.kind in _TEXT_KINDS:
        return sniff.Choice("text")
    if mode == "pretty" and choice.kind == "text":
        again = sniff.choose(body, b"")
        return again if again.kind == "json" else choice
    return choice


def _judge(decoded: Decoded, passed: int, *, complete: bool) -> tuple[list[str], str]:
    """Return the notes about the codings, and what is wrong with them."""
    notes: list[str] = []
    if decoded.codings:
        first = "first " if decoded.truncated else ""
        names = "+".join(decoded.codings)
        notes.append(f"{names} {human_size(passed)} → {first}{human_size(len(decoded.data))}")
    error = decoded.error
    if not error and complete and not decoded.ended and not decoded.truncated:
        error = f"{decoded.codings[-1]} ends too early"
    return notes, error


def _hex(data: bytes, *, truncated: bool) -> Rendered:
    return Rendered("hex" if data else "empty", hex_lines(data), truncated=truncated)


def _text(
    body: bytes, kind: str, content_type: bytes, *, whole: bool, truncated: bool, limit: int
) -> Rendered:
    if kind == "form":
        return Rendered("form", form_lines(body), truncated=truncated)
    text, _, note = decode_text(body, content_type)
    notes = (note,) if note else ()
    error = ""
    if kind == "json":
        laid = lay_out(text, limit=limit)
        error = laid.error or ("" if laid.finished or not whole else _ends_early(laid.text, limit))
        if not error:
            cut = not laid.finished and len(laid.text) > limit
            return _lines("json", laid.text, notes, truncated=truncated or cut)
    return msgspec.structs.replace(_lines("text", text, notes, truncated=truncated), error=error)


def _ends_early(laid_out: str, limit: int) -> str:
    return "" if len(laid_out) > limit else "not valid JSON: it ends too early"


def _lines(kind: str, text: str, notes: tuple[str, ...], *, truncated: bool) -> Rendered:
    pieces = text.split("\n", _MOST_LINES)
    if len(pieces) > _MOST_LINES:
        text, truncated = "\n".join(pieces[:_MOST_LINES]), True
    joined = "".join(pieces)
    if joined.isascii() and joined.isprintable() and not truncated:
        return Rendered(kind, [SafeText(piece) for piece in pieces], notes)
    return Rendered(kind, printable_lines(text), notes, truncated)
