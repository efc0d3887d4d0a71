"""The arithmetic of the bench, its list of lanes, and one short run of the direct path."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.lane import DIRECT, OURS, PEER, Goal, Lane, Relation, Rounds, Sample, Verdict
from bench.origin.grpc import DATA, END_HEADERS, END_STREAM, HEADERS, Frames, frame, message
from bench.report import HEAD, document, figure_rows, not_run, table, tail_rows
from bench.setting import Bench
from bench.stats import differences, percentile, ratios, short, spread, tails

ROOT = Path(__file__).parents[2]


def run_bench(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the bench as a person does."""
    argv = [sys.executable, "-m", "bench", *options]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=50)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1000)]
)
def test_a_percentile_is_the_nearest_rank_whatever_the_order(share: float, expected: int) -> None:
    assert percentile([*range(1000, 0, -1)], share) == expected


def test_a_percentile_of_few_values_is_one_of_them() -> None:
    assert percentile([7.0], 0.999) == 7.0
    assert percentile([1.0, 2.0], 0.5) == 1.0
    assert percentile([1.0, 2.0], 0.51) == 2.0


def test_a_percentile_refuses_no_values_and_no_share() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], 50)


def test_tails_hold_the_three_percentiles_and_the_worst() -> None:
    assert tails([*range(1, 1001)]) == {"p50": 500, "p99": 990, "p99.9": 999, "max": 1000}
    assert tails([]) == {}


def test_a_spread_is_the_median_with_the_extremes() -> None:
    odd, even = spread([3.0, 1.0, 2.0]), spread([4.0, 1.0, 2.0, 3.0])
    assert odd is not None
    assert even is not None
    assert (odd.median, odd.low, odd.high) == (2.0, 1.0, 3.0)
    assert even.median == 2.5
    assert spread([]) is None


def test_ratios_and_differences_pair_the_rounds_and_skip_what_is_missing() -> None:
    assert ratios([10.0, None, 30.0, 5.0], [2.0, 1.0, None, 0.0]) == [5.0]
    assert differences([10.0, None, 3.0], [2.0, 1.0, 3.5]) == [8.0, -0.5]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.00"),
        (0.0123, "0.012"),
        (0.5, "0.50"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12345.6, "12,346"),
    ],
)
def test_numbers_are_written_with_about_three_digits(value: float | None, text: str) -> None:
    assert short(value) == text


def _rounds(ours: list[float], peer: list[float], direct: list[float]) -> Rounds:
    sides = ((OURS, ours), (PEER, peer), (DIRECT, direct))
    return {side: [Sample({"req/s": value}, {"p50": 1.0}) for value in values] for side, values in sides}


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal("req/s", Relation.TIMES_PEER, 12, 25), Verdict.MUST),
        (Goal("req/s", Relation.TIMES_PEER, 12, 20), Verdict.AIM),
        (Goal("req/s", Relation.TIMES_PEER, 21, 25), Verdict.SHORT),
        (Goal("req/s", Relation.OF_DIRECT, 0.2, 0.25), Verdict.AIM),
        (Goal("req/s", Relation.ADDED, -5000, -40000, less=True), Verdict.MUST),
        (Goal("req/s", Relation.ALONE, 10000), Verdict.MUST),
        (Goal("req/s", Relation.ALONE, 9999, less=True), Verdict.SHORT),
        (Goal("conn/s", Relation.ALONE, 1), Verdict.OPEN),
    ],
)
def test_a_goal_is_judged_by_the_median_of_the_rounds(goal: Goal, verdict: Verdict) -> None:
    rounds = _rounds([9000.0, 10000.0, 11000.0], [500.0, 500.0, 500.0], [40000.0, 40000.0, 40000.0])
    assert goal.result(rounds)[1] is verdict


