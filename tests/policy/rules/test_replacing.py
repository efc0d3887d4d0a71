"""Replacing in a body: the same whatever pieces it comes in."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.rules.replacing import LONGEST_MATCH, Replacing


def run(body: bytes, cuts: list[int], pattern: bytes, put: bytes, *, literal: bool = False) -> bytes:
    """Return what comes out of a body that is cut there."""
    replacing = Replacing(pattern, put, literal=literal)
    borders = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[a:b] for a, b in pairwise(borders)]
    return b"".join(map(replacing.feed, pieces)) + replacing.finish()


BODIES = st.lists(st.sampled_from([b"a", b"ab", b"needle", b"nee", b"\n", b" ", b"1"]), max_size=40).map(
    b"".join
)
CUTS = st.lists(st.integers(0, 500), max_size=12)
PATTERNS = st.sampled_from([b"needle", b"a+b", rb"\bnee\b", rb"(a)(b)?", b"[^a]+", rb"(?<=a)b", b"n.*e"])


@given(BODIES, CUTS, PATTERNS)
def test_where_a_body_is_cut_makes_no_difference(body: bytes, cuts: list[int], pattern: bytes) -> None:
    whole = re.sub(pattern, rb"<\g<0>>", body)
    assert run(body, [], pattern, rb"<\g<0>>") == whole
    assert run(body, cuts, pattern, rb"<\g<0>>") == whole


@given(BODIES, CUTS)
def test_text_is_replaced_as_it_stands(body: bytes, cuts: list[int]) -> None:
    assert run(body, cuts, b"nee", rb"\1.", literal=True) == body.replace(b"nee", rb"\1.")


def test_no_more_is_held_back_than_a_match_may_be_long() -> None:
    replacing = Replacing(b"x+y", b"")
    out = replacing.feed(b"a" * 100_000)
    assert len(out) == 100_000 - LONGEST_MATCH + 1
    literal = Replacing(b"needle", b"", literal=True)
    assert literal.feed(b"a" * 100) == b"a" * 95


@given(st.integers(LONGEST_MATCH - 2, LONGEST_MATCH + 2), CUTS)
def test_a_match_that_is_too_long_is_parted_in_the_same_places(length: int, cuts: list[int]) -> None:
    body = b"a" * (length * 2) + b"b"
    assert run(body, cuts, b"a+", b"<>") == run(body, [], b"a+", b"<>")


def test_matches_are_counted() -> None:
    replacing = Replacing(b"a", b"b")
    replacing.feed(b"a" * 9000)
    replacing.finish()
    assert replacing.count == 9000
