"""Messages of a flow as text: one for the clipboard, many as JSON lines.

A line is one object: `flow`, `number`, `direction`, `time`, `label`, `size`, where there is something to
say `note`, `origin` and `missing` (bytes of the payload that were not recorded), and last the payload, as
`text` where it is UTF-8, as `base64` where it is not. What a terminal would act upon is escaped in the
way of JSON, as in docs/jsonl.md.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from soth_mitm.decode.hex_view import hex_lines
from soth_mitm.decode.rendering import render
from soth_mitm.export.rows import utc_time
from soth_mitm.text import printable_block, printable_text

MessageCopy = Literal["text", "json", "hex", "base64"]


class MessageItem(NamedTuple):
    """One message, with all of its payload that is to be written."""

    flow: int
    number: int
    direction: str
    wall_ns: int
    label: str
    size: int
    data: bytes
    note: str = ""
    origin: str = ""


class _Record(msgspec.Struct, omit_defaults=True):
    flow: int
    number: int
    direction: str
    time: str
    label: str
    size: int
    note: str = ""
    origin: str = ""
    missing: int = 0
    text: str | None = None
    base64: str | None = None


def message_lines(messages: Sequence[MessageItem]) -> str:
    """Return messages as JSON lines, each with its line end."""
    return "".join(f"{_line(each)}\n" for each in messages)


def _line(message: MessageItem) -> str:
    record = _Record(
        message.flow,
        message.number,
        message.direction,
        utc_time(message.wall_ns),
        _safe(message.label),
        message.size,
        note=_safe(message.note),
        origin=_safe(message.origin),
        missing=max(message.size - len(message.data), 0),
    )
    try:
        record.text = message.data.decode("utf-8")
    except UnicodeDecodeError:
        record.base64 = base64.b64encode(message.data).decode("ascii")
    return printable_block(msgspec.json.encode(record).decode("utf-8"), as_json=True)


def _safe(text: str) -> str:
    """Return text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def payload_text(kind: MessageCopy, data: bytes) -> str:
    """Return a payload for the clipboard; of what a terminal acts upon, only line ends and tabs are left."""
    if kind == "hex":
        return "\n".join(hex_lines(data))
    if kind == "base64":
        return base64.b64encode(data).decode("ascii")
    if kind == "json":
        rendered = render(data, content_type=b"application/json", mode="pretty")
        return "\n".join(rendered.lines)
    return printable_text(data.decode("utf-8", "backslashreplace"))
