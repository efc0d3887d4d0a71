"""The overview of a flow: what happened, what to do about it, and how it was carried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.reasons import WORDS, CloseReason
from soth_mitm.text import human_size, printable
from soth_mitm_tui import columns
from soth_mitm_tui.calls import call_lines
from soth_mitm_tui.connections import client_lines, hello_lines, upstream_lines
from soth_mitm_tui.interventions import intervention_lines
from soth_mitm_tui.lines import BLANK, Line, Span, Subject, fact, heading, line
from soth_mitm_tui.timing import timing_lines

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView, MessageView

DOT: Span = (" · ", "muted")

_WENT_ON = {"open": "went on without it", "closed": "ended the flow"}

TITLE_ROOM = 18
"""Cells of the pane's title that are not the address; one that fits there is not said twice."""


def url(row: Row, view: FlowView | None = None) -> str:
    """Return the address of what was asked for, in full where the view has it."""
    request = view.request if view is not None else None
    path = printable(request.path) if request is not None and request.path else row.path
    usual = {"https": 443, "http": 80}.get(row.scheme)
    host = f"[{row.host}]" if ":" in row.host else row.host
    authority = host if row.port in (usual, 0) else f"{host}:{row.port}"
    return f"{row.scheme or 'https'}://{authority}{path if path.startswith('/') else ''}"


def overview(view: FlowView, row: Row, *, now_wall_ns: int, width: int, secrets: bool = False) -> list[Line]:
    """Return the overview; `width` is for the timing bars; the address has its `secrets` masked without."""
    lines = [BLANK, *_outcome(view, row, width, secrets=secrets), BLANK]
    lines += _remarks(view)
    lines += intervention_lines(view)
    lines += call_lines(view.llm)
    lines += _sizes(view, row)
    lines += timing_lines(view, width)
    lines += _policy(view, row)
    lines += client_lines(view, row, now_wall_ns)
    lines += hello_lines(view)
    lines += upstream_lines(view, row, now_wall_ns)
    lines += _notes(view)
    return lines


# --- outcome ------------------------------------------------------------------------------------


def verdict(view: FlowView, row: Row) -> tuple[Span, ...]:
    """Return how the flow stands, in words."""
    if row.tls_reason or (row.error and not row.status):
        return (("✕ ", "bad"), (row.outcome or WORDS.get(row.reason, row.reason), "bad"))
    spans: list[Span] = []
    if row.status:
        reason = printable(view.response.reason, 60) if view.response else ""
        spans.append((f"{row.status} {reason}".strip(), columns.status_tone(row.status)))
    if row.outcome:
        spans += [DOT] if spans else []
        spans.append((row.outcome, "bad" if row.error else "warn"))
    if row.generated:
        spans += [DOT, ("answered here, not by the upstream", "accent")]
    if row.generated and row.reason == CloseReason.RESPONDED:
        return tuple(spans)
    spans += [DOT] if spans else []
    if row.state == "streaming":
        spans.append(("⇣ streaming", "accent"))
    elif row.open:
        spans.append(("waiting for the answer" if row.kind == "http" else "open", "accent"))
    else:
        words = WORDS.get(row.reason, row.reason)
        spans.append((words, "muted"))
    return tuple(spans)


def _outcome(view: FlowView, row: Row, width: int, *, secrets: bool) -> list[Line]:
    name, address = columns.method(row), url(row, view)
    state = verdict(view, row)
    said = "".join(text for text, _ in state)
    lines = [line("  ", *state, indent=2)._replace(subject=Subject("Outcome", said))]
    if len(name) + len(address) > width - TITLE_ROOM:
        shown = address if secrets else columns.masked(address)
        whole = line((f"  {name} ", "strong"), (shown, "text"), indent=len(name) + 3)
        lines.insert(0, whole._replace(subject=Subject("URL", address)))
    if row.replay_of:
        key = ("% goes there", "muted")
        lines.append(line((f"  ↻ replay of {row.replay_of}", "accent"), DOT, key, indent=4))
    why = _why(view)
    if why:
        lines.append(line((f"  {why}", "text"), indent=2)._replace(subject=Subject("Reason", why)))
    if row.hint:
        lines.append(line(("  → ", "accent"), (row.hint, "text"), indent=4))
    if row.repeats:
        lines.append(line((f"  the same happened {row.repeats + 1:,} times within a minute", "muted")))
    return lines


