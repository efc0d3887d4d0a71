"""What is said about a body: how large it is, how it was read, and why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm.decode.about import About
from soth_mitm.decode.registry import DECODERS
from soth_mitm.decode.sniff import essence
from soth_mitm.text import human_size, printable
from soth_mitm_tui.lines import BLANK, Line, heading, line
from soth_mitm_tui.prose import prose_tint
from soth_mitm_tui.tint import (
    code_tint,
    form_tint,
    hex_tint,
    json_tint,
    line_tint,
    markup_tint,
    picture_tint,
    stream_tint,
    tree_tint,
)
from soth_mitm_tui.viewers.content import Tint, plain

if TYPE_CHECKING:
    from soth_mitm.record.document import DocumentInfo
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView, MessageView

_NO_CONTENT: Final = frozenset({204, 304})

_TINTS: Final[dict[str, Tint]] = {
    "hex": hex_tint,
    "json": json_tint,
    "form": form_tint,
    "markup": markup_tint,
    "tree": tree_tint,
    "code": code_tint,
}


# --- where there is none --------------------------------------------------------------------------


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


def about_body(message: MessageView, view: FlowView) -> About:
    """Return what is known of a body besides its bytes."""
    encoding = message.fields.get(b"grpc-encoding") or message.fields.get(b"connect-content-encoding")
    return About(
        message.content_type,
        path=view.request.path if view.request is not None else b"",
        response=message.direction == "response",
        message_encoding=encoding,
    )


# --- where there is one --------------------------------------------------------------------------


class Shown(Protocol):
    """What is said about a body, or about the payload of one message."""

    @property
    def body_bytes(self) -> int: ...
    @property
    def captured_bytes(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def content_type(self) -> bytes: ...


def body_heading(
    message: Shown, info: DocumentInfo, mode: str, *, as_it_came: bool = False, title: str = "Body"
) -> list[Line]:
    """Return the line over the body, and the notices about it."""
    size = (
        f"{human_size(message.body_bytes)} bytes"
        if message.body_bytes >= 1000
        else f"{message.body_bytes} bytes"
    )
    if not message.complete:
        size += " so far"
    notes = [info.kind if mode == "auto" or as_it_came else mode, size]
    # A message has no type of its own, so that its absence is nothing to tell.
    notes += (
        [] if as_it_came else [each for each in info.notes if title == "Body" or "no type given" not in each]
    )
    if not info.settled:
        part = info.taken_bytes / max(message.captured_bytes, 1)
        notes.append(f"reading, {min(part, 0.99):.0%}")
    lines = [heading(title, " · ".join(notes))]
    if info.error:
        lines.append(line((f"  ▲ {info.error}", "warn"), indent=4))
    if info.truncated:
        first = f"only the first {human_size(info.decoded_bytes)} bytes are shown"
        lines.append(line((f"  ▲ {first}", "warn"), indent=4))
    missing = message.body_bytes - message.captured_bytes
    if missing > 0:
        lines.append(
            line((f"  ▲ {human_size(missing)} bytes passed and were not recorded", "warn"), indent=4)
        )
    return lines


def body_end(message: Shown, info: DocumentInfo) -> list[Line]:
    """Return what follows the body as shown: a word where it goes on."""
    if info.truncated or message.body_bytes > message.captured_bytes:
        return [line(("  ▲ it goes on; the rest is not shown", "warn"), indent=4)]
    return []


def tint_for(kind: str, content_type: bytes) -> Tint:
    """Choose the colours for a body that a decoder shows."""
    if kind == "conversation":
        return prose_tint
    if kind == "image":
        return picture_tint
    tint = _TINTS.get(DECODERS[kind].look)
    if tint is not None:
        return tint
    media = essence(content_type)
    if media == b"text/event-stream":
        return stream_tint
    if media.endswith(b"json") or media in (b"application/x-ndjson", b"application/jsonl"):
        return line_tint
    if media.endswith((b"xml", b"html")):
        return markup_tint
    if media.endswith((b"/css", b"script")):
        return code_tint
    return plain
