"""A flow as a few paragraphs of Markdown, for an issue or a chat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from soth_mitm.export import facts, raw
from soth_mitm.export.facts import CopyError
from soth_mitm.export.rows import utc_time
from soth_mitm.text import human_duration, human_size, printable

if TYPE_CHECKING:
    from soth_mitm.export.facts import FlowFacts, MessageFacts

BODY_CHARACTERS = 4000
"""Most characters of each body that are quoted."""

_TICKS = re.compile(r"`+")
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#|~])")


def summary(flow: FlowFacts, request_body: bytes, response_body: bytes) -> str:
    """Return a heading, a line of facts, and both messages in fences; bodies that are no text are named."""
    parts = [f"### {_plain(_title(flow))}\n", _facts(flow)]
    if flow.comment:
        parts.append("".join(f"> {_plain(line)}\n" for line in flow.comment.split("\n")))
    for what, message, body in (
        ("request", flow.request, request_body),
        ("response", flow.response, response_body),
    ):
        if message is not None and message.raw:
            parts.append(f"**{what.capitalize()}**\n\n{_fenced(message, body, what)}")
    return "\n".join(parts)


def _title(flow: FlowFacts) -> str:
    request, response = flow.request, flow.response
    method = printable(request.method) + " " if request is not None and request.method else ""
    title = method + facts.url(flow)
    if response is not None and response.status:
        return f"{title} → {response.status} {printable(response.reason)}".rstrip()
    return f"{title} → {flow.closed_reason.replace('_', ' ') or 'open'}"


def _facts(flow: FlowFacts) -> str:
    opened = flow.opened
    said = [
        utc_time(flow.started_wall_ns),
        human_duration(max(flow.last_mono_ns - flow.started_mono_ns, 0)),
        f"{human_size(flow.request_bytes)} sent, {human_size(flow.response_bytes)} received",
        f"client {printable(opened.client)}" if opened is not None and opened.client else "",
        f"ended: {flow.closed_reason.replace('_', ' ')}" if flow.closed_reason else "still open",
    ]
    return _plain(" · ".join(filter(None, said))) + "\n"


def _fenced(message: MessageFacts, body: bytes, what: str) -> str:
    text = raw.message_head(message)
    note = ""
    if message.body_bytes:
        try:
            text += raw.body_text(message, body, what)
        except CopyError as error:
            note = f"\n({_plain(str(error))})\n"
    limit = len(raw.message_head(message)) + BODY_CHARACTERS
    if len(text) > limit:
        text = text[:limit]
        note = f"\n(cut after {BODY_CHARACTERS:,} characters of {human_size(message.body_bytes)} bytes)\n"
    longest = max(map(len, _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}http\n{text.rstrip()}\n{fence}\n{note}"


def _plain(text: str) -> str:
    """Escape what Markdown acts upon."""
    return _ACTIVE.sub(r"\\\1", text)