def test_a_ratio_is_taken_round_by_round_so_that_a_slow_moment_hits_both_sides() -> None:
    found, _ = Goal("req/s", Relation.TIMES_PEER, 10).result(_rounds([1000.0, 100.0], [100.0, 10.0], []))
    assert found is not None
    assert (found.low, found.high) == (10.0, 10.0)


def _no_measurement(bench: Bench, side: str) -> Sample:
    raise AssertionError("the report measures nothing")


def test_the_report_shows_a_figure_its_goal_and_why_a_side_is_missing() -> None:
    lane = Lane("a-lane", "A lane", "How.", _no_measurement, (Goal("req/s", Relation.TIMES_PEER, 12, 25),))
    rounds = _rounds([10000.0], [500.0], [])
    rounds[DIRECT] = [None]
    done = [(lane, rounds, {DIRECT: "no origin"})]
    (row,) = figure_rows(done)
    assert row[:6] == ["a-lane", "req/s", "10,000", "500", "-", "-"]
    assert row[6:] == ["x mitmproxy", "20.0", "20.0 .. 20.0", ">= 12", ">= 25", "must"]
    assert [line[:3] for line in tail_rows(done)] == [["a-lane", side, "1.00"] for side in (OURS, PEER)]
    assert not_run(done) == ["direct in a-lane: no origin"]
    (entry,) = json.loads(json.dumps(document(done, {}, "command")))["lanes"]
    assert entry["rounds"][OURS][0]["figures"] == {"req/s": 10000.0}
    assert entry["goals"][0]["verdict"] == "must"


def test_a_table_lines_its_columns_up_with_numbers_to_the_right() -> None:
    row = ["x"] * len(HEAD)
    lines = table(HEAD, [row]).splitlines()
    assert lines[2].index("x", 3) == lines[0].index("figure")
    assert lines[2][lines[0].index(OURS) + len(OURS) - 1] == "x"


def test_frames_are_told_however_the_bytes_come() -> None:
    sent = b"preface" + frame(HEADERS, END_HEADERS, 1) + frame(DATA, END_STREAM, 1, message(b"hello"))
    whole = [(HEADERS, END_HEADERS, 1, b""), (DATA, END_STREAM, 1, b"\0\0\0\0\5hello")]
    for size in range(1, len(sent) + 1):
        frames = Frames(len(b"preface"))
        found = [each for at in range(0, len(sent), size) for each in frames.feed(sent[at : at + size])]
        assert found == whole


def test_the_list_names_every_lane_with_what_it_must_reach() -> None:
    done = run_bench("--list")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()[2:]}
    assert lines["mitm-1k"].endswith("req/s, x mitmproxy, >= 12")
    assert set(lines) >= {"mitm-1k-record", "mitm-64k", "plain-1k", "new-tls", "tunnel-1k", "tunnel-64k"}
    assert set(lines) >= {"tunnel-bulk", "sse-delay", "added-latency", "rss-100mb", "idle-pair", "app-open"}


def test_a_lane_that_does_not_exist_is_refused_with_the_way_to_the_list() -> None:
    done = run_bench("--lanes", "mitm-1k,nonsense")
    assert done.returncode == 2
    assert "no such lane: nonsense; --list shows them" in done.stderr


@pytest.mark.slow
def test_the_direct_path_is_measured_without_any_program_from_outside() -> None:
    lanes = "mitm-1k,plain-1k,grpc-stream,new-tls,added-latency"
    options = ("--only", "direct", "--client", "own", "--own-origin", "--seconds", "0.3", "--lanes", lanes)
    done = run_bench(*options, "--no-json")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(tuple(lanes.split(",")))]
    direct = {(row[0], row[1]): row[4] for row in rows if len(row) > 8 and row[2] == row[3] == "-"}
    for key in (
        ("mitm-1k", "req/s"),
        ("plain-1k", "req/s"),
        ("grpc-stream", "echo/s"),
        ("new-tls", "conn/s"),
    ):
        assert float(direct[key].replace(",", "")) > 1
    assert "errors" not in done.stdout
    assert "failed" not in done.stdout
