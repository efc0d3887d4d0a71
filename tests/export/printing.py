"""Give streams to printers and take what they write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from soth_mitm.export.jsonl import JsonPrinter
from soth_mitm.export.lines import TextPrinter
from soth_mitm.policy.filters import Filter
from soth_mitm.record.rows import RowFold
from tests.helpers.streams import Stream


def text_of(
    stream: Stream,
    *,
    detail: int = 0,
    color: bool = False,
    redact: bool = True,
    matcher: Filter | None = None,
    finish: bool = False,
) -> str:
    """Return what a text printer writes."""
    out: list[str] = []
    printer = TextPrinter(
        out.append, fold=RowFold(), detail=detail, color=color, redact=redact, matcher=matcher
    )
    _feed(printer, stream, finish=finish)
    return "".join(out)


def objects_of(
    stream: Stream,
    *,
    detail: int = 0,
    redact: bool = True,
    matcher: Filter | None = None,
    finish: bool = False,
) -> list[dict[str, Any]]:
    """Return what a JSON printer writes, read back line by line."""
    return [msgspec.json.decode(line) for line in json_of(
        stream, detail=detail, redact=redact, matcher=matcher, finish=finish
    ).splitlines()]  # fmt: skip


def json_of(
    stream: Stream,
    *,
    detail: int = 0,
    redact: bool = True,
    matcher: Filter | None = None,
    finish: bool = False,
) -> str:
    """Return what a JSON printer writes."""
    out: list[str] = []
    printer = JsonPrinter(out.append, fold=RowFold(), detail=detail, redact=redact, matcher=matcher)
    _feed(printer, stream, finish=finish)
    return "".join(out)


def _feed(printer: TextPrinter | JsonPrinter, stream: Stream, *, finish: bool) -> None:
    sink: Callable[[Any], None] = printer
    for event in stream.events:
        sink(event)
    if finish:
        printer.finish()
