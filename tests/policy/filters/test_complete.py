"""What is offered while an expression is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.filters import compile_filter, complete, explain

TEXTS = st.text(max_size=30) | st.text(alphabet="abis:()!&|\"'/~<>=.019xkms ", max_size=30)


def inserted(text: str, cursor: int | None = None) -> list[str]:
    return [offer.insert for offer in complete(text, len(text) if cursor is None else cursor)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "host:"),
        ("ho", "host:"),
        ("host:a st", "status:"),
        ("status:", "status:5xx"),
        ("code:5", "code:5xx"),
        ("is:", "is:error"),
        ("is:re", "is:reused"),
        ("!is:e", "is:error"),
        ("a|is:e", "is:error"),
        ("(me", "method:"),
        ("method:p", "method:POST"),
        ("dur:", "dur:>500ms"),
        ("i", "is:"),
        ("~c", "~comment "),
        ("~rep", "~replayq"),
        ('"a b" st', "status:"),
        ("don't st", "status:"),
    ],
)
def test_what_fits_is_offered(text: str, wanted: str) -> None:
    assert wanted in inserted(text)


@pytest.mark.parametrize("text", ['"st', "host:'st", "/st/", "host:/st/", "nothing:", "zz"])
def test_nothing_is_offered_where_nothing_fits(text: str) -> None:
    assert inserted(text) == []


def test_an_offer_takes_the_place_of_what_was_typed_before_the_cursor() -> None:
    (offer,) = (each for each in complete("png stat is:open", 8) if each.insert == "status:")
    assert (offer.start, offer.end) == (4, 8)
    assert offer.words == "status · status:5xx"


@given(TEXTS, st.integers(-2, 40))
def test_any_text_can_be_completed_and_explained(text: str, cursor: int) -> None:
    for offer in complete(text, cursor):
        assert 0 <= offer.start <= offer.end <= len(text)
        assert offer.insert
    assert explain(text)


@pytest.mark.parametrize(
    "field", ["is", "status", "method", "type", "scheme", "proto", "size", "dur", "ttfb"]
)
def test_every_value_offered_is_understood(field: str) -> None:
    for text in inserted(f"{field}:"):
        compile_filter(text)
