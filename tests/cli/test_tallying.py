"""What is counted for the end: the summary, and the flows that fail a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from soth_mitm.cli.tallying import EXIT_FAILED_ON, FailOn, Tally
from soth_mitm.policy.filters import compile_filter
from tests.helpers import streams
from tests.helpers.dumps import written
from tests.helpers.program import soth_mitm
from tests.helpers.streams import Stream


def tally(expression: str) -> Tally:
    """Return a tally of all sorts of flows."""
    stream = Stream()
    streams.everything(stream)
    streams.tunnel(stream, finished=False)
    found = Tally(FailOn(compile_filter(expression)))
    for event in stream.events:
        found(event)
    found.finish()
    return found


def test_the_summary_counts_flows_failures_and_bytes() -> None:
    assert tally("status:999").lines()[0].startswith("10 flows, 4 failed, 1 with a status of 400 or above, 9")


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("status:4xx", "1 flow matches --fail-on 'status:4xx', the first is flow 9: POST api.shop.test:443/"),
        ("header:expect", "1 flow matches --fail-on 'header:expect'"),
        ("body:items", "1 flow matches"),
        ("status:999", ""),
    ],
)  # fmt: skip
def test_flows_that_match_are_named(expression: str, verdict: str) -> None:
    failing = tally(expression).failing
    assert failing is not None
    assert failing.verdict().startswith(verdict)
    assert bool(failing.verdict()) == bool(verdict)


def test_a_failed_run_has_the_exit_code_unless_there_is_a_worse_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert [tally("status:4xx").code(code) for code in (0, 130)] == [EXIT_FAILED_ON, 130]
    assert tally("status:999").code(0) == 0
    assert capsys.readouterr().err.count("--fail-on") == 2


def test_a_dump_fails_on_what_matches_and_prints_lines_of_ones_own(tmp_path: Path) -> None:
    stream = Stream()
    streams.everything(stream)
    dump = written(tmp_path / "x.soth", stream)
    result = soth_mitm("--dump", "-r", dump, "-q", "--fail-on", "status:4xx", home=tmp_path)
    assert (result.code, result.out, result.err.count("\n")) == (EXIT_FAILED_ON, "", 1)
    line = "{status} {method}"
    result = soth_mitm("--dump", "-r", dump, "--line", line, "-n", "2", home=tmp_path)
    assert (result.code, result.out, result.err) == (0, "200 GET\n200 GET\n", "")
