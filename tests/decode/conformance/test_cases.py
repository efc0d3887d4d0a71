"""Each case of the conformance files is shown as its file says, whole and in pieces alike."""

from __future__ import annotations

import pytest

from soth_mitm.decode.catalogue import DECODERS
from tests.decode.conformance.cases import Case, cases_of, found, subjects

CASES = [pytest.param(case, id=f"{name}: {case.title}") for name in subjects() for case in cases_of(name)]


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_shown_as_its_file_says(case: Case) -> None:
    assert case.expected
    assert found(case) == case.expected


def test_each_decoder_has_cases() -> None:
    every = (case for subject in subjects() for case in cases_of(subject))
    assert {case.expected[0][2:] for case in every} == set(DECODERS)


@pytest.mark.parametrize("subject", subjects())
def test_titles_of_a_subject_are_told_apart(subject: str) -> None:
    titles = [case.title for case in cases_of(subject)]
    assert len(set(titles)) == len(titles)
