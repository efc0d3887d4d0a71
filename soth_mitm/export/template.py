r"""Lines of one's own: `{status} {method} {url}`, filled from the row of each flow that ends.

A name may have a width as in Python (`{status:>3}`, `{url:60.60}`); `{{` is a brace; `\t` and `\n` are what
they are elsewhere. Everything that is filled in is safe for a terminal.
"""

from __future__ import annotations

import difflib
import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import SothError
from soth_mitm.export import redact as masking
from soth_mitm.export.choosing import Chooser
from soth_mitm.export.collect import Collector
from soth_mitm.export.rows import URL_LIMIT, FlowRow, Fold, site, url, utc_time
from soth_mitm.model.llm import dollars
from soth_mitm.text import human_duration, human_size, printable

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.model.llm import Call
    from soth_mitm.policy.filters import Filter

WIDEST: Final = 1000
"""Most characters of a width."""

Value = str | int | float


def _known(row: FlowRow, name: str) -> Value:
    """Return a number of a call to a language model; empty where it is not known."""
    value: int = getattr(row.llm, name, -1)
    return value if value >= 0 else ""


def _millis(call: Call | None) -> Value:
    return round(call.first_token_ns / 1e6, 3) if call is not None and call.first_token_ns >= 0 else ""


FIELDS: Final[dict[str, Callable[[FlowRow], Value]]] = {
    "flow": lambda row: row.flow,
    "conn": lambda row: row.conn,
    "kind": lambda row: row.kind,
    "started": lambda row: utc_time(row.started_wall_ns),
    "ended": lambda row: utc_time(row.started_wall_ns + row.duration_ns),
    "client": lambda row: row.client,
    "process": lambda row: row.process,
    "scheme": lambda row: row.scheme,
    "host": lambda row: row.host,
    "port": lambda row: row.port,
    "method": lambda row: row.method or "-",
    "status": lambda row: row.status or "-",
    "version": lambda row: row.version,
    "type": lambda row: row.content_type,
    "size": lambda row: human_size(row.response_bytes),
    "request_bytes": lambda row: row.request_bytes,
    "response_bytes": lambda row: row.response_bytes,
    "duration": lambda row: human_duration(row.duration_ns),
    "duration_ms": lambda row: round(row.duration_ns / 1e6, 3),
    "ttfb_ms": lambda row: round(row.ttfb_ns / 1e6, 3) if row.ttfb_ns else "",
    "reason": lambda row: row.reason or "open",
    "outcome": lambda row: row.outcome,
    "hint": lambda row: row.hint,
    "sni": lambda row: row.sni,
    "ja4": lambda row: row.ja4,
    "form": lambda row: row.form,
    "messages": lambda row: row.messages,
    "grpc_status": lambda row: row.grpc_status if row.grpc_status >= 0 else "",
    "model": lambda row: row.llm.model if row.llm is not None else "",
    "tokens_in": lambda row: _known(row, "input"),
    "tokens_out": lambda row: _known(row, "output"),
    "tokens_cached": lambda row: _known(row, "cached"),
    "cost": lambda row: dollars(row.llm.cost) if row.llm is not None else "",
    "ttft_ms": lambda row: _millis(row.llm),
    "tokens_per_second": lambda row: (
        round(row.llm.rate, 1) if row.llm is not None and row.llm.rate > 0 else ""
    ),
    "stalls": lambda row: _known(row, "stalls"),
    "stop": lambda row: row.llm.ending if row.llm is not None else "",
    "replay_of": lambda row: row.replay_of or "",
    "mark": lambda row: row.mark,
    "comment": lambda row: row.comment,
}
_WITH_PATH: Final = ("url", "path")
NAMES: Final = (*FIELDS, *_WITH_PATH)


class TemplateError(SothError):
    """A template that cannot be filled; the text says what of it."""


class Template:
    """One template, read once.

    Raises:
        TemplateError: a name is not known, or a brace or a width is wrong.
    """

    def __init__(self, text: str) -> None:
        self._parts: list[tuple[str, str, str]] = []
        try:
            parsed = list(string.Formatter().parse(text.replace("\\t", "\t").replace("\\n", "\n")))
        except ValueError as error:
            raise TemplateError(f"{text!r}: {error}; write {{{{ for a brace") from error
        for literal, name, spec, conversion in parsed:
            if name is None:
                self._parts.append((literal, "", ""))
                continue
            if name not in NAMES or conversion:
                raise TemplateError(_unknown(name))
            self._check(name, spec or "")
            self._parts.append((literal, name, spec or ""))

    def _check(self, name: str, spec: str) -> None:
        numbers = [int(part) for part in "".join(c if c.isdigit() else " " for c in spec).split()]
        if "{" in spec or any(number > WIDEST for number in numbers):
            raise TemplateError(f"{{{name}:{spec}}}: a width is a number up to {WIDEST}")
        try:
            format("", spec)
        except ValueError as error:
            raise TemplateError(
                f"{{{name}:{spec}}}: {error}; a width is written as in {{{name}:>10}}"
            ) from error

    def fill(self, row: FlowRow, path: str) -> str:
        """Return the line of a flow, without its end."""
        out = []
        for literal, name, spec in self._parts:
            out.append(literal)
            if name:
                out.append(format(str(_value(name, row, path)), spec))
        return "".join(out)


def _value(name: str, row: FlowRow, path: str) -> Value:
    if name == "path":
        return path
    if name == "url":
        return url(row, path) if row.method else site(row.host, row.port) if row.host else ""
    return FIELDS[name](row)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"did you mean {{{near[0]}}}? " if near else ""
    return f"there is no {{{printable(name, 40)}}}; {hint}names are {', '.join(sorted(NAMES))}"


class TemplatePrinter:
    """A subscriber of the stream that writes a line of the template for each flow that ends."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        template: Template,
        fold: Fold,
        redact: bool = True,
        matcher: Filter | None = None,
    ) -> None:
        self.flows = 0
        """Flows written."""
        self._write = write
        self._template = template
        self._fold = fold
        self._redact = redact
        self._chooser = Chooser(matcher)
        self._collector = Collector(body_bytes=self._chooser.body_bytes(printed=False))

    def __call__(self, event: Event) -> None:
        """Take one event."""
        row = self._fold.apply(event)
        if row is None:
            return
        self._collector.apply(event)
        if row.state == "closed":
            self._ended(row)

    def finish(self) -> None:
        """Write the flows that are still open: those that the end of a file cuts off."""
        for row in sorted(self._fold.open_rows.values(), key=lambda row: row.flow):
            self._ended(row)

    def _ended(self, row: FlowRow) -> None:
        exchange = self._collector.take(row.flow)
        if not self._chooser.late(row, exchange):
            return
        self.flows += 1
        path = printable(exchange.path, URL_LIMIT) if row.path.endswith("…") else row.path
        self._write(self._template.fill(row, masking.url(path) if self._redact else path) + "\n")
