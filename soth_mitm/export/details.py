"""Heads and bodies below the line of a flow, indented: `>` is what went up, `<` what came down, `=` both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.decode import render
from soth_mitm.decode.about import About
from soth_mitm.decode.llm.recognise import MESSAGES
from soth_mitm.export import redact
from soth_mitm.export.calls_before import asked_of
from soth_mitm.export.collect import BODY_BYTES, Exchange, Message
from soth_mitm.model.fields import Fields, start_line
from soth_mitm.model.memo import Memo
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from soth_mitm.decode.protobuf.schema import Schema
    from soth_mitm.export.style import Palette

INDENT = "    "

_BETWEEN = b"\n"
"""Between the name and the value of a field, in which it cannot be."""

RENDERED = 4 * BODY_BYTES
"""Characters of one body that are printed at most, its content codings undone."""


class Details:
    """Lays out messages line by line; every line is safe, and ends with a line end."""

    def __init__(self, palette: Palette, *, redact: bool, bodies: bool, schema: Schema | None = None) -> None:
        self._tones = palette
        self._redact = redact
        self._bodies = bodies
        self._schema = schema
        self._lines: Memo[bytes, str] = Memo(self._field)
        """Fields as lines: most come again and again."""

    def heads(self, exchange: Exchange) -> str:
        """Return the heads of both messages, with the interim responses between them."""
        parts = [self._head(exchange.request.raw, ">")]
        parts += [self._head(info.raw, "<") for info in exchange.infos]
        parts.append(self._head(exchange.response.raw, "<"))
        return "".join(parts)

    def rest(self, exchange: Exchange, before: bytes = b"") -> str:
        """Return what comes behind the heads: bodies where they were asked for, and trailers.

        `before` are requests of other flows, whose results are in this one.
        """
        return "".join(
            self._body(message, mark, exchange, before)
            + (self._fields(Fields.parse(message.trailers), mark) if message.trailers else "")
            for message, mark in ((exchange.request, ">"), (exchange.response, "<"))
        )

    def talk(self, exchange: Exchange, said: bytes, whole: bool) -> str:
        """Return what both sides of a WebSocket have said in a conversation with a model."""
        if not said:
            return ""
        about = About(MESSAGES, path=exchange.path, response=True)
        shown = render(said, about=about, complete=whole, max_output=RENDERED)
        texts: list[str] = list(shown.lines)
        if self._redact:
            texts = redact.lines(texts, shown.kind)
        notes = [] if whole else ["not all that was said was kept"]
        return self._block(texts, notes, "=")

    def _head(self, raw: bytes, mark: str) -> str:
        if not raw:
            return ""
        line = printable(start_line(raw))
        shown = redact.url(line) if self._redact else line
        tones = self._tones
        return f"{INDENT}{tones.quiet(mark)} {tones.strong(shown)}\n{self._fields(Fields.of_head(raw), mark)}"

    def _fields(self, fields: Fields, mark: str) -> str:
        lead, lines = f"{INDENT}{self._tones.quiet(mark)} ", self._lines
        return "".join([f"{lead}{lines[name + _BETWEEN + value]}" for name, value in fields])

    def _field(self, field: bytes) -> str:
        raw_name, _, raw_value = field.partition(_BETWEEN)
        name, value = printable(raw_name), printable(raw_value)
        shown = redact.field(name, value) if self._redact else value
        return f"{self._tones.field(name)}: {shown}\n"

    def _body(self, message: Message, mark: str, exchange: Exchange, before: bytes) -> str:
        if not self._bodies or not message.body_bytes:
            return ""
        body = message.shown
        whole = message.complete and len(body) >= message.body_bytes
        asked = (asked_of(exchange) or before) if mark == "<" else b""
        about = About(message.content_type, "", "", exchange.path, mark == "<", _compression(message), asked)
        shown = render(
            body,
            about=about,
            schema=self._schema,
            content_encoding=message.coding,
            complete=whole,
            max_output=RENDERED,
        )
        texts: list[str] = list(shown.lines)
        if self._redact:
            texts = redact.lines(texts, shown.kind)
        notes: list[str] = [printable(note) for note in shown.notes]
        if shown.error:
            notes.append(shown.error)
        if not body:
            notes.append(f"{human_size(message.body_bytes)} bytes, not kept")
        elif shown.truncated or len(body) < message.body_bytes:
            notes.append(f"only the beginning of {human_size(message.body_bytes)} bytes")
        return self._block(texts, notes, mark)

    def _block(self, texts: list[str], notes: list[str], mark: str) -> str:
        quiet = self._tones.quiet
        lead = f"{INDENT}{quiet(mark)} "
        empty = f"{INDENT}{quiet(mark)}\n"
        if "" in texts or not texts:
            out = empty + "".join(f"{lead}{text}\n" if text else empty for text in texts)
        else:
            out = f"{empty}{lead}" + f"\n{lead}".join(texts) + "\n"
        note = "; ".join(notes)
        return out + (f"{lead}{quiet(f'({note})')}\n" if notes else "")


def _compression(message: Message) -> bytes:
    """Return what single messages of a body are compressed with; empty where no field says that."""
    lower = message.raw.lower()
    if b"grpc-encoding" not in lower and b"connect-content-encoding" not in lower:
        return b""
    fields = Fields.of_head(message.raw)
    return fields.get(b"grpc-encoding") or fields.get(b"connect-content-encoding")
