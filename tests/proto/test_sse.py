"""Events are found as the WHATWG reads the stream, however it is cut."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.splitting import HELD
from soth_mitm.proto.sse import LINE_HELD, SseSplitter
from tests.proto.splits import check_places, cuts, pieces_of, run

CORPUS = sorted((Path(__file__).parent / "corpora" / "sse").iterdir())


def events(body: bytes, *more: bytes) -> list[tuple[str, bytes, str]]:
    found, code = run(SseSplitter, [body, *more])
    assert not code
    check_places(found, b"".join([body, *more]))
    return [(item.label, payload, item.note) for item, payload in found]


def by_the_book(body: bytes) -> list[tuple[str, bytes, str]]:
    """The standard's algorithm, on the whole stream at once."""
    lines = re.split(rb"\r\n|\n|\r", body.removeprefix(b"\xef\xbb\xbf"))
    out, data, kind, own = [], b"", b"", b""
    for line in lines[:-1]:
        name, colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                out.append(
                    (kind.decode("utf-8", "replace") or "message", data[:-1], own.decode("utf-8", "replace"))
                )
            data, kind, own = b"", b"", b""
        elif not name and colon:
            pass
        elif name == b"data":
            data += value + b"\n"
        elif name == b"event":
            kind = value
        elif name == b"id" and b"\0" not in value:
            own = value
    return out


def test_an_event_has_type_data_and_id() -> None:
    assert events(b"event: add\ndata: 1\nid: 7\n\n") == [("add", b"1", "7")]


