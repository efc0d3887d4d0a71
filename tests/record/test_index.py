"""The index: packed rows, their numbers, and what changed."""

from __future__ import annotations

import gc
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.model import events as e
from soth_mitm.model.annotation import Annotation
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record import blockmap
from soth_mitm.record.changes import MARKS, TOUCHED
from soth_mitm.record.index import Index
from soth_mitm.record.pages import PAGE_ROWS
from soth_mitm.record.rows import Row, RowFold
from tests.helpers import streams
from tests.policy.filters.rows import EXPRESSIONS


def indexed(stream: streams.Stream, *, batch: int = 40, index: Index | None = None) -> Index:
    """Index a stream as a recorder would: some events a block."""
    index = index if index is not None else Index()
    for block, start in enumerate(range(0, len(stream.events), batch)):
        index.apply(stream.events[start : start + batch], block)
    return index


def folded(stream: streams.Stream) -> dict[int, Row]:
    fold = RowFold()
    rows = [fold.apply(event) for event in stream.events]
    return {row.flow: row for row in rows if row is not None}


def without_number(row: Row) -> Row:
    return msgspec.structs.replace(row, number=-1)


def all_rows(index: Index) -> list[Row]:
    return [index.row(number) for number in range(index.dropped, index.end)]


# --- rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_a_packed_row_is_the_row_that_was_folded(batch: int) -> None:
    stream = streams.Stream()
    flows = streams.everything(stream)
    index = indexed(stream, batch=batch)
    expected = folded(stream)
    assert len(index) == len(flows)
    for row in all_rows(index):
        assert without_number(row) == without_number(expected[row.flow])
        assert index.number_of(row.flow) == row.number


def test_an_open_flow_has_its_live_row() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, events=1, finished=False)
    index = indexed(stream)
    number = index.number_of(flow)
    assert number is not None
    row = index.row(number)
    before = row.response_bytes
    stream.add(e.BodyChunk(e.Direction.RESPONSE, before, 7, b"1234567"), conn=1, flow=flow)
    index.apply(stream.events[-1:], 9)
    assert index.row(number) is row
    assert row.response_bytes == before + 7


def test_rows_are_numbered_in_the_order_in_which_flows_began() -> None:
    stream = streams.Stream()
    slow = streams.sse(stream, finished=False)
    quick = streams.https_exchange(stream)
    index = indexed(stream, batch=4)
    assert (index.number_of(slow), index.number_of(quick)) == (0, 1)


@pytest.mark.parametrize(
    "client", ["", "unix:/run/app.sock", "127.0.0.1:007", "[::1]:65536", "[::1]:99", "a:b:0"]
)
def test_any_client_address_survives_packing(client: str) -> None:
    stream = streams.Stream()
    stream.add(e.FlowOpened(e.FlowKind.HTTP, "http", "a.test", 80, client), conn=1, flow=1)
    stream.add(e.FlowClosed("completed"), conn=1, flow=1)
    assert indexed(stream).row(0).client == client


def test_numbers_that_no_record_holds_are_clamped_and_never_raise() -> None:
    huge = 2**80
    events = [
        e.Event(1, 2**64 - 1, 2**64 - 1, 1, 50, 60, e.FlowOpened(e.FlowKind.HTTP, "http", "a.test", -7)),
        e.Event(2, 1, 2**64 - 1, 2, 10, 60, e.BodyChunk(e.Direction.REQUEST, huge, huge)),
        e.Event(3, 1, 2**64 - 1, 3, 10, 60, e.FlowClosed("completed")),
    ]
    index = Index()
    index.apply(events, 0)
    row = index.row(0)
    assert (row.request_bytes, row.duration_ns, row.port) == (2**63 - 1, 0, -7)


@pytest.mark.parametrize("number", [-1, 1, 10**9])
def test_a_number_without_a_row_is_an_index_error(number: int) -> None:
    stream = streams.Stream()
    streams.https_exchange(stream)
    with pytest.raises(IndexError, match=f"no row {number}"):
        indexed(stream).row(number)


def test_a_flow_that_is_not_known_has_no_number() -> None:
    assert Index().number_of(1) is None
    assert Index().blocks_of(1) == []
    assert Index().blocks_of_conn(1) == []


