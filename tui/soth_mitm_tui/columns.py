"""The columns of the flow list: which ones fit a width, and what they say about a row.

Widths are fixed for a width of the list, never measured from the rows: that keeps a list of any
length as fast as one screenful.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from soth_mitm.text import human_duration, human_size

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Span

GAP: Final = 1
NOTHING: Final = "–"  # noqa: RUF001 - a dash is what a table says for nothing
TIMES: Final = "×"  # noqa: RUF001 - the sign is meant
_FIXED: Final = {"mark": 1, "time": 8, "method": 7, "status": 4, "type": 12, "size": 4, "dur": 5}
_RIGHT: Final = frozenset({"size", "dur"})
HEADS: Final = {
    "mark": "",
    "time": "time",
    "method": "method",
    "status": "st",
    "host": "host",
    "path": "path",
    "type": "type",
    "size": "size",
    "dur": "dur",
}


class Column(NamedTuple):
    """A column: its name, and its width in cells."""

    name: str
    width: int


@lru_cache(maxsize=64)
def columns(width: int) -> tuple[Column, ...]:
    """Choose the columns for a list of `width` cells; the path takes what the others leave."""
    names = ["mark", "time", "method", "status", "host", "path", "type", "size", "dur"]
    if width < 104:
        names.remove("type")
    if width < 62:
        names.remove("time")
    if width < 44:
        names.remove("dur")
    if width < 38:
        names.remove("size")
    spare = width - sum(_FIXED.get(name, 0) for name in names) - GAP * (len(names) - 1) - 2
    host = min(28, max(10, spare * 3 // 8))
    widths = {**_FIXED, "host": host, "path": max(4, spare - host)}
    return tuple(Column(name, widths[name]) for name in names)


def glyph(row: Row) -> str:
    """Return the sign in front of a row; the row's words say the same."""
    if row.error:
        return "✕"
    if row.guard:
        return "▲"
    return " "


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


def host(row: Row) -> str:
    """Return the host as the list shows it: with the port where it is not the scheme's own."""
    usual = {"https": 443, "http": 80}.get(row.scheme, 443)
    name = row.sni if row.kind == "tunnel" and row.sni else row.host
    return name if row.port in (usual, 0) else f"{name}:{row.port}"


def target(row: Row) -> tuple[Span, ...]:
    """Return the wide column: the path, or the outcome in words where it needs any."""
    if not row.outcome:
        note = f"  {TIMES}{row.repeats + 1}" if row.repeats else ""
        spans: tuple[Span, ...] = ((row.path, "text"),)
        if row.modified or row.generated:
            spans += (("  changed here" if row.modified else "  answered here", "accent"),)
        return (*spans, (note, "muted")) if note else spans
    tone = "bad" if row.error else "warn" if row.guard else "muted"
    outcome = f"{row.outcome} {TIMES}{row.repeats + 1}" if row.repeats else row.outcome
    return ((outcome, tone), (f"  {row.path}" if row.path else "", "muted"))


def cells(row: Row, name: str) -> tuple[Span, ...]:
    """Return what a column says about a row."""
    match name:
        case "mark":
            return ((glyph(row), "bad" if row.error else "warn"),)
        case "time":
            return ((clock_text(row.started_wall_ns), "muted"),)
        case "method":
            plain = row.method in ("GET", "HEAD", "OPTIONS") or not row.method
            return ((method(row), "muted" if plain else "strong"),)
        case "status":
            return (status(row),)
        case "host":
            return ((host(row), "text"),)
        case "path":
            return target(row)
        case "type":
            return ((short_type(row.content_type), "muted"),)
        case "size":
            size = row.response_bytes
            return ((human_size(size), "muted" if not size else "text"),)
        case _:
            if row.open and not row.status and row.kind == "http":
                return (("wait", "accent"),)
            return ((human_duration(row.duration_ns), "muted"),)


def fit(spans: tuple[Span, ...], width: int, *, right: bool = False) -> list[Span]:
    """Cut or pad spans to exactly `width` cells; what is cut ends in an ellipsis."""
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
            out.append((set_cell_size(text, left - 1) + "…", tone))
            left = 0
        break
    if left:
        if right:
            out.insert(0, (" " * left, "text"))
        else:
            out.append((" " * left, "text"))
    return out


def row_spans(row: Row, width: int) -> list[Span]:
    """Return a row as spans that fill `width` cells, less the cell for the cursor and one at the end."""
    out: list[Span] = []
    for column in columns(width):
        if out:
            out.append((" " * GAP, "text"))
        out.extend(fit(cells(row, column.name), column.width, right=column.name in _RIGHT))
    return out


def head_spans(width: int) -> list[Span]:
    """Return the column heads for a list of `width` cells."""
    out: list[Span] = []
    for column in columns(width):
        if out:
            out.append((" " * GAP, "text"))
        name = ((HEADS[column.name], "muted"),)
        out.extend(fit(name, column.width, right=column.name in _RIGHT))
    return out
