"""Work is allowed at once after a rest, and no more than its share over time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.net.process.credit import Credit


def test_what_was_saved_is_spent_before_anything_waits() -> None:
    credit = Credit(0.0, share=0.05, saved=0.25)
    credit.spend(0.2)
    assert credit.wait(0.0) == 0
    credit.spend(0.1)
    assert credit.wait(0.0) == pytest.approx(1.0)
    assert credit.wait(0.5) == pytest.approx(0.5)
    assert credit.wait(1.001) == 0


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 0.1)), max_size=60))
def test_no_more_than_the_share_is_spent_over_time(steps: list[tuple[float, float]]) -> None:
    credit = Credit(0.0, share=0.1, saved=0.5)
    now = spent = 0.0
    for rest, work in steps:
        now += rest
        if credit.wait(now) == 0:
            credit.spend(work)
            spent += work
        assert spent <= 0.5 + now * 0.1 + 0.1 + 1e-6
