"""JSON values one after the other are messages; an ordinary document is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.json_values import UNDECIDED, JsonSplitter
from soth_mitm.proto.splitting import HELD, SplitError
from tests.proto.splits import check_places, cuts, joined, pieces_of, run


def values(*pieces: bytes) -> list[bytes]:
    found, code = run(JsonSplitter, pieces)
    assert not code
    check_places(found, b"".join(pieces))
    return [payload for _, payload in found]


def paused(*pieces: bytes) -> list[bytes]:
    """Each piece is followed by a pause."""
    splitter, items = JsonSplitter(), []
    for piece in pieces:
        items += [*splitter.feed(piece), *splitter.pause()]
    items += splitter.finish()
    return [payload for _, payload in joined(items)]


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b'{"a": [1, 2, {"b": "}"}]}\n', b"[1, 2, 3]", b'[{"a": 1}, {"a": 2}]', b'"text"', b"12",
     b" null ", b"1 2", b"<html>", b'{"a": "}{"}', b'[[1], [2]] ', b")]}'\n{}", b"{]", b"}"],
)  # fmt: skip
def test_one_document_is_no_message(document: bytes) -> None:
    assert values(document) == []


def test_values_one_after_the_other_are_messages_the_first_one_too() -> None:
    assert values(b'{"a":1}\n{"b":[2]}\r\n"c" 4 tru', b'e[5]{"d"', b':"}\\"{"}') == [
        b'{"a":1}', b'{"b":[2]}', b'"c"', b"4", b"true", b"[5]", b'{"d":"}\\"{"}',
    ]  # fmt: skip


def test_a_number_at_the_end_counts_once_the_body_has_ended() -> None:
    assert values(b"{}{} 2") == [b"{}", b"{}", b"2"]


def test_a_byte_order_mark_is_no_value() -> None:
    assert values(b"\xef\xbb", b"\xbf{}{}") == [b"{}", b"{}"]


def test_an_array_is_streamed_where_the_sender_pauses_behind_an_element() -> None:
    assert paused(b'[{"a": 1}\n', b',\n{"b"', b": [2]}\n", b",\n3\n]\n") == [b'{"a": 1}', b'{"b": [2]}', b"3"]


def test_an_array_that_is_cut_anywhere_is_a_document() -> None:
    assert paused(b'[{"a": 1}, {"b', b'": 2}, {"c": ', b"3}", b', {"d": 4}]') == []
    assert paused(b"[", b"1]") == []


def test_what_is_long_is_a_document_and_not_read_on() -> None:
    splitter = JsonSplitter()
    assert list(splitter.feed(b'{"a": "' + b"x" * UNDECIDED + b'"}{}')) == []
    assert splitter.over


def test_a_value_that_follows_may_be_long() -> None:
    long = b'["' + b"x" * (3 * HELD) + b'"]'
    assert values(b"{} ", long[:100_000], long[100_000:], b" {}") == [b"{}", long, b"{}"]


def test_records_end_where_the_next_begins_and_a_broken_one_is_left_out() -> None:
    found, code = run(lambda: JsonSplitter(records=True), [b'\x1e{"a":1}\n\x1e{"b":\x1e', b"2\n\x1e3\x1e[4]"])
    assert ([payload for _, payload in found], code) == ([b'{"a":1}', b"2", b"3", b"[4]"], "")


def test_values_that_turn_out_to_be_something_else_end_it() -> None:
    splitter = JsonSplitter()
    assert len(list(splitter.feed(b"{}{}"))) == 2
    with pytest.raises(SplitError, match="json_broken"):
        list(splitter.feed(b"<html>"))


documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


containers = st.one_of(
    st.lists(documents, max_size=3), st.dictionaries(st.text(max_size=3), documents, max_size=3)
)


@given(st.lists(containers.map(json.dumps), max_size=5), st.sampled_from(["\n", " ", "\r\n\t"]), cuts)
def test_any_values_are_found_however_the_body_is_cut(
    texts: list[str], between: str, places: list[int]
) -> None:
    body = between.join(texts).encode()
    whole = run(JsonSplitter, [body])
    assert whole == ([] if len(texts) < 2 else whole[0], "")
    if len(texts) > 1:
        assert [payload.decode() for _, payload in whole[0]] == texts
        check_places(whole[0], body)
    assert run(JsonSplitter, pieces_of(body, places)) == whole


@given(
    st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b" ", b"1", b"t", b"x", b"\x1e"])),
    cuts,
)
def test_any_bytes_give_the_same_however_they_are_cut(tokens: list[bytes], places: list[int]) -> None:
    body = b"".join(tokens)
    for records in (False, True):
        whole = run(lambda records=records: JsonSplitter(records=records), [body])  # type: ignore[misc]
        assert run(lambda records=records: JsonSplitter(records=records), pieces_of(body, places)) == whole  # type: ignore[misc]
