"""The program of a connection, on the rows of its flows: those that are to come, are open, or are packed."""

from __future__ import annotations

import pytest

from soth_mitm.model import events as e
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record import naming
from soth_mitm.record.index import Index
from soth_mitm.record.naming import Unnamed
from soth_mitm.record.pages import PAGE_ROWS
from soth_mitm.record.rows import RowFold
from tests.helpers import streams
from tests.helpers.streams import Stream

CURL = e.ProcessKnown(7, "curl", "/usr/bin/curl", "curl -v", "zsh", 6)


def conversation(*, flows_before: int, flows_after: int) -> tuple[Stream, int]:
    """Return a connection whose program is told between some of its flows, and its conn."""
    stream = Stream()
    pair = streams.connect(stream)
    for _ in range(flows_before):
        streams.exchange(pair)
    open_flow = streams.request(pair)
    stream.add(CURL, conn=pair.conn)
    streams.response(pair, open_flow)
    stream.add(e.FlowClosed("completed"), conn=pair.conn, flow=open_flow)
    for _ in range(flows_after):
        streams.exchange(pair)
    stream.add(e.ConnClosed("client_closed"), conn=pair.conn)
    return stream, pair.conn


def processes(index: Index) -> list[str]:
    return [index.row(number).process for number in range(index.dropped, index.end)]


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_every_flow_of_the_connection_has_its_name(batch: int) -> None:
    stream, _ = conversation(flows_before=3, flows_after=2)
    streams.https_exchange(stream)
    index = Index()
    for start in range(0, len(stream.events), batch):
        index.apply(stream.events[start : start + batch])
    assert processes(index) == ["curl"] * 6 + [""]
    assert len(index.search(compile_filter("proc:curl"), 0, index.end)) == 6
    assert len(index.search(compile_filter('proc:=""'), 0, index.end)) == 1


def test_rows_of_pages_that_are_full_are_named_too() -> None:
    stream, _ = conversation(flows_before=PAGE_ROWS + 5, flows_after=0)
    index = Index()
    index.apply(stream.events)
    assert set(processes(index)) == {"curl"}


def test_the_rows_that_are_named_later_are_told_as_changed() -> None:
    stream, _ = conversation(flows_before=2, flows_after=0)
    at = next(number for number, event in enumerate(stream.events) if event.body is CURL)
    index = Index()
    index.apply(stream.events[:at])
    seen = index.changes_since(0).revision
    index.apply([stream.events[at]])
    assert index.changes_since(seen).changed == frozenset({0, 1, 2})


def test_a_row_that_was_dropped_meanwhile_is_passed_over() -> None:
    stream, _ = conversation(flows_before=5, flows_after=0)
    at = next(number for number, event in enumerate(stream.events) if event.body is CURL)
    index = Index(max_rows=2)
    index.apply(stream.events[:at])
    index.apply(stream.events[at:])
    assert processes(index) == ["curl", "curl"]


def test_rows_of_a_connection_that_is_never_named_are_forgotten_with_it() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    streams.exchange(pair)
    stream.add(e.ConnClosed("client_closed"), conn=pair.conn)
    index, fold = Index(), RowFold()
    index.apply(stream.events)
    for event in stream.events:
        fold.apply(event)
    assert not index._unnamed._rows
    assert not fold._unnamed


def test_many_open_rows_of_one_connection_are_named_at_once() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flows = [streams.request(pair) for _ in range(40)]
    for flow in flows[::2]:
        stream.add(e.FlowClosed("completed"), conn=pair.conn, flow=flow)
    stream.add(CURL, conn=pair.conn)
    fold = RowFold()
    for event in stream.events:
        fold.apply(event)
    assert len(fold.open_rows) == 20
    assert {row.process for row in fold.open_rows.values()} == {"curl"}


def test_what_waits_for_a_name_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "_CONNS", 2)
    monkeypatch.setattr(naming, "_ROWS", 4)
    waiting = Unnamed()
    for number in range(6):
        waiting.note(1, number)
    assert list(waiting.take(1)) == [2, 3, 4, 5]
    for conn in (1, 2, 3):
        waiting.note(conn, conn)
    assert [list(waiting.take(conn)) for conn in (1, 2, 3)] == [[], [2], [3]]
