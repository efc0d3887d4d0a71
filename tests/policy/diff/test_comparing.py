"""Messages are compared part by part, for a person, and within bounds."""

from __future__ import annotations

import gzip
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.terms import Direction, MessageForm
from soth_mitm.policy.diff import (
    DEFAULTS,
    DiffLine,
    DiffSection,
    Ignore,
    IgnoreError,
    Kind,
    Sample,
    compare,
    compare_exchanges,
    sample_of_draft,
)
from soth_mitm.policy.diff.heads import fields
from soth_mitm.policy.diff.ignoring import NOTHING
from soth_mitm.policy.diff.lines import spans_of, texts
from soth_mitm.policy.diff.octets import octets
from soth_mitm.policy.diff.trees import read, trees
from soth_mitm.policy.editing.draft import MessageDraft, RequestDraft, ResponseDraft

JSON = b"application/json"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def told(section: DiffSection) -> list[tuple[str, str, str | None, str | None]]:
    """Return the lines that do not say the same."""
    return [
        (str(line.kind), line.label, line.left, line.right)
        for line in section.lines
        if line.kind not in (Kind.SAME, Kind.SKIPPED)
    ]


def body(left: bytes, right: bytes, kind: bytes = JSON, coding: bytes = b"") -> DiffSection:
    samples = [
        Sample(body=each, body_bytes=len(each), content_type=kind, content_encoding=coding)
        for each in (left, right)
    ]
    (section,) = compare(*samples).sections
    return section


def test_fields_are_compared_by_name_with_order_case_and_duplicates() -> None:
    left = (
        (b"Host", b"a"),
        (b"Set-Cookie", b"x=1"),
        (b"set-cookie", b"y=1"),
        (b"ETag", b"1"),
        (b"Via", b"p"),
    )
    right = (
        (b"ETag", b"1"),
        (b"host", b"a"),
        (b"Set-Cookie", b"x=1"),
        (b"Set-Cookie", b"y=2"),
        (b"New", b"n"),
    )
    assert told(fields("f", left, right, NOTHING)) == [
        ("spelled", "Host", "Host: a", "host: a"),
        ("changed", "set-cookie", "set-cookie: y=1", "Set-Cookie: y=2"),
        ("moved", "ETag", "ETag: 1", "ETag: 1"),
        ("removed", "Via", "Via: p", None),
        ("added", "New", None, "New: n"),
    ]


FIELDS = st.lists(
    st.tuples(st.sampled_from([b"A", b"a", b"B", b"C"]), st.sampled_from([b"1", b"2"])), max_size=6
)


@given(FIELDS, FIELDS)
def test_every_field_of_both_sides_is_told_once(
    left: list[tuple[bytes, bytes]], right: list[tuple[bytes, bytes]]
) -> None:
    lines = fields("f", left, right, NOTHING).lines
    assert sum(line.left is not None for line in lines) == len(left)
    assert sum(line.right is not None for line in lines) == len(right)


def test_json_is_compared_by_path() -> None:
    left = (
        b'{"a": 1, "items": [{"id": 1, "name": "old"}, {"id": 2}, {"id": 3}], "gone": null, "n": 1.0, "b": 2}'
    )
    right = (
        b'{"b": 2, "a": "1", "items": [{"id": 0}, {"id": 1, "name": "new"}, {"id": 3}], "n": 1, "x y": [1]}'
    )
    assert told(body(left, right)) == [
        ("changed", "$.a", "1", '"1"'),
        ("changed", "$.items[0].id", "1", "0"),
        ("removed", "$.items[0].name", '"old"', None),
        ("changed", "$.items[1].id", "2", "1"),
        ("added", "$.items[1].name", None, '"new"'),
        ("removed", "$.gone", "null", None),
        ("spelled", "$.n", "1.0", "1"),
        ("added", '$."x y"', None, "[1]"),
        ("moved", "$", "keys: a, items, gone, n, b", "keys: b, a, items, n, x y"),
    ]


def test_an_element_that_was_put_in_front_is_one_difference() -> None:
    left, right = (json.dumps(list(range(start, 300))).encode() for start in (1, 0))
    assert told(body(left, right)) == [("added", "$[0]", None, "0")]


@given(VALUES, VALUES)
def test_a_value_differs_from_itself_in_nothing_and_from_another_in_something(
    one: object, other: object
) -> None:
    texts_ = [json.dumps(each) for each in (one, other)]
    assert not trees("t", read(texts_[0]), read(texts_[0]), NOTHING).lines
    section = trees("t", read(texts_[0]), read(texts_[1]), NOTHING)
    assert bool(section.lines) == (texts_[0] != texts_[1])


def test_json_that_is_nested_too_deeply_or_is_none_is_compared_as_text() -> None:
    deep = b"[" * 5000 + b"]" * 5000
    assert body(deep, deep + b" ").form == "text"
    assert body(b'{"a": 1', b'{"a": 2').form == "text"


def test_text_is_compared_line_by_line_with_its_surroundings_and_what_differs_within() -> None:
    left = "".join(f"line {number}\n" for number in range(40))
    right = left.replace("line 20\n", "line twenty\nand more\n")
    section = texts("t", left, right, NOTHING)
    kinds = [str(line.kind) for line in section.lines]
    assert kinds == ["skipped", *["same"] * 3, "changed", "added", *["same"] * 3, "skipped"]
    changed = section.lines[4]
    assert (changed.left_number, changed.right_number) == (21, 21)
    assert [changed.left[start:stop] for start, stop in changed.left_spans if changed.left] == ["20"]
    assert section.lines[0].label == "17 lines are the same"


