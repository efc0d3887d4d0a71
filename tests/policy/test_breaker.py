"""When attempts are refused, and when one is made all the same; the time is the test's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.breaker import Attempt, BreakerRules, Breakers, Change, Open, Refusal

RULES = BreakerRules(failures=3, window=10.0, open_for=5.0)
OFF = BreakerRules(failures=0, window=10.0, open_for=5.0)


def begun(
    breakers: Breakers[str], now: float, *, key: str = "a", rules: BreakerRules = RULES
) -> Attempt[str]:
    answer = breakers.begin(key, now, rules)
    assert isinstance(answer, Attempt)
    return answer


def fail(
    breakers: Breakers[str], now: float, *, key: str = "a", rules: BreakerRules = RULES
) -> Change | None:
    return breakers.failed(begun(breakers, now, key=key, rules=rules), now, cause="refused", rules=rules)


def opened(capacity: int = 10) -> Breakers[str]:
    """Return breakers of which that of `a` opened at 2 s."""
    breakers: Breakers[str] = Breakers(capacity=capacity)
    assert [fail(breakers, at) for at in (0.0, 1.0)] == [None, None]
    assert fail(breakers, 2.0) == Change("open", 3, "refused")
    return breakers


def test_those_that_are_open_say_since_when_and_until_when() -> None:
    breakers = opened()
    fail(breakers, 2.0, key="b")
    assert breakers.open_ones(4.0) == (Open("a", 3, "refused", since=2.0, remaining=3.0),)
    fail(breakers, 7.5)
    assert breakers.open_ones(8.0) == (Open("a", 4, "refused", since=6.0, remaining=4.5),)
    breakers.succeeded(begun(breakers, 13.0))
    assert breakers.open_ones(13.0) == ()


def test_failures_in_a_row_open_it_and_it_says_for_how_long() -> None:
    breakers = opened()
    assert breakers.begin("a", 2.0, RULES) == Refusal(3, 5.0, "refused")
    assert breakers.begin("a", 6.5, RULES) == Refusal(3, 0.5, "refused")


def test_another_upstream_is_none_the_worse_for_it() -> None:
    assert isinstance(opened().begin("b", 2.0, RULES), Attempt)


def test_a_success_between_failures_begins_the_count_anew() -> None:
    breakers: Breakers[str] = Breakers(capacity=10)
    fail(breakers, 0.0)
    fail(breakers, 1.0)
    assert breakers.succeeded(begun(breakers, 2.0)) is None
    assert [fail(breakers, at) for at in (3.0, 4.0)] == [None, None]
    assert len(breakers) == 1


def test_failures_that_are_far_apart_do_not_open_it() -> None:
    breakers: Breakers[str] = Breakers(capacity=10)
    assert [fail(breakers, at) for at in (0.0, 6.0, 12.0, 18.0, 24.0)] == [None] * 5
    assert fail(breakers, 25.0) == Change("open", 6, "refused")


def test_one_probe_goes_when_the_time_is_over_and_no_other_beside_it() -> None:
    breakers = opened()
    assert begun(breakers, 7.0).probe
    assert breakers.begin("a", 7.1, RULES) == Refusal(3, 0.0, "refused")


def test_a_probe_that_succeeds_closes_it() -> None:
    breakers = opened()
    assert breakers.succeeded(begun(breakers, 7.0)) == Change("closed", 3, "refused")
    assert begun(breakers, 7.1) == Attempt("a")
    assert len(breakers) == 0


def test_a_probe_that_fails_opens_it_for_as_long_again() -> None:
    breakers = opened()
    probe = begun(breakers, 7.0)
    change = breakers.failed(probe, 8.0, cause="timeout", rules=RULES)
    assert change == Change("open", 4, "timeout", again=True)
    assert breakers.begin("a", 8.0, RULES) == Refusal(4, 5.0, "timeout")


def test_a_probe_that_says_nothing_lets_another_go() -> None:
    breakers = opened()
    breakers.abandoned(begun(breakers, 7.0))
    assert begun(breakers, 7.1).probe


def test_attempts_from_before_it_opened_change_nothing_by_failing_and_close_it_by_succeeding() -> None:
    breakers: Breakers[str] = Breakers(capacity=10)
    early = [begun(breakers, 0.0) for _ in range(5)]
    for attempt in early[:3]:
        breakers.failed(attempt, 1.0, cause="refused", rules=RULES)
    assert breakers.failed(early[3], 2.0, cause="refused", rules=RULES) is None
    assert begun(breakers, 6.0).probe
    breakers.abandoned(early[3])
    assert breakers.begin("a", 6.0, RULES) == Refusal(4, 0.0, "refused")
    assert breakers.succeeded(early[4]) == Change("closed", 4, "refused")


def test_switched_off_none_opens_and_open_ones_do_not_refuse() -> None:
    breakers: Breakers[str] = Breakers(capacity=10)
    assert [fail(breakers, 0.0, rules=OFF) for _ in range(20)] == [None] * 20
    assert isinstance(opened().begin("a", 3.0, OFF), Attempt)


def test_the_one_that_failed_longest_ago_makes_room() -> None:
    breakers = opened(capacity=2)
    fail(breakers, 3.0, key="b")
    fail(breakers, 3.0, key="c")
    assert (len(breakers), breakers.forgotten) == (2, 1)
    assert isinstance(breakers.begin("a", 3.0, RULES), Attempt)


@given(
    st.lists(st.tuples(st.sampled_from(["ok", "fail", "drop", "hold"]), st.floats(0, 4)), max_size=80),
)
def test_it_is_never_shut_for_longer_than_it_says(steps: list[tuple[str, float]]) -> None:
    breakers: Breakers[str] = Breakers(capacity=4)
    now = 0.0
    held: list[Attempt[str]] = []
    probes = 0
    for what, later in steps:
        now += later
        answer = breakers.begin("a", now, RULES)
        if isinstance(answer, Refusal):
            assert 0 <= answer.remaining <= RULES.open_for
            assert answer.remaining > 0 or probes == 1
            continue
        probes += answer.probe
        assert probes <= 1
        if what == "hold":
            held.append(answer)
            continue
        probes -= answer.probe
        if what == "ok":
            breakers.succeeded(answer)
            probes = 0
        elif what == "fail":
            breakers.failed(answer, now, cause="x", rules=RULES)
        else:
            breakers.abandoned(answer)
