"""Messages within flows as lines while they come: direction, number, time, label, size, beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.about import is_call
from soth_mitm.decode.preview import preview
from soth_mitm.export import redact as masking
from soth_mitm.export.details import INDENT
from soth_mitm.model.events import BodyChunk, Direction, Event, MessageChunk, MessageSeen, MessagesStarted
from soth_mitm.text import human_duration, human_size, printable

if TYPE_CHECKING:
    from soth_mitm.export.rows import FlowRow
    from soth_mitm.export.style import Palette

SHOWN: Final = 120
"""Characters of a payload in a line."""

KEPT: Final = 128 * 1024
"""Bytes of a body's latest chunks that are kept, in which the messages behind them lie."""

STREAMS: Final = 128
"""Directions of which so much is kept; of others, what lies in the body shows no payload."""

NOUNS: Final = {
    "sse": ("event", "events"),
    "aws": ("event", "events"),
    "ndjson": ("line", "lines"),
    "json": ("value", "values"),
    "parts": ("part", "parts"),
}


def count_words(form: str, count: int) -> str:
    """Return a number of messages in words; empty for none."""
    if not count:
        return ""
    one, many = NOUNS.get(form, ("message", "messages"))
    return f"{count:,} {one if count == 1 else many}"


class _Recent:
    """The latest chunks of a body, in order and without a hole."""

    __slots__ = ("_chunks", "_end", "_size")

    def __init__(self) -> None:
        self._chunks: list[BodyChunk] = []
        self._size = 0
        self._end = 0

    def add(self, chunk: BodyChunk) -> None:
        if chunk.offset != self._end or not chunk.data:
            self._chunks.clear()
            self._size = 0
        self._end = chunk.offset + chunk.length
        if chunk.data:
            self._chunks.append(chunk)
            self._size += chunk.length
        while self._size > KEPT:
            self._size -= self._chunks.pop(0).length

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes that are kept, fewer where they are not."""
        out = b""
        for chunk in self._chunks:
            start = offset + len(out) - chunk.offset
            if 0 <= start < chunk.length:
                out += chunk.data[start : start + count - len(out)]
        return out


class LiveMessages:
    """Makes a line of each message. `apply` takes every event of the flows that are shown."""

    def __init__(self, palette: Palette, *, redact: bool) -> None:
        self._tones = palette
        self._redact = redact
        self._recent: dict[tuple[int, Direction], _Recent] = {}
        self._begun: dict[tuple[int, int], bytes] = {}
        """How messages begin that are told in chunks, by flow and number."""

    def apply(self, row: FlowRow, event: Event) -> str:
        """Return the line of a message; empty for every other event."""
        body, flow = event.body, event.flow
        if isinstance(body, MessageSeen):
            return self._line(row, body)
        if isinstance(body, BodyChunk):
            recent = self._recent.get((flow, body.direction))
            if recent is not None:
                recent.add(body)
        elif isinstance(body, MessageChunk):
            if not body.offset and len(self._begun) < STREAMS:
                self._begun[flow, body.number] = body.data[: 4 * SHOWN]
        elif isinstance(body, MessagesStarted) and len(self._recent) < STREAMS:
            self._recent[flow, body.direction] = _Recent()
        return ""

    def forget(self, flow: int) -> None:
        """Keep nothing of a flow that has ended."""
        for direction in Direction:
            self._recent.pop((flow, direction), None)
        if self._begun:
            for key in [key for key in self._begun if key[0] == flow]:
                del self._begun[key]

    def _line(self, row: FlowRow, seen: MessageSeen) -> str:
        mark = ">" if seen.direction == Direction.REQUEST else "<"
        data = self._begun.pop((row.flow, seen.number), b"") or seen.data[: 4 * SHOWN]
        if not data and seen.offset >= 0:
            recent = self._recent.get((row.flow, seen.direction))
            data = recent.read(seen.offset, min(seen.size, 4 * SHOWN)) if recent is not None else b""
        shown = preview(data, SHOWN, whole=len(data) >= seen.size, call=is_call(row.form, seen.label))
        text: str = shown.text
        if self._redact and shown.kind != "bytes":
            text = masking.body(text, "json")
        tones = self._tones
        parts = [
            f"{INDENT}{tones.quiet(mark)} {seen.number}",
            tones.quiet(human_duration(row.last_message_ns)),
            tones.field(printable(seen.label)),
            human_size(seen.size),
        ]
        if seen.note:
            parts.append(tones.quiet(f"({printable(seen.note)})"))
        if seen.origin:
            parts.append(tones.strong(printable(seen.origin)))
        return "  ".join([*parts, text] if text else parts) + "\n"
