"""The filter over the messages of one flow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.messageflags import COMPRESSED, ORIGIN_SHIFT, ORIGINS, REQUEST
from soth_mitm.policy.filters import FilterError
from soth_mitm.policy.filters.messages import MessageFilter

CHANGED = ORIGINS.index("changed") << ORIGIN_SHIFT


def test_nothing_asks_for_nothing() -> None:
    wanted = MessageFilter("  ")
    assert wanted.empty
    assert wanted.wants(0, 0, 0)
    assert wanted.wants_label("any")
    assert wanted.wants_payload(())


@pytest.mark.parametrize(
    ("text", "flags", "wanted"),
    [
        ("↑", REQUEST, True),
        ("↑", 0, False),
        ("↓", 0, True),
        ("!↓", 0, False),
        ("from:client", REQUEST | COMPRESSED, True),
        ("from:server", REQUEST, False),
        ("is:changed", CHANGED, True),
        ("is:dropped", CHANGED, False),
        ("!is:changed", CHANGED, False),
        ("is:compressed ↑", COMPRESSED, False),
        ("is:compressed", COMPRESSED | CHANGED, True),
    ],
)
def test_direction_and_states_are_asked_of_the_columns(text: str, flags: int, wanted: bool) -> None:
    assert MessageFilter(text).wants(flags, 0, 0) == wanted


def test_sizes_and_gaps_are_bounds() -> None:
    wanted = MessageFilter("size:>1k gap:100ms..2s")
    assert wanted.wants(0, 1025, 150_000_000)
    assert not wanted.wants(0, 1024, 150_000_000)
    assert not wanted.wants(0, 2000, 50_000_000)
    assert wanted.explain() == "size >1k and gap 100ms..2s"


def test_labels_are_asked_for_in_part_or_as_a_whole() -> None:
    assert MessageFilter("label:delta").wants_label("content_block_DELTA")
    assert not MessageFilter("label:=delta").wants_label("content_block_delta")
    assert MessageFilter("label:=ping").wants_label("ping")
    assert not MessageFilter("!label:ping").wants_label("ping")
    assert MessageFilter('label:"a b"').wants_label("x a b")


@pytest.mark.parametrize(
    ("text", "payload", "wanted"),
    [
        ("hello", b"say Hello", True),
        ("!hello", b"say Hello", False),
        ('"two words"', b"two words", True),
        ('"two words"', b"two  words", False),
        ('"id":5', b'{"id":5}', True),
        ('"type":"ping"', b'{"type":"ping"}', True),
        ("a|b", b"a|b", True),
        ("http://x", b"http://x/", True),
        (r"/\d{3}/", b"no 404", True),
        (r"/^\{/ size", b'{"size": 1}', True),
        ("one two", b"two one", True),
        ("one !two", b"two one", False),
        ("価格", "価格は".encode(), True),
    ],
)
def test_plain_words_are_looked_for_in_the_payload(text: str, payload: bytes, wanted: bool) -> None:
    asked = MessageFilter(text)
    answers = tuple(term.matches_body(payload) for term in asked.payload_terms)
    assert asked.wants_payload(answers) == wanted
    assert not asked.judges_columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from:nowhere", "from: is followed by client or server"),
        ("is:new", "is: is followed by one of changed"),
        ("size:many", "a size is written"),
        ("label:", "nothing follows label:"),
        ("/a(/", "not a regular expression"),
        ("label:/x/", "a regular expression is for payloads"),
        ("x" * 5000, "longer than"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        MessageFilter(text)
    assert message in str(caught.value)


def test_a_filter_says_what_it_means() -> None:
    words = MessageFilter('↓ label:=ping !"a b" /x+/').explain()
    assert words == "from the server and the label is “ping” and not: has “a b” and the payload matches /x+/"


def column_of(text: str) -> int:
    """Return where an expression is wrong; 0 where it is not."""
    try:
        MessageFilter(text)
    except FilterError as error:
        return error.column
    return 0


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_an_error(text: str) -> None:
    assert 0 <= column_of(text) <= len(text)
