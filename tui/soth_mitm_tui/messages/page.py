"""One message as a page: what is known of it, and its payload as a body is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.decode.about import About, message_type
from soth_mitm.model.events import Direction, MessageForm
from soth_mitm.text import human_duration, printable
from soth_mitm_tui.columns import clock_text
from soth_mitm_tui.lines import Line, fact, heading, line
from soth_mitm_tui.messages.rows import ORIGINS
from soth_mitm_tui.overview import DOT, plural

if TYPE_CHECKING:
    from soth_mitm.record.messagelog import Detail, MessageLog
    from soth_mitm.record.messagetable import Entry
    from soth_mitm.record.payloads import PayloadRefs
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Span

GONE: Final = "This message is no longer kept: the oldest are dropped first."

_WHAT_WAS_DONE: Final = {
    "changed": "changed here before it went on; this is what was sent",
    "dropped": "dropped here: it was not sent on",
    "injected": "made here: the other side did not send it",
}


class PayloadBody(NamedTuple):
    """A payload, as documents and the heading over a body take it."""

    refs: PayloadRefs
    body_bytes: int
    content_type: bytes
    complete: bool = True
    content_encoding: bytes = b""

    @property
    def captured_bytes(self) -> int:
        """Bytes that can be read back."""
        return self.refs.captured


def about_payload(form: str, entry: Entry, row: Row) -> About:
    """Return what is known of a payload besides its bytes; its type is empty where its looks must say it."""
    return About(
        message_type(form, entry.label, row.content_type.encode("latin-1", "replace")),
        form=form,
        label=entry.label,
        path=row.path.encode("utf-8", "replace"),
        response=entry.direction == Direction.RESPONSE,
    )


def message_head(log: MessageLog, entry: Entry, detail: Detail, row: Row) -> list[Line]:
    """Return what is known of a message besides its payload."""
    head, form = detail.head, log.facts.form
    side = "↑ from the client" if entry.direction == Direction.REQUEST else "↓ from the server"
    wall = entry.mono_ns + row.started_wall_ns - row.started_mono_ns
    notes = [side, *filter(None, (entry.label,)), f"{clock_text(wall)}.{wall // 1_000_000 % 1000:03}"]
    if entry.position > log.table.dropped:
        notes.append(f"+{human_duration(entry.gap_ns)}")
    lines = [heading(f"Message {entry.number:,}", " · ".join(notes))]
    size: list[Span] = [(f"{entry.size:,} bytes", "text")]
    if head.wire:
        size += [DOT, (f"{head.wire:,} on the wire", "muted")]
    if entry.compressed:
        size += [DOT, ("was compressed", "muted")]
    if head.fragments > 1:
        size += [DOT, (plural(head.fragments, "frame"), "muted")]
    lines.append(fact("size", *size))
    if head.note:
        lines.append(fact(_note_name(form, entry.label), printable(head.note, 300)))
    if entry.origin:
        sign, tone = ORIGINS[entry.origin]
        lines.append(line((f"  {sign[0]} {_WHAT_WAS_DONE[entry.origin]}", tone), indent=4))
    if entry.cut:
        lines.append(line(("  ▲ a limit left a part of the payload out of the record", "warn"), indent=4))
    return lines


def _note_name(form: str, label: str) -> str:
    if label == "close":
        return "code"
    return "id" if form == MessageForm.SSE else "note"
