"""The line over the messages: what they are, how many, and how the turn or the call stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction, MessageForm
from soth_mitm.text import human_size, printable
from soth_mitm_tui.messages.names import counted, form_name
from soth_mitm_tui.overview import DOT

if TYPE_CHECKING:
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.messages import MessageFacts
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Span


def counts(facts: MessageFacts) -> list[Span]:
    """Return how many came from either side, and how large they were."""
    spans: list[Span] = []
    if not facts.from_client and facts.form not in (MessageForm.WEBSOCKET, MessageForm.GRPC):
        return [(counted(facts.form, facts.from_server), "strong"), _size(facts.server_bytes)]
    spans += [("↑ ", "accent"), (f"{facts.from_client:,}", "strong"), _size(facts.client_bytes)]
    spans += [("  ↓ ", "good"), (f"{facts.from_server:,}", "strong"), _size(facts.server_bytes)]
    return spans


def _size(count: int) -> Span:
    return f" ({human_size(count)})", "muted"


def summary(log: MessageLog, row: Row, *, now_ns: int) -> list[list[Span]]:
    """Return the parts of the line, the most important first; the last ones go where room is short."""
    facts, fold = log.facts, log.fold
    form = facts.form
    parts: list[list[Span]] = [[(form_name(form), "heading")]]
    parts.append(counts(facts))
    if form == MessageForm.WEBSOCKET:
        parts += _websocket(log)
    elif form == MessageForm.GRPC:
        parts += _grpc(row)
    elif form == MessageForm.SSE and facts.last_note.get(Direction.RESPONSE):
        parts.append([("last id ", "muted"), (printable(facts.last_note[Direction.RESPONSE], 40), "text")])
    parts += _troubles(log)
    for coming in fold.coming:
        parts.append([(f"{human_size(coming.size)} of the next so far", "accent")])
    parts += _pace(log, row, now_ns=now_ns)
    detail = next((each.detail for each in facts.started.values() if each.detail), "")
    if detail:
        parts.append([(printable(detail, 60), "muted")])
    return parts


def _websocket(log: MessageLog) -> list[list[Span]]:
    parts: list[list[Span]] = []
    turn = log.fold.turn
    if turn is not None:
        which = "turn" if turn.end is None else "last turn"
        counts = f" ↑{turn.client_messages} ↓{turn.server_messages}"
        parts.append([(f"{which} ", "muted"), (f"{turn.number:,}", "strong"), (counts, "text")])
    close = log.facts.close
    if close is not None:
        who = "client" if close[0] == Direction.REQUEST else "server"
        parts.append(
            [(f"closed by the {who} ", "muted"), (printable(close[1], 60) or "without a code", "strong")]
        )
    return parts


def _grpc(row: Row) -> list[list[Span]]:
    service, _, method = row.path.strip("/").rpartition("/")
    parts: list[list[Span]] = []
    if row.grpc_status == 0:
        parts.append([("OK", "good")])
    elif row.grpc_status > 0:
        parts.append([(row.outcome, "bad")])
    if service:
        parts.append([(f"{service.rpartition('.')[2]}/", "muted"), (method, "strong")])
    return parts


def _troubles(log: MessageLog) -> list[list[Span]]:
    facts = log.facts
    parts: list[list[Span]] = []
    for origin, count in facts.origins.items():
        parts.append([(f"{count:,} {printable(origin, 20)}", "bad" if origin == "dropped" else "accent")])
    if facts.skipped:
        parts.append([(f"▲ {facts.skipped:,} passed untold: more came than could be told", "warn")])
    for stop in facts.stopped.values():
        why = printable(stop.detail or stop.code.replace("_", " "), 100)
        parts.append([("▲ told no further: ", "warn"), (why, "warn")])
    if log.table.dropped:
        parts.append([(f"the oldest {log.table.dropped:,} are not kept", "warn")])
    if log.missing_blocks:
        parts.append([("some are no longer in the record", "warn")])
    return parts


def _pace(log: MessageLog, row: Row, *, now_ns: int) -> list[list[Span]]:
    if not row.open:
        return []
    rate = log.table.rate(now_ns)
    return [[(f"{rate:.1f}/s" if rate < 100 else f"{rate:,.0f}/s", "muted")]] if rate else []


def joined(parts: list[list[Span]], width: int) -> list[Span]:
    """Return as many parts as have room, with dots between them."""
    spans: list[Span] = []
    used = 0
    for part in parts:
        length = sum(len(text) for text, _ in part) + (len(DOT[0]) if spans else 0)
        if spans and used + length > width:
            continue
        spans += [DOT, *part] if spans else part
        used += length
    return spans