# --- equal failures -------------------------------------------------------------------------------


def test_equal_failures_within_a_minute_share_a_row() -> None:
    stream = streams.Stream()
    first = streams.tls_refused(stream)
    for _ in range(3):
        stream.later(10_000)
        streams.tls_refused(stream)
    index = indexed(stream, batch=5)
    assert len(index) == 1
    assert (index.row(0).flow, index.row(0).repeats) == (first, 3)


def test_failures_that_differ_or_come_later_have_rows_of_their_own() -> None:
    stream = streams.Stream()
    streams.tls_refused(stream)
    streams.tls_refused(stream, host="other.test")
    streams.tls_refused(stream, address="10.0.0.9")
    streams.upstream_expired(stream, host="pin.bank.test")
    stream.later(61_000)
    streams.tls_refused(stream)
    index = indexed(stream)
    assert [row.repeats for row in all_rows(index)] == [0, 0, 0, 0, 0]


def test_a_failure_that_shares_a_row_is_told_as_a_change_of_that_row() -> None:
    stream = streams.Stream()
    streams.tls_refused(stream)
    index = indexed(stream)
    seen = index.changes_since(0).revision
    done = len(stream.events)
    streams.tls_refused(stream)
    index.apply(stream.events[done:], 1)
    assert index.changes_since(seen)[1:] == (0, frozenset({0}), 0)


def test_exchanges_are_never_folded_whatever_they_have_in_common() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    for _ in range(3):
        flow = streams.request(pair)
        streams.close(pair, flow, reason="upstream_closed")
    assert len(indexed(stream)) == 3


# --- changes --------------------------------------------------------------------------------------


def test_changes_tell_what_was_added_and_what_looks_different() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, events=1, finished=False)
    index = indexed(stream)
    changes = index.changes_since(0)
    assert changes[1:] == (1, frozenset(), 0)
    assert index.changes_since(changes.revision)[1:] == (0, frozenset(), 0)
    done = len(stream.events)
    stream.add(e.BodyChunk(e.Direction.RESPONSE, 90, 1, b"x"), conn=1, flow=flow)
    streams.https_exchange(stream)
    index.apply(stream.events[done:], 3)
    assert index.changes_since(changes.revision)[1:] == (1, frozenset({0}), 0)
    assert index.changes_since(0)[1:] == (2, frozenset(), 0)


def test_the_revision_is_another_one_whenever_something_changed() -> None:
    stream = streams.Stream()
    index = Index()
    seen = {index.revision}
    for flow in range(3):
        streams.https_exchange(stream, host=f"{flow}.test")
        index.apply(stream.events, flow)
        stream.events.clear()
        seen.add(index.revision)
        assert index.changes_since(index.revision - 1).revision == index.revision
    assert len(seen) == 4


def test_two_readers_get_each_their_own_changes() -> None:
    stream = streams.Stream()
    index = Index()
    revisions = [0, 0]
    totals = [0, 0]
    for step in range(20):
        done = len(stream.events)
        streams.https_exchange(stream)
        index.apply(stream.events[done:], step)
        for reader in range(2):
            if step % (reader + 1) == 0:
                changes = index.changes_since(revisions[reader])
                revisions[reader] = changes.revision
                totals[reader] += changes.appended
    assert totals == [20, 19]


def test_who_looks_too_seldom_is_told_to_look_at_everything() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, events=1, finished=False)
    index = indexed(stream)
    old = index.changes_since(0).revision
    for _ in range(MARKS + 1):
        stream.add(e.BodyChunk(e.Direction.RESPONSE, 1, 1), conn=1, flow=flow)
        index.apply(stream.events[-1:], 0)
        new = index.changes_since(index.revision).revision
    assert index.changes_since(old) == (new, 1, None, 0)


def test_too_many_changed_rows_are_told_as_all_of_them() -> None:
    stream = streams.Stream()
    for flow in range(1, TOUCHED + 2):
        stream.add(e.FlowOpened(e.FlowKind.HTTP, "http", "a.test", 80), conn=1, flow=flow)
    index = indexed(stream)
    seen = index.changes_since(0).revision
    stream.events.clear()
    for flow in range(1, TOUCHED + 2):
        stream.add(e.Noted("x"), conn=1, flow=flow)
    index.apply(stream.events, 9)
    assert index.changes_since(seen).changed is None