def _why(view: FlowView) -> str:
    failure = view.failure
    if failure is not None:
        sure = "" if failure.confidence == "authoritative" else " (concluded, not said by the peer)"
        return printable(f"{failure.peer}: {failure.detail}{sure}", 400)
    if view.dial_failed is not None:
        return printable(view.dial_failed.detail, 400)
    if view.guard is not None:
        return printable(view.guard.detail, 400)
    if view.refused is not None:
        return printable(view.refused.detail, 400)
    return printable(view.closed_detail, 400)


def _remarks(view: FlowView) -> list[Line]:
    """Return what a person has said about the flow."""
    said = view.annotation
    if said.empty:
        return []
    lines = [heading("Remarks")]
    if said.mark:
        lines.append(fact("mark", (said.mark, "accent")))
    for number, text in enumerate(said.comment.split("\n") if said.comment else ()):
        lines.append(fact("" if number else "comment", (text, "strong")))
    if said.colour:
        lines.append(fact("colour", said.colour))
    return [*lines, BLANK]


# --- sizes and policy ---------------------------------------------------------------------------


def plural(count: int, thing: str) -> str:
    """Return a number of things in words."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _size_text(message: MessageView | None) -> tuple[Span, ...]:
    if message is None:
        return (("none", "muted"),)
    spans: list[Span] = [(f"{message.body_bytes:,} bytes", "text")]
    if message.content_encoding:
        spans.append((f" as {printable(message.content_encoding, 40)}", "muted"))
    if message.content_type:
        spans += [DOT, (printable(message.content_type, 80), "text")]
    missing = message.body_bytes - message.captured_bytes
    if missing > 0:
        spans += [DOT, (f"{human_size(missing)} of it not recorded", "warn")]
    if message.trailers:
        spans += [DOT, (plural(len(message.trailers), "trailer"), "muted")]
    if not message.complete:
        spans += [DOT, ("so far", "accent")]
    return tuple(spans)


def _sizes(view: FlowView, row: Row) -> list[Line]:
    if row.kind == "failed" and view.request is None:
        return []
    lines = [heading("Size")]
    if row.kind == "http":
        lines += [fact("request", *_size_text(view.request)), fact("response", *_size_text(view.response))]
    if row.kind != "http" or view.upgraded:
        lines.append(fact("from client", f"{view.from_client:,} bytes"))
        lines.append(fact("from upstream", f"{view.from_upstream:,} bytes"))
    return [*lines, BLANK]


def _policy(view: FlowView, row: Row) -> list[Line]:
    policy = view.client.policy if view.client else None
    if policy is None:
        return []
    spans: list[Span] = [
        (printable(policy.action), "strong"),
        DOT,
        (printable(policy.reason.replace("_", " ")), "text"),
    ]
    if policy.rule:
        spans += [DOT, (f"rule {printable(policy.rule)}", "text")]
    lines = [heading("Policy"), fact("decision", *spans)]
    if policy.overrides:
        lines.append(fact("overrides", printable(", ".join(policy.overrides))))
    if row.metadata_only:
        lines.append(fact("recorded", "heads, sizes and times; no bodies"))
    return [*lines, BLANK]


# --- what else there is to say ------------------------------------------------------------------


def _notes(view: FlowView) -> list[Line]:
    told: list[tuple[str, str, str]] = [
        *((note.code.replace("_", " "), note.detail, "text") for note in view.notes),
        *(
            ("let through", f"{odd.code.replace('_', ' ')} in the {odd.direction}  {odd.detail}", "warn")
            for odd in view.anomalies
        ),
        *(("handler", f"{act.hook}: {act.action} {act.detail}", "accent") for act in view.actions),
        *(
            ("handler", f"{bad.hook} failed: {bad.error}; {_WENT_ON[bad.outcome]}", "bad")
            for bad in view.handler_failures
        ),
        *(("sent again", retry.cause, "text") for retry in view.retries),
    ]
    lines = [fact(printable(name, 24), (printable(words, 300), tone)) for name, words, tone in told]
    if view.missing_blocks:
        lost = plural(view.missing_blocks, "block")
        lines.append(fact("missing", (f"{lost} of the record that held events of this flow", "warn")))
    if view.omitted:
        lines.append(fact("left out", f"{view.omitted:,} more entries"))
    return [heading("Notes"), *lines, BLANK] if lines else []
