"""The screens about the run: what they say, and that they stand whatever they are given."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.config import Config
from soth_mitm.model import events as e
from soth_mitm.model.limits import OpenBreaker, Usage
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.index import Index
from soth_mitm.record.session import SessionFacts
from soth_mitm.record.statistics import Statistics
from soth_mitm_tui import plots
from soth_mitm_tui.counting import Counting
from soth_mitm_tui.pages.limits import Kept, limit_entries
from soth_mitm_tui.pages.overview import overview_entries
from soth_mitm_tui.screens.page import PageScreen
from tests.helpers import streams
from tests.policy.filters.rows import ROWS
from tests.tui.script import Script
from tests.tui.stage import stage


def mixed() -> Index:
    stream = streams.Stream()
    streams.many(stream, 3000)
    streams.everything(stream)
    streams.sse(stream, finished=False)
    index = Index()
    for start in range(0, len(stream.events), 100):
        index.apply(stream.events[start : start + 100], start // 100)
    return index


def test_counting_in_slices_counts_every_flow_once() -> None:
    index = mixed()
    counting, slices = Counting(index), 0
    while not counting.count(1):
        slices += 1
    assert slices > 1000
    rows = [index.row(number) for number in range(index.end)]
    assert counting.statistics.total.flows == sum(row.repeats + 1 for row in rows if not row.open)
    assert counting.open_flows == sum(row.open for row in rows) == 1
    counting.count()
    assert counting.statistics.total.flows == sum(row.repeats + 1 for row in rows if not row.open)
    index.end_of_recording()
    counting.count()
    assert counting.open_flows == 0
    assert counting.statistics.total.flows == sum(row.repeats + 1 for row in rows)


@settings(max_examples=50)
@given(st.lists(ROWS, max_size=20), st.integers(20, 200))
def test_every_line_of_the_overview_fits_and_every_lead_is_a_filter_that_finds_its_flows(
    rows: list[object], width: int
) -> None:
    statistics = Statistics()
    for row in rows:
        statistics.add(row)  # type: ignore[arg-type]
    facts = SessionFacts()
    entries = overview_entries(statistics, facts, width, now_second=10, part=1.0, opened=0)
    for entry in entries:
        if entry.leads:
            wanted = compile_filter(entry.leads)
            assert any(wanted(row) for row in rows), entry  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 1e9), max_size=400), st.integers(0, 100), st.integers(1, 5))
def test_a_plot_has_the_size_asked_for(values: list[float], width: int, height: int) -> None:
    wide = plots.stretched(values, width)
    assert (len(wide) >= width and set(wide) == set(values)) or not values
    rows = plots.columns(values, width, height)
    assert len(rows) == height
    assert {len(row) for row in rows} == {width}
    assert len(plots.bar(0.3, width)) == width


@given(st.lists(st.floats(0, 1e6), max_size=8), st.integers(10, 100))
def test_a_stacked_bar_fills_its_width_and_hides_no_part(values: list[float], width: int) -> None:
    spans = plots.stacked([(value, "good") for value in values], width)
    assert sum(len(text) for text, _ in spans) == width
    assert not any(values) or len(spans) == sum(value > 0 for value in values)


async def test_a_page_that_fails_shows_a_card_and_the_app_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such thing")

    async with stage() as staged:
        monkeypatch.setattr("soth_mitm_tui.desks.run.limit_entries", broken)
        await staged.press("L")
        assert "could not be drawn" in staged.shown()
        await staged.press("escape", "escape")
        await staged.until(lambda: staged.screen is staged.main)


async def test_the_log_says_what_happened_and_long_or_hostile_texts_do_no_harm() -> None:
    def scene(script: Script) -> None:
        script.everyday()
        script.publish(e.Notice("error", "\x1b]0;owned\x07" + "long " * 100))
        script.publish(e.CaptureGap(gap_flow=0, bytes=10, events=2, cause="recorder_full"))
        script.publish(e.ConfigReloaded(("tunnel",)))
        script.publish(e.LimitReached("max_connections", 2048, "answer 503 and close"))

    async with stage(scene, size=(80, 40)) as staged:
        await staged.press("E")
        text = staged.shown()
        joined = " ".join(text.split())
        assert "refused our certificate for pin.bank.test: CA not trusted" in joined
        assert "not recorded (recorder_full): 10 bytes, 2 events" in text
        assert "max_connections is used up: answer 503 and close" in text
        assert "read again; changed: tunnel" in text
        assert "\\x1b]0;owned" in text
        assert max(len(line) for line in text.splitlines()) <= 80


async def test_the_overview_of_nothing_says_so() -> None:
    async with stage(lambda script: None) as staged:
        await staged.press("O")
        assert isinstance(staged.screen, PageScreen)
        assert "Nothing has passed yet" in staged.shown()


async def test_the_limits_say_what_is_in_use_and_where_the_recording_is() -> None:
    async with stage() as staged:
        index = staged.store.index
        await staged.press("L")
        text = staged.shown()
        assert "in memory, gone when the proxy ends" in text
        assert f"{index.session.open_connections:,} in use · answer 503 and close" in text
        assert f"{len(index):,} in use · drop the oldest row" in text


def test_a_recording_in_a_hostile_place_does_no_harm_and_a_file_uses_no_budget() -> None:
    kept = Kept(3, 0, 1000, 1, "/tmp/\x1b[2J.soth", live=False)
    lines = [
        "".join(text for text, _ in each.line.spans)
        for each in limit_entries(SessionFacts(), Config(), kept, 120)
    ]
    assert any("in /tmp/\\x1b[2J.soth" in text for text in lines)
    assert not any("in use" in text or "\x1b" in text for text in lines)


def test_the_limits_tell_what_is_counted_and_which_upstreams_are_left_alone() -> None:
    alone = OpenBreaker("down.test\x1b[2J:443", 12, "connect_refused", 90.0, 3.2)
    usage = Usage({"idle_timeout": 3, "upstream_waits": 2}, {"upstream_queue": 5}, (alone,))
    entries = limit_entries(SessionFacts(), Config(), Kept(3, 7, 1000, 1), 140, usage=usage)
    lines = ["".join(text for text, _ in each.line.spans) for each in entries]

    def one(name: str) -> str:
        (found,) = (text for text in lines if text.split()[:1] == [name])
        return " ".join(found.split())

    assert (
        one("idle_timeout")
        == "idle_timeout 600 seconds · used up 3\N{MULTIPLICATION SIGN} · close both sides"
    )
    assert one("list_rows").startswith(
        "list_rows 1,000,000 rows · used up 7\N{MULTIPLICATION SIGN} · 3 in use"
    )
    assert "5 in use" in one("upstream_queue")
    assert one("upstream_waits") == "upstream_waits 2 dials that waited in line for a place"
    told = one("down.test\\x1b[2J:443")
    assert "for 90s · 12 failures in a row, the last: connect refused · tried again in 3 s" in told
