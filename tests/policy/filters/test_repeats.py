"""Expressions that could take for ever are found, and others are let through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.filters.repeats import endless_repeat


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("(a+)+b", 0), ("x(?:a*)*", 1), ("((a+))+", 0), ("(a|b+)+c", 0), (r"(\s*\w+)*$", 0),
        ("(a{2,})+", 0), ("(?P<x>[^)]+)*", 0), ("(^a+$)+", 0), ("(a+?)+b", 0),
    ],
)  # fmt: skip
def test_a_repetition_of_a_repetition_is_found(source: str, at: int) -> None:
    re.compile(source)
    assert endless_repeat(source) == at


@pytest.mark.parametrize(
    "source",
    [
        "", "a+b*", r"(\w+\.)+com", r"(\s+\w+)*", "(a?b)+", "(ab+)*", "(a+){3}", "(a+)?b", "[(a+)+]+",
        r"\(a+\)+", "(?>a+)+", "(a++)+", "(?:error|fail)+", "(?=a+)+", "(a{2,3})+", "(?i:a)+b+",
    ],
)  # fmt: skip
def test_other_expressions_are_let_through(source: str) -> None:
    re.compile(source)
    assert endless_repeat(source) is None


@given(st.text(alphabet="ab()[]{}*+?|\\^$,2.:>!=-", max_size=20))
def test_any_text_is_read_to_its_end(source: str) -> None:
    found = endless_repeat(source)
    assert found is None or source[found] == "("
