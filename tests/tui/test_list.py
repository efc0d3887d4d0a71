"""The flow list: it keeps its place, whatever comes and goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.index import Index
from soth_mitm_tui.columns import fit, short_type
from soth_mitm_tui.layout import cell_spans, places
from soth_mitm_tui.matches import Matches
from soth_mitm_tui.viewmodel import FlowModel
from tests.tui import talks
from tests.tui.script import Script
from tests.tui.stage import stage


def some(script: Script, count: int, *, host: str = "api.shop.test", path: str = "/item/") -> None:
    """Play exchanges on one connection."""
    conn = script.connect(host)
    for number in range(count):
        script.exchange(host, "GET", f"{path}{number}", 200, "OK", conn=conn)


class Rows:
    """An index fed by a script, event by event."""

    def __init__(self) -> None:
        self.script = Script()
        self.index = Index(max_rows=100)
        self.script.bus.attach(lambda event: self.index.apply([event]))
        self.model = FlowModel(self.index)


@given(numbers=st.lists(st.tuples(st.sampled_from("papdr"), st.integers(0, 40)), max_size=60))
def test_matches_behave_as_a_sorted_list(numbers: list[tuple[str, int]]) -> None:
    matches, model = Matches(), [100]
    matches.append(100)
    for step, number in numbers:
        if step == "a":
            assert matches.add(number) == (number not in model)
            model = sorted({*model, number})
        elif step == "p" and (not model or number < model[0]):
            matches.prepend(number)
            model.insert(0, number)
        elif step == "r":
            assert matches.remove(number) == (number in model)
            model = [each for each in model if each != number]
        elif step == "d":
            assert matches.drop_below(number) == sum(each < number for each in model)
            model = [each for each in model if each >= number]
        assert [matches[position] for position in range(len(matches))] == model


def test_a_model_says_what_a_pull_changed() -> None:
    rows = Rows()
    some(rows.script, 3)
    assert rows.model.pull().appended == 3
    assert rows.model.in_step
    conn = rows.script.connect("a.test")
    flow = rows.script.request(conn, "a.test", "GET", "/")
    assert rows.model.pull().appended == 1
    rows.script.respond(conn, flow, 200, "OK")
    update = rows.model.pull()
    assert (update.appended, update.changed) == (0, frozenset({3}))


def test_a_filter_finds_old_rows_new_rows_and_rows_that_change() -> None:
    rows = Rows()
    some(rows.script, 5)
    rows.model.pull()
    rows.model.set_filter(compile_filter("404"))
    rows.model.scan()
    assert len(rows.model) == 0
    conn = rows.script.connect("a.test")
    flow = rows.script.request(conn, "a.test", "GET", "/")
    rows.model.pull()
    assert len(rows.model) == 0
    rows.script.respond(conn, flow, 404, "Not Found")
    rows.model.pull()
    assert [rows.model.flow_at(0)] == [flow]
    rows.model.set_filter(compile_filter("!404"))
    rows.model.scan()
    assert len(rows.model) == 5


def test_a_filtered_list_forgets_what_retention_drops() -> None:
    rows = Rows()
    some(rows.script, 60)
    rows.model.pull()
    rows.model.set_filter(compile_filter("item/1"))
    rows.model.scan()
    assert len(rows.model) == 11
    some(rows.script, 100, path="/other/")
    update = rows.model.pull()
    assert update.dropped == 11
    assert len(rows.model) == 0


def test_columns_fill_every_width_exactly() -> None:
    rows = Rows()
    rows.script.everyday()
    rows.script.hostile()
    for width in range(8, 240, 7):
        placed = places(width)
        assert placed[-1].right <= width
        assert width < 30 or placed[-1].right == width - 1
        for number in range(len(rows.index)):
            for place in placed:
                text = "".join(text for text, _ in cell_spans(rows.index.row(number), place))
                assert cell_len(text) == place.width


def test_wide_characters_are_cut_by_cells() -> None:
    assert fit((("漢字漢字", "text"),), 5) == [("漢字…", "text")]


async def test_the_selection_survives_retention() -> None:
    async with stage(lambda script: some(script, 40)) as staged:
        await staged.press("g", "j", "j", "j", "j", "j")
        selected, shown = staged.main.list.selected, staged.main.list.position
        staged.store.index.drop_rows(3)
        await staged.settle()
        assert staged.main.list.selected == selected
        assert staged.main.list.position == (shown or 0) - 3
        staged.store.index.drop_rows(10)
        await staged.settle()
        assert staged.main.list.position == 0
        assert "13 oldest dropped" in staged.shown()


async def test_rows_below_are_counted_and_g_goes_there() -> None:
    async with stage(lambda script: some(script, 40)) as staged:
        assert f"▸ {staged.main.list.top} above  follow" in staged.shown()
        await staged.press("k")
        assert "above" not in staged.shown()
        some(staged.script, 37)
        await staged.settle()
        assert "37 new below (G)" in staged.shown()
        await staged.press("G")
        assert "new below" not in staged.shown()
        assert "follow" in staged.shown()


async def test_the_wheel_stops_following_and_the_mouse_selects() -> None:
    async with stage(lambda script: some(script, 80)) as staged:
        flows = staged.main.list
        flows.scroll_relative(y=-5, animate=False)
        await staged.settle()
        assert not flows.following
        top = flows.top
        await staged.pilot.click("#list", offset=(20, 3))
        await staged.settle()
        assert flows.position == top + 3
        await staged.pilot.click("#list", offset=(20, 4), times=2)
        await staged.until(lambda: staged.main.detail.text.has_focus)


async def test_the_setup_card_gives_way_to_the_first_flow() -> None:
    async with stage(lambda script: None) as staged:
        assert "waiting for the first connection" in staged.shown()
        staged.script.connect("a.test")
        await staged.settle()
        await staged.until(lambda: "✓ a client connected" in staged.shown())
        assert "✓ a request was seen" in staged.shown()
        assert "◌ waiting for a client that trusts the CA" in staged.shown()
        some(staged.script, 1)
        await staged.settle()
        await staged.until(lambda: "/item/0" in staged.shown())
        assert staged.main.list.has_focus


async def test_a_long_filter_scan_goes_on_in_slices() -> None:
    async with stage(lambda script: some(script, 9000)) as staged:
        await staged.press("slash")
        await staged.type("item/8")
        assert len(staged.main.model) == 1111
        assert "valid · 1,111 of 9,000" in staged.shown()


def test_the_type_column_shows_what_a_filter_finds() -> None:
    for kind in (
        "text/event-stream",
        "application/javascript",
        "image/svg+xml",
        "application/problem+json",
        "application/octet-stream",
        "text/plain",
        "application/x-ndjson",
        "font/woff2",
        "",
    ):
        assert short_type(kind) in kind
        assert len(short_type(kind)) <= 12


def talking(script: Script) -> None:
    """Play a flow without messages, one that streams events, and lines that have ended, and a chat."""
    some(script, 1)
    talks.answer(script, events=41)
    talks.lines(script, count=14).close()
    talks.chat(script)


async def test_the_path_says_how_many_messages_there_were_where_no_column_does() -> None:
    async with stage(talking, size=(80, 24)) as staged:
        shown = staged.shown(staged.main.list)
        assert "/v1/messages  ⇣ 42 events" in shown
        assert "/tail  14 lines" in shown
        assert "/ws?room=7  ⇄ 12 messages" in shown


async def test_columns_for_messages_are_shown_once_a_flow_has_some() -> None:
    async with stage(lambda script: some(script, 3), size=(150, 40)) as staged:
        assert "msgs" not in staged.shown(staged.main.heads)
        talks.answer(staged.script, events=41)
        await staged.settle()
        await staged.until(lambda: "msgs  last" in staged.shown(staged.main.heads))
        assert "events" not in staged.shown(staged.main.list)
        staged.script.wait(7)
        await staged.until(lambda: "42  7.0s" in staged.shown(staged.main.list))
