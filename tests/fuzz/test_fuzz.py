"""Every kept input still holds, and so do some hundred new ones; `make fuzz` goes on for minutes."""

from __future__ import annotations

import pytest

from tests.fuzz.decoding import DECODING
from tests.fuzz.running import check, corpus, fuzz
from tests.fuzz.targets import TARGETS

ROUNDS = 400

targets = pytest.mark.parametrize("target", TARGETS)


@targets
def test_what_is_kept_holds_whole_and_byte_by_byte(target: str) -> None:
    kept = corpus(target)
    assert kept
    for _, data in kept:
        check(target, data, [])
        check(target, data, list(range(min(len(data), 2000))))


@targets
def test_what_is_made_of_it_holds(target: str) -> None:
    assert fuzz(target, seed=20_261_128, rounds=ROUNDS) == ROUNDS


@pytest.mark.parametrize("target", [name for name in DECODING if corpus(name)])
def test_what_a_decoder_has_failed_on_holds(target: str) -> None:
    for _, data in corpus(target):
        check(target, data, [])
        check(target, data, list(range(min(len(data), 200))))
