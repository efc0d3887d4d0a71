"""The columns of the flow list: what each says about a row, how rows are ordered by it, and its width.

Widths are never measured from the rows: that keeps a list of any length as fast as one screenful.
`layout` chooses among the columns and gives them their places.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from soth_mitm.export import redact
from soth_mitm.model.annotation import MARK
from soth_mitm.policy.filters import term_for
from soth_mitm.policy.filters.quoting import quoted
from soth_mitm.text import human_duration, human_size, printable
from soth_mitm_tui import calls
from soth_mitm_tui.messages.names import counted
from soth_mitm_tui.states import state_of

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.ordering import Key

NOTHING: Final = "–"  # noqa: RUF001 - a dash is what a table says for nothing
TIMES: Final = "×"  # noqa: RUF001 - the sign is meant
DOTS: Final = "••••••••"
"""What stands for a secret; its length says nothing."""
NEVER: Final = 100_000
"""The width of a list that shows a column only when it is asked to."""


class Column(NamedTuple):
    """A column of the list."""

    id: str
    head: str
    """What stands above it."""
    name: str
    """What it is called where there is room for it."""
    width: int
    """In cells; of a column that takes what the others leave, the least it needs."""
    from_width: int
    """It is shown by itself in lists of at least so many cells, and goes first where room is short."""
    key: Callable[[Row], Key]
    """What rows are ordered by."""
    spans: Callable[[Row], tuple[Span, ...]]
    term: Callable[[Row], str] | None = None
    """The filter that finds what has a row's value here; empty where the row has none."""
    right: bool = False
    stretch: bool = False
    """Whether it takes what the others leave."""
    talks: bool = False
    """Whether it is shown by itself only where there are flows with messages."""


def status(row: Row) -> Span:
    """Return the status column: the code and how it goes on, or what stands in its place."""
    if row.status:
        tail = ""
        if row.status == 101:
            tail = "⇄"
        elif row.state == "streaming":
            tail = "⇣"
        return f"{row.status}{tail}", status_tone(row.status)
    if row.tls_reason:
        return "tls", "bad"
    if row.kind in ("tunnel", "bytes"):
        return ("tun⇄" if row.open else "tun"), "muted"
    if row.open:
        return "···", "accent"
    return ("err", "bad") if row.error else (NOTHING, "muted")


def status_tone(code: int) -> str:
    """Return the tone of an HTTP status code."""
    if code >= 500:
        return "bad"
    if code >= 400:
        return "warn"
    if code >= 300 or code < 200:
        return "muted" if code != 101 else "accent"
    return "good"