# --- retention ------------------------------------------------------------------------------------


def test_dropped_rows_keep_the_numbers_of_the_others() -> None:
    stream = streams.Stream()
    flows = streams.many(stream, PAGE_ROWS + 100)
    index = indexed(stream)
    seen = index.changes_since(0).revision
    index.drop_rows(PAGE_ROWS + 10)
    assert (index.dropped, len(index), index.end) == (PAGE_ROWS + 10, 90, PAGE_ROWS + 100)
    assert index.number_of(flows[0]) is None
    assert index.number_of(flows[PAGE_ROWS + 5]) is None
    assert index.number_of(flows[-1]) == PAGE_ROWS + 99
    assert index.row(PAGE_ROWS + 10).flow == flows[PAGE_ROWS + 10]
    with pytest.raises(IndexError):
        index.row(PAGE_ROWS + 9)
    assert index.changes_since(seen)[1:] == (0, frozenset(), PAGE_ROWS + 10)


def test_an_open_flow_moves_to_the_end_instead_of_being_dropped() -> None:
    stream = streams.Stream()
    slow = streams.sse(stream, finished=False)
    streams.many(stream, 5)
    index = indexed(stream)
    index.drop_rows(3)
    assert (index.dropped, index.end, index.number_of(slow)) == (3, 7, 6)
    stream.add(e.FlowClosed("completed"), conn=1, flow=slow)
    index.apply(stream.events[-1:], 99)
    assert index.row(6).flow == slow
    assert [row.flow for row in all_rows(index)][-1] == slow


def test_rows_go_with_the_blocks_that_held_them() -> None:
    stream = streams.Stream()
    slow = streams.sse(stream, finished=False)
    streams.many(stream, 200)
    index = indexed(stream, batch=100)
    index.drop_before(8)
    assert index.dropped > 50
    assert all(index.blocks_of(row.flow)[-1] >= 8 for row in all_rows(index) if row.flow != slow)
    assert index.number_of(slow) == index.end - 1
    assert index.blocks_of_conn(1) == []


def test_nothing_is_dropped_while_the_oldest_block_is_there() -> None:
    stream = streams.Stream()
    streams.sse(stream, finished=False)
    streams.many(stream, 50)
    index = indexed(stream)
    index.drop_before(0)
    assert (index.dropped, len(index), index.number_of(1)) == (0, 51, 0)


def test_the_number_of_rows_is_bounded() -> None:
    stream = streams.Stream()
    streams.many(stream, 300)
    index = indexed(stream, index=Index(max_rows=100), batch=7)
    assert (len(index), index.dropped) == (100, 200)


def test_what_is_open_when_a_recording_ends_is_closed_and_says_so() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, finished=False)
    index = indexed(stream, batch=3)
    blocks = index.blocks_of(flow)
    index.end_of_recording()
    row = index.row(0)
    assert (row.open, row.outcome, row.error) == (False, "recording ends here", False)
    assert index.blocks_of(flow)[0] == blocks[0]
    assert index.blocks_of(flow)[-1] == blocks[-1]


# --- blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_the_blocks_of_flows_and_conns_are_those_that_hold_their_events(batch: int) -> None:
    stream = streams.Stream()
    streams.everything(stream)
    index = indexed(stream, batch=batch)
    flows: dict[int, list[int]] = {}
    conns: dict[int, list[int]] = {}
    for at, event in enumerate(stream.events):
        table, key = (flows, event.flow) if event.flow else (conns, event.conn)
        blocks = table.setdefault(key, [])
        if at // batch not in blocks:
            blocks.append(at // batch)
    conns.pop(0)
    assert {flow: index.blocks_of(flow) for flow in flows} == flows
    assert {conn: index.blocks_of_conn(conn) for conn in conns} == conns


def test_conn_numbers_that_lie_far_apart_cost_no_memory() -> None:
    index = Index()
    for block, conn in enumerate([1, 2**60, 2**60, 5_000_000, 2]):
        index.apply([e.Event(block + 1, conn, 0, 0, 1, 1, e.ConnOpened(e.Side.CLIENT, "a:1"))], block)
    assert index.blocks_of_conn(2**60) == [1, 2]
    assert index.blocks_of_conn(5_000_000) == [3]
    assert index.blocks_of_conn(2) == [4]
    index.drop_before(3)
    assert index.blocks_of_conn(2**60) == []


def test_a_conn_that_stays_open_does_not_keep_the_table_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blockmap, "_SPAN", 10)
    blocks = blockmap.ConnBlocks()
    for conn in range(1, 101):
        blocks.note(conn, conn)
    blocks.note(1, 100)
    blocks.drop_before(60)
    assert len(blocks._last) <= 41
    assert (blocks.of(1), blocks.of(2), blocks.of(100)) == ([1, 100], [], [100])
    blocks.note(1, 101)
    assert blocks.of(1) == [1, 100, 101]