@given(st.text(max_size=40), st.text(max_size=40))
def test_spans_lie_within_their_lines_and_what_is_outside_is_the_same(left: str, right: str) -> None:
    spans = spans_of(left, right)
    if spans != ((), ()):
        rest = []
        for text, parts in zip((left, right), spans, strict=True):
            assert all(0 <= start < stop <= len(text) or start == stop for start, stop in parts)
            rest.append("".join(c for at, c in enumerate(text) if not any(a <= at < b for a, b in parts)))
        assert rest[0] == rest[1]


def test_bytes_are_compared_in_rows() -> None:
    left = bytes(range(256))
    right = left[:20] + b"\xff" + left[21:200]
    section = octets("b", left, right)
    assert section.lines[0].label == "the first difference is at byte 20; 256 and 200 bytes"
    assert [(str(line.kind), line.label) for line in section.lines[1:4]] == [
        ("changed", "00000010"),
        ("skipped", "10 rows are the same"),
        ("changed", "000000c0"),
    ]
    assert section.lines[1].left == "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  ................"


def test_a_body_is_compared_with_its_codings_undone() -> None:
    assert not body(gzip.compress(b'{"a": 1}'), gzip.compress(b'{"a": 1}', 1), coding=b"gzip").lines
    packed = body(gzip.compress(b'{"a": 1}'), gzip.compress(b'{"a": 2}'), coding=b"gzip")
    assert told(packed) == [("changed", "$.a", "1", "2")]


def test_a_large_body_is_compared_by_its_bytes_alone() -> None:
    large = b"x" * 3_000_000
    section = body(large, large[:2_000_000] + b"y" + large[2_000_001:], b"text/plain")
    assert section.form == "size"
    assert section.differences == 1
    assert "from byte 2,000,000 on" in section.lines[1].label
    assert not body(large, large, b"text/plain").differences


def test_lists_of_differences_are_bounded_and_what_is_left_out_is_counted() -> None:
    left, right = (json.dumps({f"k{n}": n + more for n in range(3000)}).encode() for more in (0, 1))
    section = body(left, right)
    assert (len(section.lines), section.omitted, section.differences) == (1001, 2000, 3000)


def test_rules_say_what_may_differ() -> None:
    ignore = Ignore(
        (
            *DEFAULTS,
            "json:$.items[*].id",
            "json:$.meta",
            "json:$.**.at",
            r"like:\d{4}-\d\d-\d\d",
            "field:x-my-*",
        )
    )
    value = b'{"items":[{"id":%d,"v":1}],"meta":{"t":[%d]},"deep":{"at":%d},"day":"%d-01-01"}'
    left, right = (
        Sample(
            start=b"HTTP/1.1 200 OK",
            fields=((b"Date", b"%d" % n), (b"X-My-Id", b"%d" % n), (b"Expired", b"%d-02-02" % (2000 + n))),
            body=value % (n, n, n, 2000 + n),
            content_type=JSON,
        )
        for n in (1, 2)
    )
    report = compare(left, right, ignore=ignore)
    assert report.equal
    assert report.ignored == 7
    assert not compare(left, right).equal
    assert pickle.loads(pickle.dumps(report)) == report
    assert pickle.loads(pickle.dumps(ignore)).path("$.meta.t[0]")
    assert not ignore.path("$.metadata")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("date", "is no rule"),
        ("cookie:a", "cookie is not field, json or like"),
        ("json:id", "does not begin with"),
        ("json:$.a[x]", "from character 4 on"),
        ("like:(", "is none"),
        ("like:x*", "matches nothing at all"),
    ],
)
def test_a_rule_that_is_none_is_refused_in_words(rule: str, words: str) -> None:
    with pytest.raises(IgnoreError, match=words):
        Ignore((rule,))


def test_nothing_that_a_terminal_obeys_comes_through() -> None:
    evil = b"\x1b]0;x\x07\xe2\x80\xae"
    left = Sample(start=evil, fields=((evil, evil),), body=b'{"a' + evil[1:4] + b'": 1}', content_type=JSON)
    right = Sample(start=b"b", body=b"b" + evil, content_type=b"text/plain")
    for report in (compare(left, right), compare(right, left)):
        for section in report.sections:
            for line in section.lines:
                shown = f"{line.left}{line.right}{line.label}"
                assert "\x1b" not in shown
                assert "\u202e" not in shown


def test_a_message_that_only_one_side_has_is_a_difference() -> None:
    sample = Sample(start=b"HTTP/1.1 200 OK")
    report = compare_exchanges((sample, sample), (sample, None))
    assert report.differences == 1
    assert report.sections[-1].lines == (DiffLine(Kind.REMOVED, "there is one", "there is no response"),)


def test_what_a_person_has_changed_in_a_draft_is_compared_before_it_is_sent() -> None:
    request = RequestDraft(
        scheme="http",
        host="a",
        port=80,
        method=b"GET",
        target=b"/",
        fields=((b"Content-Type", JSON),),
        body=b"[1]",
    )
    edited = msgspec.structs.replace(request, method=b"PUT", body=b"[2]")
    report = compare(sample_of_draft(request), sample_of_draft(edited))
    assert [told(section) for section in report.sections] == [
        [("changed", "", "GET /", "PUT /")],
        [],
        [("changed", "$[0]", "1", "2")],
    ]
    assert sample_of_draft(ResponseDraft(status=204)).start == b"204"
    message = MessageDraft(form=MessageForm.WEBSOCKET, direction=Direction.REQUEST, data=b"hi")
    assert compare(sample_of_draft(message), sample_of_draft(message)).equal