@lru_cache(maxsize=256)
def _clock_of_second(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


def clock_text(wall_ns: int) -> str:
    """Return the local time of day, to the second."""
    return _clock_of_second(wall_ns // 1_000_000_000)


_SHORT_TYPES: Final = {
    "application/x-www-form-urlencoded": "form",
    "multipart/form-data": "multipart",
    "application/x-javascript": "javascript",
    "text/plain": "plain",
    "image/svg+xml": "svg",
}


def short_type(content_type: str) -> str:
    """Return a media type in at most 12 characters, as a part of it, so that a filter finds it."""
    known = _SHORT_TYPES.get(content_type)
    if known is not None:
        return known
    subtype = content_type.partition("/")[2] or content_type
    return subtype.removeprefix("x-").removeprefix("vnd.").rpartition("+")[2][:12]


def method(row: Row) -> str:
    """Return the method, or what the flow is where it has none."""
    if row.method:
        return row.method
    return "TUNNEL" if row.kind == "tunnel" else "CONNECT" if row.kind == "failed" else row.kind.upper()


def host_name(row: Row) -> str:
    """Return the name of the host: of a tunnel, the one that the client asked for in TLS."""
    return row.sni if row.kind == "tunnel" and row.sni else row.host


def host(row: Row) -> str:
    """Return the host as the list shows it: with the port where it is not the scheme's own."""
    usual = {"https": 443, "http": 80}.get(row.scheme, 443)
    name = host_name(row)
    return name if row.port in (usual, 0) else f"{name}:{row.port}"


def target(row: Row, *, counts: bool = True, secrets: bool = False) -> tuple[Span, ...]:
    """Return the wide column: the path, or the outcome in words where it needs any, and the comment.

    Without `counts`, another column says how many messages there were. Secret parameters are masked
    unless `secrets`.
    """
    path = row.path if secrets else masked(row.path)
    spans = _path(row, path)
    if row.replay_of:  # first, as a long path would hide it
        spans = ((f"↻ of {row.replay_of}  ", "accent"), *spans)
    if row.llm is not None:
        spans += calls.note(row.llm)
    elif counts and row.form and not row.error:
        spans += _talk(row)
    return (*spans, (f"  ; {row.comment}", "accent")) if row.comment else spans


def _talk(row: Row) -> tuple[Span, ...]:
    """Return how many messages there were, with a sign while there may be more."""
    untold = ((f" ({row.messages_skipped:,} untold)", "warn"),) if row.messages_skipped else ()
    if not row.open:
        return ((f"  {counted(row.form, row.messages)}", "muted"), *untold)
    return ((f"  {state_of(row).glyph} {counted(row.form, row.messages)}", "accent"), *untold)


def masked(address: str) -> str:
    """Return an address, or a path, with dots for the values of its secret parameters."""
    kept = redact.url(address)
    return address if kept == address else kept.replace(redact.MASK, DOTS)


def _path(row: Row, path: str) -> tuple[Span, ...]:
    if not row.outcome:
        note = f"  {TIMES}{row.repeats + 1}" if row.repeats else ""
        spans: tuple[Span, ...] = ((path, "text"),)
        if row.modified or row.generated:
            spans += ((f"  {'changed' if row.modified else 'answered'} {_by(row)}", "accent"),)
        return (*spans, (note, "muted")) if note else spans
    tone = "bad" if row.error else "warn" if row.guard else "muted"
    outcome = f"{row.outcome} {TIMES}{row.repeats + 1}" if row.repeats else row.outcome
    return ((outcome, tone), (f"  {path}" if path else "", "muted"))


def _by(row: Row) -> str:
    return f"by {printable(row.rules, 60)}" if row.rules else "here"


def fit(spans: tuple[Span, ...], width: int, *, right: bool = False, cut: str = "…") -> list[Span]:
    """Cut or pad spans to exactly `width` cells; what is cut ends in an ellipsis, or in `cut`."""
    out: list[Span] = []
    left = width
    for text, tone in spans:
        length = len(text) if text.isascii() else cell_len(text)
        if length <= left:
            if text:
                out.append((text, tone))
            left -= length
            continue
        if left > 0:
            out.append((set_cell_size(text, left - len(cut)) + cut, tone))
            left = 0
        break
    if left:
        if right:
            out.insert(0, (" " * left, "text"))
        else:
            out.append((" " * left, "text"))
    return out


def _glyph(row: Row) -> tuple[Span, ...]:
    state = state_of(row)
    if not (row.mark or row.comment or row.colour):
        return ((state.glyph, state.tone),)
    sign = row.mark or (";" if row.comment else MARK)
    return (
        (state.glyph, state.tone),
        (sign if cell_len(sign) == 1 else MARK, TONES.get(row.colour, "strong")),
    )


TONES: Final = {"red": "bad", "yellow": "warn", "green": "good", "blue": "accent"}
"""The tones of the colours that a flow may be given."""


def _method(row: Row) -> tuple[Span, ...]:
    plain = row.method in ("GET", "HEAD", "OPTIONS") or not row.method
    return ((method(row), "muted" if plain else "strong"),)


def _duration(row: Row) -> tuple[Span, ...]:
    if row.open and not row.status and row.kind == "http":
        return (("wait", "accent"),)
    return ((human_duration(row.duration_ns), "muted"),)


def _size(count: int) -> tuple[Span, ...]:
    return ((human_size(count), "muted" if not count else "text"),)


def _muted(text: str) -> tuple[Span, ...]:
    return ((text, "muted"),)


def _version(row: Row) -> str:
    return row.version.removeprefix("HTTP/")


def _term(field: str, value: str) -> str:
    if not value:
        return ""
    return f"is:{value}" if field == "is" else term_for(field, value)


def _outcome_term(row: Row) -> str:
    if row.outcome:
        return term_for("reason", row.outcome)
    return _term("path", row.path.removesuffix("…"))


def _client_term(client: str) -> str:
    address = client.rpartition(":")[0]
    return f"client:{quoted(address + ':')}" if address else ""


COLUMNS: Final[tuple[Column, ...]] = (
    Column("state", "", "state", 2, 0, lambda row: state_of(row).rank, _glyph,
           lambda row: _term("is", state_of(row).term)),
    Column("number", "#", "number", 6, NEVER, lambda row: row.flow, lambda row: _muted(str(row.flow)),
           right=True),
    Column("time", "time", "time", 8, 62, lambda row: row.started_mono_ns,
           lambda row: _muted(clock_text(row.started_wall_ns))),
    Column("method", "method", "method", 7, 0, method, _method,
           lambda row: _term("method", row.method)),
    Column("status", "st", "status", 4, 0, lambda row: row.status, lambda row: (status(row),),
           lambda row: _term("status", str(row.status or ""))),
    Column("scheme", "scheme", "scheme", 6, NEVER, lambda row: row.scheme, lambda row: _muted(row.scheme),
           lambda row: _term("scheme", row.scheme)),
    Column("host", "host", "host", 10, 0, host, lambda row: ((host(row), "text"),),
           lambda row: _term("host", host_name(row)), stretch=True),
    Column("port", "port", "port", 5, NEVER, lambda row: row.port, lambda row: _muted(str(row.port or "")),
           lambda row: _term("port", str(row.port or "")), right=True),
    Column("path", "path", "path and outcome", 8, 0, lambda row: row.path, target, _outcome_term,
           stretch=True),
    Column("type", "type", "media type", 12, 104, lambda row: short_type(row.content_type),
           lambda row: _muted(short_type(row.content_type)),
           lambda row: _term("type", row.content_type)),
    Column("sent", "sent", "bytes sent", 4, NEVER, lambda row: row.request_bytes,
           lambda row: _size(row.request_bytes), lambda row: f"reqsize:>={row.request_bytes}", right=True),
    Column("size", "size", "bytes received", 4, 38, lambda row: row.response_bytes,
           lambda row: _size(row.response_bytes), lambda row: f"size:>={row.response_bytes}", right=True),
    Column("ttfb", "ttfb", "time to first byte", 5, NEVER, lambda row: row.ttfb_ns,
           lambda row: _muted(human_duration(row.ttfb_ns) if row.ttfb_ns else NOTHING),
           lambda row: f"ttfb:>={row.ttfb_ns // 1_000_000}ms" if row.ttfb_ns else "", right=True),
    Column("dur", "dur", "duration", 5, 44, lambda row: row.duration_ns, _duration,
           lambda row: f"dur:>={row.duration_ns // 1_000_000}ms", right=True),
    Column("messages", "msgs", "messages", 6, 118, lambda row: row.messages,
           lambda row: ((f"{row.messages:,}" if row.form else "", "text"),), right=True, talks=True),
    Column("last", "last", "time since the last message", 5, 126,
           lambda row: row.started_mono_ns + row.last_message_ns, lambda row: (), right=True, talks=True),
    Column("waterfall", "waterfall", "waterfall", 16, 150, lambda row: row.started_mono_ns, lambda row: ()),
    Column("model", "model", "language model", 18, NEVER, calls.model,
           lambda row: ((calls.model(row), "text"),), lambda row: _term("model", calls.model(row))),
    Column("tokens_in", "in", "tokens in", 5, NEVER, calls.figure("input"), calls.counted("input"),
           calls.at_least("tokin", "input"), right=True),
    Column("tokens_cached", "cached", "tokens from the cache", 6, NEVER, calls.figure("cached"),
           calls.counted("cached"), calls.at_least("cached", "cached"), right=True),
    Column("tokens_out", "out", "tokens out", 5, NEVER, calls.figure("output"), calls.counted("output"),
           calls.at_least("tokout", "output"), right=True),
    Column("cost", "cost", "cost in dollars", 8, NEVER, calls.figure("cost"), calls.cost,
           lambda row: "is:llm" if row.llm is not None else "", right=True),
    Column("ttft", "first", "time to first token", 5, NEVER, calls.figure("first_token_ns"),
           calls.first_token,
           calls.at_least("ttft", "first_token_ns", 1_000_000), right=True),
    Column("rate", "tok/s", "tokens a second", 5, NEVER, calls.figure("rate"), calls.rate, right=True),
    Column("stalls", "stalls", "stalls of an answer", 6, NEVER, calls.figure("stalls"), calls.stall_count,
           calls.at_least("stalls", "stalls"), right=True),
    Column("stop", "stop", "why the model stopped", 10, NEVER, calls.ending, calls.stop,
           lambda row: _term("stop", calls.ending(row))),
    Column("version", "http", "HTTP version", 5, NEVER, _version, lambda row: _muted(_version(row)),
           lambda row: _term("proto", row.version)),
    Column("client", "client", "client", 15, NEVER, lambda row: row.client,
           lambda row: _muted(row.client), lambda row: _client_term(row.client)),
    Column("process", "process", "program of the client", 14, 190, lambda row: row.process,
           lambda row: _muted(row.process), lambda row: _term("proc", row.process)),
    Column("conn", "conn", "connection", 5, NEVER, lambda row: row.conn,
           lambda row: _muted(str(row.conn)), right=True),
    Column("mark", "mark", "mark and colour", 8, NEVER, lambda row: f"{row.mark} {row.colour}".strip(),
           lambda row: ((row.mark or row.colour, TONES.get(row.colour, "strong")),),
           lambda row: _term("mark", row.mark)),
    Column("comment", "comment", "comment", 24, NEVER, lambda row: row.comment,
           lambda row: ((row.comment, "accent"),), lambda row: _term("comment", row.comment)),
)  # fmt: skip
"""Every column, in the order in which they stand unless a person reorders them."""

BY_ID: Final = {column.id: column for column in COLUMNS}
