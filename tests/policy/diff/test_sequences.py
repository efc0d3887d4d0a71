"""What is the same in two sequences is found, in order, and within bounds."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.diff.sequences import match

SEQUENCES = st.lists(st.sampled_from("abcde"), max_size=30)


@given(SEQUENCES, SEQUENCES)
def test_runs_are_the_same_on_both_sides_and_in_order(left: list[str], right: list[str]) -> None:
    at = to = 0
    for run in match(left, right).runs:
        assert run.left >= at
        assert run.right >= to
        assert left[run.left : run.left + run.size] == right[run.right : run.right + run.size] != []
        at, to = run.left + run.size, run.right + run.size


@given(SEQUENCES, st.lists(st.integers(0, 29), max_size=6))
def test_what_is_only_taken_away_leaves_all_the_rest_the_same(left: list[str], places: list[int]) -> None:
    numbered = [(number, each) for number, each in enumerate(left)]
    right = [pair for pair in numbered if pair[0] not in places]
    assert sum(run.size for run in match(numbered, right).runs) == len(right)


@given(SEQUENCES, SEQUENCES)
def test_between_short_sequences_the_fewest_edits_are_found(left: list[str], right: list[str]) -> None:
    longest = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            same = longest[i][j] + 1 if one == other else 0
            longest[i + 1][j + 1] = max(same, longest[i][j + 1], longest[i + 1][j])
    assert sum(run.size for run in match(left, right).runs) == longest[-1][-1]


def test_long_sequences_are_matched_between_what_occurs_once() -> None:
    left = [str(number) for number in range(2000)]
    right = [each for number, each in enumerate(left) if number % 3]
    assert sum(run.size for run in match(left, right).runs) == len(right)


def test_sequences_that_have_nothing_to_do_with_each_other_are_left_as_wholes() -> None:
    seeded = random.Random(1)
    left, right = ([seeded.randrange(3) for _ in range(5000)] for _ in range(2))
    matching = match(left, right)
    assert matching.coarse
    assert sum(run.size for run in matching.runs) < 100