def test_a_checkpoint_counts_among_the_blocks_of_what_is_open() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, finished=False)
    closed = streams.https_exchange(stream)
    index = indexed(stream, batch=1000)
    index.note_checkpoint(stream.events, 7)
    assert index.blocks_of(flow) == [0, 7]
    assert index.blocks_of(closed) == [0]
    assert index.blocks_of_conn(1) == [0, 7]


# --- search ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "page=7", "get 404", "!json", "/session=0+1/", "api-3.", "nothing", "EXPIRED"]
)
def test_a_search_finds_what_the_matcher_wants_row_by_row(text: str) -> None:
    stream = streams.Stream()
    streams.many(stream, PAGE_ROWS + 200)
    streams.everything(stream)
    streams.sse(stream, finished=False)
    index = indexed(stream)
    index.drop_rows(17)
    matcher = compile_filter(text)
    expected = [row.number for row in all_rows(index) if matcher(row)]
    assert index.search(text, 0, index.end + 50) == expected
    slices = [index.search(matcher, start, start + 100) for start in range(0, index.end, 100)]
    assert [number for some in slices for number in some] == expected
    assert index.search(lambda row: matcher(row), 0, index.end) == expected


@settings(max_examples=60)
@given(EXPRESSIONS)
def test_a_search_by_column_finds_what_a_search_row_by_row_finds(text: str) -> None:
    index = MIXED
    matcher = compile_filter(text)
    expected = [row.number for row in all_rows(index) if matcher(row)]
    assert index.search(matcher, 0, index.end) == expected


def _mixed() -> Index:
    stream = streams.Stream()
    streams.many(stream, PAGE_ROWS + 100)
    streams.everything(stream)
    streams.sse(stream, finished=False)
    index = indexed(stream)
    index.annotate(index.row(7).flow, Annotation("●", "x", "red"))
    index.annotate(index.row(PAGE_ROWS + 3).flow, Annotation("", "todo", ""))
    return index


MIXED = _mixed()


def test_rows_that_may_be_wanted_are_found_where_bodies_decide() -> None:
    found = MIXED.search(compile_filter("get body:needle"), 0, MIXED.end)
    assert found == MIXED.search("get", 0, MIXED.end)
    assert MIXED.search(compile_filter("status:999 body:needle"), 0, MIXED.end) == []


# --- session --------------------------------------------------------------------------------------


def test_the_session_knows_what_the_status_bar_shows() -> None:
    stream = streams.Stream()
    streams.everything(stream)
    stream.add(e.LimitReached("spill_bytes", 1, "drop the oldest segment"))
    stream.add(e.CaptureGap(0, 100, 3, "recorder_full"))
    session = indexed(stream, batch=9).session
    assert (session.run_id, session.version, session.ended) == ("run-1", "0.1.0", "shutdown")
    assert session.ca is not None
    assert session.listeners == []
    assert (session.connections, session.open_connections, session.connects) == (10, 0, 9)
    assert (session.handshakes, session.trusting, session.refused, session.decrypted) == (5, 2, 1, 5)
    assert (session.gaps, session.gap_bytes, session.gap_events) == (1, 100, 3)
    assert session.limits == {"spill_bytes": 1}
    assert "\x1b" not in session.notices[-1].text


