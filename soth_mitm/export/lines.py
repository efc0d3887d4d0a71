"""Flows as lines of text: what `--dump` prints.

One line a flow when it ends: time, status, method, URL, size, duration, and what else there is to
say. One more, marked `…`, when something long-lived (an event stream, an upgrade, a tunnel) begins,
or a call of gRPC is answered a second time; with more detail the messages in it follow as they come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from soth_mitm.export import redact as masking
from soth_mitm.export.calls import call_words
from soth_mitm.export.calls_before import CallsBefore
from soth_mitm.export.choosing import Chooser
from soth_mitm.export.collect import Collector, Exchange
from soth_mitm.export.details import Details
from soth_mitm.export.live import LiveMessages, count_words
from soth_mitm.export.rows import URL_LIMIT, FlowRow, Fold, begins, site, url
from soth_mitm.export.style import palette
from soth_mitm.export.talks import Talks
from soth_mitm.model.events import (
    BodyChunk,
    Direction,
    Event,
    MessageSeen,
    Noted,
    RequestHead,
    ResponseHead,
    Upgraded,
)
from soth_mitm.text import human_duration, human_size, printable

if TYPE_CHECKING:
    from soth_mitm.decode.protobuf.schema import Schema
    from soth_mitm.policy.filters import Filter

HINT_LIMIT = 160
"""Most characters of a hint in a line; the most detailed output has all of it."""

LINES_BEFORE = 32
"""Most lines of messages that wait for the head of the response."""

_WORDS = {
    "blocked": "no",
    "connect_parse_failed": "bad",
    "self_loop": "bad",
    "upstream_connect_failed": "net",
    "tls_handshake_failed": "tls",
    "relay_error": "cut",
    "client_closed": "cut",
    "upstream_closed": "cut",
    "http_error": "bad",
    "idle_timeout": "out",
    "stage_timeout": "out",
    "limit_reached": "max",
    "killed": "end",
    "shutdown": "end",
    "internal_error": "bug",
}
"""What stands in the column of the status where there is none, per reason code."""

_NOTHING_KEPT = Exchange()
"""Stands for every flow where neither heads nor bodies are kept."""

_KINDS = {"tunnel": "tun", "bytes": "raw"}


class TextPrinter:
    """A subscriber of the stream that writes lines; `detail` 1 adds heads, 2 bodies and whole hints.

    `fold` is for its use alone. `write` gets whole lines, with their ends, a flow at a time.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        fold: Fold,
        detail: int = 0,
        color: bool = False,
        redact: bool = True,
        matcher: Filter | None = None,
        schema: Schema | None = None,
    ) -> None:
        self.flows = 0
        """Flows printed that have ended."""
        self._write = write
        self._fold = fold
        self._apply = fold.apply
        self._detail = detail
        self._redact = redact
        self._chooser = Chooser(matcher)
        self._palette = palette(color=color)
        self._details = Details(self._palette, redact=redact, bodies=detail > 1, schema=schema)
        keeps = detail or self._chooser.asks_heads
        self._collector = (
            Collector(body_bytes=self._chooser.body_bytes(printed=detail > 1)) if keeps else None
        )
        self._live = LiveMessages(self._palette, redact=redact) if detail else None
        self._talks = Talks() if detail > 1 else None
        self._calls_before = CallsBefore() if detail > 1 else None
        self._waiting: dict[int, list[str]] = {}
        """Lines of messages that came before the response, by flow."""
        self._begun: set[int] = set()
        """Flows whose first line is out, with their heads."""
        self._answered: set[int] = set()
        """Calls of gRPC that have been answered once, and have no line yet."""
        self._long_paths: dict[int, str] = {}
        self._causes: dict[int, str] = {}
        """Why tunnels are none that are decrypted, and to what others were upgraded."""
        self._steps = _STEPS if self._chooser.asks_bodies else _BODILESS
        self._second = -1
        self._clock = ""

    def __call__(self, event: Event) -> None:
        """Take one event."""
        row = self._apply(event)
        if row is None:
            return
        if self._collector is not None:
            self._collector.apply(event)
        if self._talks is not None and row.form:
            self._talks.apply(event, self._path(row))
        if row.state == "closed":
            self._ended(row)
            return
        step = self._steps.get(type(event.body))
        if step is not None:
            step(self, row, event)
        if self._live is not None:
            line = self._live.apply(row, event)
            if line:
                self._message_line(row, line)

    def _path(self, row: FlowRow) -> bytes:
        return self._collector.look(row.flow).path if self._collector is not None else row.path.encode()

    def finish(self) -> None:
        """Print the flows that are still open: those that the end of a file cuts off."""
        for row in sorted(self._fold.open_rows.values(), key=lambda row: row.flow):
            self._ended(row)

    # --- what happens to a flow -------------------------------------------------------------------

    def _request(self, row: FlowRow, event: Event) -> None:
        head = event.body
        if isinstance(head, RequestHead) and row.path.endswith("…"):
            self._long_paths[row.flow] = printable(head.path or head.target, URL_LIMIT)

    def _response(self, row: FlowRow, event: Event) -> None:
        if begins(row) and not self._may_be_unary(row):
            self._began(row)

    def _chunk(self, row: FlowRow, event: Event) -> None:
        """Print a stream as soon as what has come of its body decides that it is wanted."""
        if begins(row) and not self._may_be_unary(row):
            self._began(row)

    def _message(self, row: FlowRow, event: Event) -> None:
        """Print a stream that no head gave away once its first message is there."""
        if row.flow in self._begun:
            return
        if not isinstance(event.body, MessageSeen) or event.body.direction == Direction.REQUEST:
            return
        if row.flow in self._answered or not self._may_be_unary(row):
            self._began(row)
        else:
            self._answered.add(row.flow)

    def _may_be_unary(self, row: FlowRow) -> bool:
        """Whether a call of gRPC may be answered once, so that the line at its end is enough."""
        return not self._detail and row.content_type.startswith("application/grpc")

    def _message_line(self, row: FlowRow, line: str) -> None:
        if row.flow in self._begun:
            self._write(line)
            return
        waiting = self._waiting.setdefault(row.flow, [])
        if len(waiting) < LINES_BEFORE:
            waiting.append(line)
        if len(waiting) == LINES_BEFORE:
            self._began(row)

    def _upgraded(self, row: FlowRow, event: Event) -> None:
        if row.kind == "http" and isinstance(event.body, Upgraded):
            protocol = printable(event.body.protocol, 40) or "another protocol"
            self._causes[row.flow] = f"upgrade: {protocol}"
            self._began(row)

    def _noted(self, row: FlowRow, event: Event) -> None:
        if row.kind in _KINDS and row.flow not in self._causes and isinstance(event.body, Noted):
            what = "tunnel" if row.kind == "tunnel" else "bytes"
            self._causes[row.flow] = f"{what}: {printable(event.body.code.replace('_', ' '), 60)}"
            self._began(row)

    def _began(self, row: FlowRow) -> None:
        if row.flow in self._begun:
            return
        exchange = self._collector.look(row.flow) if self._collector is not None else _NOTHING_KEPT
        if not self._chooser.early(row, exchange):
            return
        self._begun.add(row.flow)
        text = self._line(row, "…", self._causes.get(row.flow, "streaming"))
        if self._detail:
            text += self._details.heads(exchange)
        self._write(text + "".join(self._waiting.pop(row.flow, ())))

    def _ended(self, row: FlowRow) -> None:
        flow = row.flow
        exchange = self._collector.take(flow) if self._collector is not None else _NOTHING_KEPT
        before = b""
        if self._calls_before is not None:
            self._calls_before.ended(row, exchange)
            before = self._calls_before.of_stream(row, exchange)
        # What has begun to be printed is wanted, whatever became of it.
        if flow in self._begun or self._chooser.late(row, exchange):
            self.flows += 1
            text = self._line(row, _size(row), self._note(row))
            if self._detail:
                if flow not in self._begun:
                    text += self._details.heads(exchange) + "".join(self._waiting.pop(flow, ()))
                text += self._details.rest(exchange, before)
                if self._talks is not None:
                    text += self._details.talk(exchange, *self._talks.take(flow))
            self._write(text)
        if self._talks is not None:
            self._talks.take(flow)
        self._begun.discard(flow)
        self._answered.discard(flow)
        if self._live is not None:
            self._live.forget(flow)
            self._waiting.pop(flow, None)
        if self._long_paths:
            self._long_paths.pop(flow, None)
        if self._causes:
            self._causes.pop(flow, None)

    # --- one line ---------------------------------------------------------------------------------

    def _line(self, row: FlowRow, size: str, note: str) -> str:
        second = (row.started_wall_ns + row.duration_ns) // 1_000_000_000
        if second != self._second:
            self._second, self._clock = second, _clock(second)
        result = str(row.status) if row.status else _result(row)
        method, where = self._where(row)
        duration = human_duration(row.duration_ns)
        if note:
            note = f"  {note}"
        tones = self._palette
        if not tones.colored:
            return f"{self._clock}  {result:<3}  {method:<7}  {where}  {size}  {duration}{note}\n"
        tone = tones.failed if row.error else tones.of_status(row.status)
        shown = (tones.failed if row.error else tones.quiet)(note)
        return (
            f"{tones.quiet(self._clock)}  {tone(f'{result:<3}')}  {method:<7}  {where}  {size}"
            f"  {tones.quiet(duration)}{shown}\n"
        )

    def _where(self, row: FlowRow) -> tuple[str, str]:
        """Return the method and the URL; of what is no exchange, CONNECT and the site."""
        if row.method and row.kind == "http":
            path = (self._long_paths.get(row.flow) if self._long_paths else None) or row.path
            return row.method, url(row, masking.url(path) if self._redact else path)
        if row.host:
            return row.method or "CONNECT", site(row.host, row.port)
        return row.method or "-", f"from {row.client}"

    def _note(self, row: FlowRow) -> str:
        parts = [count_words(row.form, row.messages)] if row.messages else []
        if row.messages_skipped:
            parts.append(f"{row.messages_skipped:,} of them passed untold")
        if row.llm is not None:
            parts += call_words(row.llm, long=self._detail > 0)
        cause = self._causes.get(row.flow, "") if self._causes else ""
        if row.outcome and not cause.endswith(row.outcome):
            parts.append(row.outcome)
        if row.hint:
            cut = self._detail < 2 and len(row.hint) > HINT_LIMIT
            parts.append(f"{row.hint[: HINT_LIMIT - 1]}…" if cut else row.hint)
        if cause:
            parts.append(cause)
        if row.state != "closed":
            parts.append("cut off")
        if self._detail and row.process:
            parts.append(f"by {row.process}")
        if row.replay_of:
            parts.append(f"replay of {row.replay_of}")
        if row.modified:
            parts.append("changed")
        if row.generated:
            parts.append("answered here")
        return " · ".join(parts)


_STEPS: dict[type, Callable[[TextPrinter, FlowRow, Event], None]] = {
    RequestHead: TextPrinter._request,
    ResponseHead: TextPrinter._response,
    BodyChunk: TextPrinter._chunk,
    MessageSeen: TextPrinter._message,
    Upgraded: TextPrinter._upgraded,
    Noted: TextPrinter._noted,
}
_BODILESS = {kind: step for kind, step in _STEPS.items() if kind is not BodyChunk}


def _clock(second: int) -> str:
    try:
        return time.strftime("%H:%M:%S", time.localtime(second))
    except (OverflowError, ValueError, OSError):
        return "--:--:--"


def _result(row: FlowRow) -> str:
    """Return the word that stands in for the status of a flow that has none."""
    word = _WORDS.get(row.reason)
    if word is not None and (row.error or row.kind not in _KINDS):
        return word
    return _KINDS.get(row.kind, "err" if row.error else "-")


def _size(row: FlowRow) -> str:
    if row.kind == "http" and row.status != 101:
        return human_size(row.response_bytes)
    if not (row.request_bytes or row.response_bytes):
        return "0"
    return f"{human_size(row.request_bytes)} up {human_size(row.response_bytes)} down"
