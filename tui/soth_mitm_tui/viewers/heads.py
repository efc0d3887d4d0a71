"""A request or a response as sections: its first line, its fields, what is written in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.text import printable
from soth_mitm_tui.columns import status_tone
from soth_mitm_tui.lines import BLANK, Line, Span, Subject, heading, line
from soth_mitm_tui.viewers.fields import field_lines, masked, masked_url, secret_count, section
from soth_mitm_tui.viewers.tables import cookies_of, credentials_of, query_of, table

if TYPE_CHECKING:
    from soth_mitm.record.view import FlowView, MessageView
    from soth_mitm_tui.viewers.choices import Choices


def head_lines(message: MessageView, view: FlowView, choices: Choices, *, now_wall_ns: int) -> list[Line]:
    """Return everything that stands before the body."""
    lines = [BLANK, _first_line(message, choices)]
    if message.forwarded:
        lines.append(line(("  the proxy changed this head as it must; shown as it came", "warn"), indent=2))
    if message.direction == "response":
        for info in view.infos:
            made = ", made by the proxy" if info.generated else ""
            lines.append(line((f"  before it: {info.status}{made}", "muted")))
    lines += [BLANK, *_fields(message, choices)]
    for title, entries in (
        ("Query", query_of(message.target) if message.direction == "request" else []),
        (
            "Credentials" if message.direction == "request" else "Challenge",
            credentials_of(message, now_wall_ns),
        ),
        ("Cookies", cookies_of(message, now_wall_ns)),
    ):
        rows = table(title, entries, choices, fold=f"{message.direction}:{title}")
        lines += [BLANK, *rows] if rows else []
    return [*lines, BLANK]


def _first_line(message: MessageView, choices: Choices) -> Line:
    version = (f"  {printable(message.version, 20)}", "muted")
    if message.direction == "request":
        method = printable(message.method, 40)
        target = printable(message.target)
        shown = ((target, "text"),) if choices.secrets else masked_url(target)
        return line((f"  {method} ", "strong"), *shown, version, indent=len(method) + 3)._replace(
            subject=Subject("Target", target)
        )
    reason = printable(message.reason, 200)
    made = ("  answered here, not by the upstream" if message.generated else "", "accent")
    about = Subject("Status", f"{message.status} {reason}".strip(), f"status:{message.status}")
    return line(
        (f"  {message.status} {reason}", status_tone(message.status)), version, made, indent=2
    )._replace(subject=about)


def _fields(message: MessageView, choices: Choices) -> list[Line]:
    count = len(message.fields)
    if not count:
        return [heading("Headers", "none")]
    fold = f"{message.direction}:fields"
    is_open = choices.is_open(f"section:{fold}", usually=True)
    notes = [f"{count:,}"]
    if choices.sorted_fields:
        notes.append("by name")
    secrets = secret_count(message.fields)
    if secrets:
        notes.append("secrets in the open · U masks" if choices.secrets else f"{secrets} masked · U shows")
    lines = [section("Headers", " · ".join(notes), fold, is_open=is_open)]
    return lines + field_lines(message.fields, choices, where=fold) if is_open else lines


def trailer_lines(message: MessageView, choices: Choices) -> list[Line]:
    """Return the trailers, where there are any."""
    if not message.trailers:
        return []
    where = f"{message.direction}:trailers"
    return [BLANK, heading("Trailers"), *field_lines(message.trailers, choices, where=where)]


# --- as it came ---------------------------------------------------------------------------------


def raw_lines(raw: bytes, choices: Choices) -> list[Line]:
    """Return the bytes of a head as they came, one line each; what ends a line is shown where it is odd.

    Secrets are masked here as well, until they are asked for.
    """
    lines: list[Line] = []
    for piece in raw.split(b"\n")[:-1] if raw.endswith(b"\n") else raw.split(b"\n"):
        ending = piece.endswith(b"\r")
        text = printable(piece[:-1] if ending else piece)
        shown = ((text, "text"),) if choices.secrets else _masked(text, first=not lines)
        spans = (("  ", "text"), *shown, ("" if ending else "\\n", "muted"))
        lines.append(Line(spans, 2, Subject("Line", text), words=False))
    return lines


def _masked(text: str, *, first: bool) -> tuple[Span, ...]:
    if first and not text.startswith(":"):
        return masked_url(text)
    name, colon, value = text.partition(": ") if text.startswith(":") else text.partition(":")
    room = value[: len(value) - len(value.lstrip())]
    return ((name + colon + room, "text"), *(masked(name, value.lstrip()) or ((value.lstrip(), "text"),)))
