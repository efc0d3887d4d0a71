"""What is said about a body: how large it is, how it was read, and why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.text import human_size, printable
from soth_mitm_tui.lines import BLANK, Line, heading, line
from soth_mitm_tui.tint import hex_tint, json_tint, line_tint, stream_tint
from soth_mitm_tui.viewers.content import Tint, plain

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView, MessageView
    from soth_mitm.record.worker import Body

BODY_LIMIT: Final = 2 * 1024 * 1024
"""Most bytes of a body that are fetched to be shown."""

_NO_CONTENT: Final = frozenset({204, 304})


def body_end(message: MessageView, rendered: Body) -> list[Line]:
    """Return what follows the body as shown: a word where it goes on, and the trailers."""
    lines = []
    if rendered.truncated or message.captured_bytes > BODY_LIMIT:
        lines.append(line(("  ▲ it goes on; the rest is not shown", "warn"), indent=4))
    return lines


# --- body ---------------------------------------------------------------------------------------


def absence(message: MessageView, view: FlowView, row: Row) -> str:
    """Say why there is no body to show; empty where there is one."""
    if message.captured_bytes:
        return ""
    if message.body_bytes:
        size = human_size(message.body_bytes)
        if row.metadata_only:
            return f"{size} bytes passed and were not recorded: the policy for this host is metadata only"
        return f"{size} bytes passed and were not recorded: over the capture limit, or lost from the record"
    if message.direction == "response":
        request = view.request
        if request is not None and request.method == b"HEAD":
            return "no body: an answer to HEAD has none"
        if message.status in _NO_CONTENT:
            return f"no body: a {message.status} has none"
        if message.status == 101:
            protocol = printable(view.upgraded, 40) or "another protocol"
            return f"switched to {protocol}: what follows are bytes both ways"
    if message.complete or row.state == "closed":
        return "no body"
    return "nothing of the body has come yet"


def no_message(direction: str, view: FlowView, row: Row) -> list[Line]:
    """Return what stands in a tab that has no message."""
    if row.kind == "tunnel":
        text = "Passed on without being decrypted, so there is no message to show. The overview says why."
    elif row.kind == "bytes":
        text = "These bytes are not HTTP. The overview has their number."
    elif row.kind == "failed" or (row.error and not row.open):
        why = row.outcome or "the flow failed before"
        lines = [BLANK, line((f"  There was no {direction}: {why}.", "muted"), indent=2)]
        if row.hint:
            lines.append(line(("  → ", "accent"), (row.hint, "text"), indent=4))
        return lines
    elif row.open:
        text = f"No {direction} yet."
    else:
        text = f"There was no {direction}."
    return [BLANK, line((f"  {text}", "muted"), indent=2)]


def body_heading(message: MessageView, rendered: Body, mode: str) -> list[Line]:
    """Return the line over the body, and the notices about it."""
    notes = [printable(note, 200) for note in rendered.notes]
    size = (
        f"{human_size(message.body_bytes)} bytes"
        if message.body_bytes >= 1000
        else f"{message.body_bytes} bytes"
    )
    if not message.complete:
        size += " so far"
    view = rendered.kind if mode == "auto" else mode
    lines = [heading("Body", " · ".join([view, size, *notes]))]
    shown = min(message.captured_bytes, BODY_LIMIT)
    if rendered.truncated or message.captured_bytes > BODY_LIMIT:
        lines.append(
            line(
                (f"  ▲ only the beginning is shown: {_beginning(message)}", "warn"),
                indent=4,
            )
        )
    missing = message.body_bytes - message.captured_bytes
    if missing > 0 and shown:
        lines.append(
            line((f"  ▲ {human_size(missing)} bytes passed and were not recorded", "warn"), indent=4)
        )
    return lines


def _beginning(message: MessageView) -> str:
    if message.captured_bytes > BODY_LIMIT:
        return f"the first {human_size(BODY_LIMIT)} of {human_size(message.body_bytes)} bytes"
    return f"the {human_size(message.body_bytes)} bytes decode to more than is shown"


def tint_for(rendered: Body, content_type: bytes) -> Tint:
    """Choose the colours for a body."""
    if rendered.kind == "hex":
        return hex_tint
    if rendered.kind == "json":
        return json_tint
    essence = content_type.partition(b";")[0].strip().lower()
    if essence == b"text/event-stream":
        return stream_tint
    if essence.endswith(b"json") or essence in (b"application/x-ndjson", b"application/jsonl"):
        return line_tint
    return plain
