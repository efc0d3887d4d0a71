"""What the flows of a run add up to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.record.statistics import (
    OTHERS,
    TABLE_ENTRIES,
    Statistics,
    Tally,
    duration_of,
    outcome_of,
    pattern_of,
    step_of,
)
from tests.policy.filters.rows import ROWS, row


@given(st.integers(0, 10**13))
def test_a_duration_is_kept_to_within_a_fifth(nanoseconds: int) -> None:
    kept = duration_of(step_of(nanoseconds))
    assert abs(kept - nanoseconds) <= max(0.19 * nanoseconds, 1000)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_steps_rise_with_the_duration(one: int, two: int) -> None:
    assert (step_of(one) <= step_of(two)) or one > two


@given(st.lists(st.integers(1000, 10**11), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_near_the_true_one(durations: list[int], part: float) -> None:
    statistics = Statistics()
    for duration in durations:
        statistics.add(row(duration_ns=duration))
    rank = max(0, -(-len(durations) * part // 1) - 1)
    true = sorted(durations)[int(rank)]
    assert abs(statistics.total.percentile(part) - true) <= 0.19 * true + 1000


@given(st.lists(ROWS, max_size=30))
def test_every_table_adds_up_to_the_total(rows: list[object]) -> None:
    statistics = Statistics()
    for each in rows:
        statistics.add(each)  # type: ignore[arg-type]
    assert sum(statistics.outcomes.values()) == statistics.total.flows == len(rows)
    assert sum(tally.flows for tally in statistics.hosts.values()) == len(rows)
    assert sum(tally.flows for tally in statistics.clients.values()) == len(rows)


def test_a_table_that_is_full_counts_the_rest_together() -> None:
    statistics = Statistics()
    for number in range(TABLE_ENTRIES + 50):
        statistics.add(row(host=f"h{number}.test"))
    assert len(statistics.hosts) == TABLE_ENTRIES + 1
    assert statistics.hosts[OTHERS].flows == 50


def test_the_last_seconds_are_kept_and_older_ones_go() -> None:
    statistics = Statistics()
    for second in range(1000):
        statistics.add(row(started_wall_ns=second * 10**9, duration_ns=0))
    history = list(statistics.history(1000))
    assert [each.flows for each in history] == [1] * 300
    assert [each.flows for each in statistics.history(1010)][-10:] == [0] * 10


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/orders/81/items/7?x=1", "/orders/*/items/*"),
        ("/v1/users", "/v1/users"),
        ("/u/7c1f2f4e-5a0d-4b0a-9b57-0f6c6e3a9d21", "/u/*"),
        ("/assets/app.81f3c0de.js", "/assets/*"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_what_varies_in_a_path_becomes_one_pattern(path: str, pattern: str) -> None:
    assert pattern_of(path) == pattern


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"status": 404}, "4xx"),
        ({"status": 0, "tls_reason": "unknown_ca", "error": True}, "tls"),
        ({"status": 0, "kind": "tunnel"}, "tunnel"),
        ({"status": 0, "error": True}, "failed"),
        ({"status": 0}, "none"),
    ],
)
def test_a_flow_has_one_outcome(changes: dict[str, object], outcome: str) -> None:
    assert outcome_of(row(**changes)) == outcome


def test_a_percentile_that_was_asked_for_follows_what_comes_after() -> None:
    tally = Tally()
    tally.add(row(status=200, duration_ns=1_000_000))
    before = tally.percentile(0.95)
    tally.add(row(status=200, duration_ns=1_000_000_000))
    assert tally.percentile(0.95) > 100 * before