def test_the_examples_of_the_standard() -> None:
    assert events(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [("message", b"YHOO\n+2\n10", "")]
    assert events(
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"
    ) == [
        ("message", b"first event", "1"),
        ("message", b"second event", ""),
    ]
    assert events(b"data\n\ndata\ndata\n\ndata:") == [("message", b"", ""), ("message", b"\n", "")]
    assert events(b"data:test\n\ndata: test\n\n") == [("message", b"test", ""), ("message", b"test", "")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_with_lf_cr_or_both(end: bytes) -> None:
    body = end.join([b"event: a", b"data: 1", b"data: 2", b"", b": c", b"data: 3", b"", b""])
    assert events(body) == [("a", b"1\n2", ""), ("message", b"3", "")]
    assert events(*(bytes([byte]) for byte in body)) == [("a", b"1\n2", ""), ("message", b"3", "")]


def test_an_event_is_there_at_the_cr_of_its_empty_line_not_a_byte_later() -> None:
    splitter = SseSplitter()
    assert [item.data for item in splitter.feed(b"data: x\r\n\r")] == [b"x"]
    assert list(splitter.feed(b"\n")) == []
    assert [item.data for item in splitter.feed(b"data: y\r\n\r\n")] == [b"y"]


@pytest.mark.parametrize("cut", range(4))
def test_one_byte_order_mark_is_no_part_of_the_first_line(cut: int) -> None:
    body = b"\xef\xbb\xbfdata: x\n\n"
    assert events(body[:cut], body[cut:]) == [("message", b"x", "")]
    assert events(b"\xef\xbb\xbf" + body) == []
    assert events(b"data: a\n\n" + body) == [("message", b"a", "")]


def test_an_id_with_nul_is_ignored_and_the_last_one_stays() -> None:
    splitter = SseSplitter()
    notes = [item.note for item in splitter.feed(b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\ndata: c\n\n")]  # type: ignore[union-attr]
    assert (notes, splitter.last_id) == (["1", "", ""], "1")
    list(splitter.feed(b"id\n\n"))
    assert splitter.last_id == ""
    list(splitter.feed(b"id: 9\n"))
    assert splitter.last_id == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"2500", 2500), (b" 2500", 2500), (b"+1", None), (b"1s", None), (b"", None),
     ("٣".encode(), None), (b"9" * 999, None)],
)  # fmt: skip
def test_retry_is_digits_only(value: bytes, expected: int | None) -> None:
    splitter = SseSplitter()
    assert list(splitter.feed(b"retry:" + value + b"\n\n")) == []
    assert splitter.retry_ms == expected


def test_what_is_unfinished_at_the_end_is_no_event() -> None:
    assert events(b"data: a\n\ndata: b\n") == [("message", b"a", "")]


def test_one_line_of_data_lies_in_the_body_and_several_do_not() -> None:
    (one, several), _ = run(SseSplitter, [b"data: one\n\ndata: a\ndata: b\n\n"])
    assert (one[0].offset, several[0].offset) == (6, -1)


def test_comments_before_an_event_are_no_part_of_it_nor_waited_for() -> None:
    splitter = SseSplitter()
    list(splitter.feed(b": keep-alive\n"))
    assert splitter.begun == 13
    (found,) = splitter.feed(b"data: x\n: inside\n\n")
    assert (found.start, found.end) == (13, 31)  # type: ignore[union-attr]


def test_the_wire_bytes_of_an_event_count_its_framing() -> None:
    for end in (b"\n", b"\r", b"\r\n"):
        body = end.join([b"data: x", b"", b"data: y", b"", b""])
        found, _ = run(SseSplitter, [body])
        assert [item.wire for item, _ in found] == [len(body) // 2] * 2


@pytest.mark.parametrize("step", [1000, HELD - 1, HELD + 7, 10**9])
def test_a_line_longer_than_what_is_kept_streams(step: int) -> None:
    long = bytes(range(32, 127)) * 3000
    body = (
        b"event: big\ndata: "
        + long
        + b"\ndata: tail\n\n: "
        + long
        + b"\ndata: y\n\nevent: "
        + long
        + b"\ndata: z\n\n"
    )
    found, code = run(SseSplitter, [body[i : i + step] for i in range(0, len(body), step)])
    assert not code
    assert [(item.label, payload) for item, payload in found] == [
        ("big", long + b"\ntail"),
        ("message", b"y"),
        ("message", b"z"),
    ]
    check_places(found, body)


def test_a_line_without_end_does_not_grow_in_memory() -> None:
    splitter = SseSplitter()
    kept = 0
    for _ in range(100):
        kept += sum(len(item.data) for item in splitter.feed(b"data: " + b"x" * 50_000))
    assert kept >= 99 * 50_000 - HELD
    for _ in range(100):
        list(splitter.feed(b"x" * 1000 + b"\n"))
    splitter = SseSplitter()
    for _ in range(100):
        assert list(splitter.feed(b"junk" * 50_000)) == []
    assert len(splitter._line) <= LINE_HELD


lines = st.sampled_from(
    [b"data: x", b"data", b"data:", b"data: long one", b":c", b"id: 1", b"id: a\0b", b"id", b"event: e",
     b"event", b"retry: 5", b"", b"", b" data: x", b"\xef\xbb\xbfdata: y", b"DATA: z", b"data : q",
     b"\xff\xfe", b"data: \xc3\xa9"]
)  # fmt: skip
ends = st.sampled_from([b"\n", b"\r", b"\r\n", b"\r\r", b"\n\r"])
streams = st.one_of(
    st.lists(st.tuples(lines, ends), max_size=20).map(lambda parts: b"".join(a + b for a, b in parts)),
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"d", b"data", b":", b" ", b"\r", b"\n", b"x", b"\xef", b"\xbb", b"\xbf"])).map(
        b"".join
    ),
)


@given(streams, cuts)
def test_any_stream_gives_what_the_standard_says_however_it_is_cut(body: bytes, places: list[int]) -> None:
    whole = run(SseSplitter, [body])
    assert [(item.label, payload, item.note) for item, payload in whole[0]] == by_the_book(body)
    check_places(whole[0], body)
    assert run(SseSplitter, pieces_of(body, places)) == whole
    assert run(SseSplitter, [body[i : i + 1] for i in range(len(body))]) == whole


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_kept_corpus_reads_as_the_standard_says(path: Path) -> None:
    body = path.read_bytes()
    whole = run(SseSplitter, [body])
    assert [(item.label, payload, item.note) for item, payload in whole[0]] == by_the_book(body)
    for step in (1, 2, 7):
        assert run(SseSplitter, [body[i : i + step] for i in range(0, len(body), step)]) == whole
