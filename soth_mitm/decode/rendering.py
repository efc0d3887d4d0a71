"""From the bytes of a body, as many as there are, to the lines that a person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import msgspec

from soth_mitm.decode import registry
from soth_mitm.decode.about import About
from soth_mitm.decode.coding import Decoded, undo
from soth_mitm.decode.hex_view import hex_lines
from soth_mitm.decode.image_view import image_lines
from soth_mitm.decode.registry import Decoder, Given
from soth_mitm.decode.sniff import LOOK
from soth_mitm.decode.views import NotThis, ReadAs, View
from soth_mitm.text import SafeText, human_size, printable

if TYPE_CHECKING:
    from soth_mitm.decode.protobuf.schema import Schema

Mode = Literal["auto", "pretty", "raw", "hex"]

MAX_OUTPUT = 2 * 1024 * 1024
"""How many decoded bytes are shown at most, unless asked otherwise."""

_MOST_LINES = 200_000


class Rendered(msgspec.Struct, frozen=True):
    """A body as lines."""

    kind: str
    """What the lines show: the name of a decoder."""
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
    about: About | None = None,
    decoder: str = "",
    schema: Schema | None = None,
) -> Rendered:
    """Return `data`, the body bytes as they passed, as lines.

    `auto` goes by the type and the looks; `pretty` lays out even what its type does not announce;
    `raw` is the decoded text as it stands; `hex` shows the bytes as they passed, nothing undone.
    `about` says more than the content type, `decoder` names what a person has chosen, `schema` has what
    descriptors declare. `complete` says
    whether more may come. Output is about `max_output` characters at most, five times that in hex.
    Never raises for any input.
    """
    if mode == "hex":
        return _hex(data[:max_output], truncated=len(data) > max_output)
    about = about or About(content_type)
    undone = undo(data, content_encoding, limit=max_output)
    notes, error = _judge(undone, len(data), complete=complete)
    body = undone.data[:max_output]
    truncated = undone.truncated or len(undone.data) > max_output
    ended = complete and not truncated and undone.ended and not undone.error
    head = body[:LOOK]
    whole = ended and len(head) == len(body)
    if mode == "raw":
        choice = registry.as_it_stands(head, about)
    else:
        choice = registry.choose(head, about, whole=whole, wanted=decoder, bold=mode == "pretty")
    if choice.reason:
        notes.append(choice.reason)
    given = Given(about, head, schema=schema, folding=False)
    shown = _show(body, choice.decoder, given, ended=ended, limit=max_output)
    return msgspec.structs.replace(
        shown,
        notes=(*notes, *shown.notes),
        error=printable(error or shown.error),
        truncated=truncated or shown.truncated,
    )


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


def _show(body: bytes, decoder: Decoder, given: Given, *, ended: bool, limit: int) -> Rendered:
    """Return a body as a decoder shows it, or as another does where that one cannot."""
    refusal = ""
    notes: tuple[str, ...] = ()
    while decoder.make is not None:
        view = decoder.make(given)
        try:
            text, cut = _text_of(view, body, ended=ended, limit=limit)
        except ReadAs as again:
            given, notes = given._replace(charset=again.charset), (again.note,)
        except NotThis as error:
            refusal = str(error)
            decoder = registry.instead_of(decoder, given.beginning)
        else:
            if not notes and view.characters is not None and view.characters.note:
                notes = (view.characters.note,)
            shown = _lines(decoder, text, truncated=cut)
            return msgspec.structs.replace(shown, notes=(*view.notes, *notes), error=refusal or view.error)
    if decoder.name == "image":
        return Rendered("image", image_lines(body, len(body)))
    return msgspec.structs.replace(_hex(body, truncated=False), error=refusal)


def _text_of(view: View, body: bytes, *, ended: bool, limit: int) -> tuple[str, bool]:
    """Return the text of a view, about `limit` characters at most, and whether there is more."""
    parts: list[str] = []
    size = 0
    for start in range(0, max(len(body), 1), view.step):
        final = ended and start + view.step >= len(body)
        text: str = view.feed(body[start : start + view.step], final=final)
        while True:
            parts.append(text)
            size += len(text)
            if size > limit:
                whole = "".join(parts)
                return whole[:limit], True
            if not view.busy:
                break
            text = view.go_on()
    if not ended:
        parts.append(view.stop())
        while view.busy:
            parts.append(view.go_on())
    return "".join(parts), False


def _hex(data: bytes, *, truncated: bool) -> Rendered:
    return Rendered("hex" if data else "empty", hex_lines(data), truncated=truncated)


def _lines(decoder: Decoder, text: str, *, truncated: bool) -> Rendered:
    # Parts of safe text are safe, and a call for each line would cost more than all the rest.
    lines = cast("list[SafeText]", text.split("\n", _MOST_LINES)) if text else []
    if len(lines) > _MOST_LINES:
        del lines[_MOST_LINES:]
        truncated = True
    return Rendered(decoder.name, lines, truncated=truncated)