def test_a_failed_handshake_that_is_told_of_conn_and_flow_counts_once() -> None:
    stream = streams.Stream()
    streams.tls_refused(stream)
    told = next(event for event in stream.events if isinstance(event.body, e.TlsFailed))
    at = stream.events.index(told)
    stream.events.insert(at, e.Event(told.seq, told.conn, 0, 0, told.mono_ns, told.wall_ns, told.body))
    assert indexed(stream).session.refused == 1


def test_a_client_that_refuses_after_the_handshake_is_not_counted_as_trusting() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    told = streams.Stream()
    streams.tls_refused(told)
    failure = next(event.body for event in told.events if isinstance(event.body, e.TlsFailed))
    opened = e.FlowOpened(e.FlowKind.FAILED, "https", pair.host, 443, pair.client, True)
    for body in (opened, failure, e.FlowClosed("tls_handshake_failed")):
        stream.add(body, conn=pair.conn, flow=1)
    session = indexed(stream).session
    assert (session.handshakes, session.trusting, session.refused, session.decrypted) == (1, 0, 1, 0)


def test_listeners_come_and_go() -> None:
    stream = streams.Stream()
    streams.begin(stream)
    stream.add(e.ListenerOpened("127.0.0.1", 9090, "socks5"))
    stream.add(e.ListenerClosed("127.0.0.1", 8080))
    assert indexed(stream).session.listeners == [("127.0.0.1", 9090, "socks5")]


# --- bounds ---------------------------------------------------------------------------------------


def test_a_closed_flow_costs_at_most_250_bytes() -> None:
    stream = streams.Stream()
    streams.many(stream, 20_000)
    batches = [stream.events[at : at + 250] for at in range(0, len(stream.events), 250)]
    gc.collect()
    tracemalloc.start()
    try:
        index = Index()
        for block, batch in enumerate(batches):
            index.apply(batch, block)
        gc.collect()
        bytes_in_all, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(index) == 20_000
    assert len({row.path for row in all_rows(index)}) == 20_000
    assert bytes_in_all / 20_000 <= 250


@given(st.data())
def test_no_order_of_events_makes_the_index_raise(data: st.DataObject) -> None:
    stream = streams.Stream()
    streams.everything(stream)
    events = data.draw(st.permutations(stream.events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=6)))
    index = Index(max_rows=6)
    for block, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(events)], strict=True)):
        index.apply(events[start:stop], block)
        if data.draw(st.booleans()):
            index.drop_before(data.draw(st.integers(0, block + 1)))
        assert len(all_rows(index)) == len(index)
        assert index.changes_since(0).revision == index.revision
    index.end_of_recording()
    assert not any(row.open for row in all_rows(index))
    assert len(index.search("", 0, index.end)) == len(index)


def test_what_a_row_says_of_its_messages_outlives_the_flow() -> None:
    stream = streams.Stream()
    streams.told_sse(stream)
    streams.grpc(stream, trailers=b"grpc-status: 5\r\ngrpc-message: no%20such%20order\r\n")
    streams.https_exchange(stream)
    index = indexed(stream)
    sse, grpc, plain = all_rows(index)
    assert (sse.form, sse.messages) == ("sse", 2)
    assert 200e6 < sse.last_message_ns <= sse.duration_ns
    assert (grpc.grpc_status, grpc.outcome) == (5, "gRPC NOT_FOUND: no such order")
    assert (plain.form, plain.messages, plain.last_message_ns, plain.grpc_status) == ("", 0, 0, -1)
    for wanted, found in {
        "is:sse": [0], "is:grpc": [1], "msgs:2": [0, 1], "msgs:>2": [], "is:ndjson": [],
        "reason:not_found": [1], "is:ws": [],
    }.items():  # fmt: skip
        assert index.search(wanted, 0, index.end) == found, wanted


def test_many_different_words_of_grpc_servers_cost_little() -> None:
    stream = streams.Stream()
    for number in range(1000):
        streams.grpc(stream, trailers=b"grpc-status: 5\r\ngrpc-message: no order %d\r\n" % number)
    index = indexed(stream)
    outcomes = [row.outcome for row in all_rows(index)]
    assert outcomes[0] == "gRPC NOT_FOUND: no order 0"
    assert outcomes[-1] == "gRPC NOT_FOUND"
    assert len(set(outcomes)) < 100
