"""The flow list in other orders: sorted, under groups, filtered, while rows come, change and go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.annotation import AnnotationError
from soth_mitm.model.events import Annotated
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.index import Index
from soth_mitm.record.rows import Row
from soth_mitm_tui.arranging import Sorting
from soth_mitm_tui.columns import BY_ID, COLUMNS
from soth_mitm_tui.groups import GROUPINGS, Group
from soth_mitm_tui.ordering import Keys, Ordering
from soth_mitm_tui.viewmodel import FlowModel
from tests.tui.script import Script
from tests.tui.stage import stage

HOSTS = ("a.test", "b.test", "c.test")
HOST = GROUPINGS[0]

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "answer", "fail", "drop", "filter", "sort", "turn", "group", "hide", "back"]
        ),
        st.integers(0, 30),
    ),
    max_size=40,
)


class World:
    """A model over an index that a script feeds, beside what it should show, worked out anew."""

    def __init__(self) -> None:
        self.script = Script()
        self.index = Index(max_rows=1000)
        self.script.bus.attach(lambda event: self.index.apply([event]))
        self.model = FlowModel(self.index)
        self.open: list[tuple[int, int]] = []
        self.filter = ""

    def step(self, what: str, number: int) -> None:
        model, script = self.model, self.script
        if what == "open":
            conn = script.new_conn()
            flow = script.request(conn, HOSTS[number % 3], "GET", f"/{number % 7}", body=b"x" * number)
            self.open.append((conn, flow))
        elif what in ("answer", "fail") and self.open:
            conn, flow = self.open.pop(number % len(self.open))
            status = 200 if what == "answer" else 500
            script.respond(conn, flow, status, "OK", body=b"y" * number, after=number / 100)
        elif what == "drop":
            self.index.drop_rows(number % 4)
        elif what == "filter":
            self.filter = ("", "200", "a.test", "!500")[number % 4]
            model.set_filter(compile_filter(self.filter) if self.filter else None)
        elif what == "sort":
            column = COLUMNS[number % len(COLUMNS)]
            model.arrange(Sorting(column, bool(number % 2)), model.grouping)
        elif what == "turn":
            sorting = model.sorting
            model.arrange(
                None if sorting is None else Sorting(sorting.column, not sorting.descending), model.grouping
            )
        elif what == "hide":
            model.hide(range(self.index.dropped + number % 5, self.index.dropped + number % 9))
        elif what == "back":
            model.unhide(sorted(self.index.hidden)[number % 3 :])
        elif what == "group":
            model.arrange(model.sorting, (None, *GROUPINGS)[number % 5])

    def settle(self) -> None:
        self.model.pull()
        while self.model.scanning:
            self.model.scan()
        while self.model.arranging or not self.model.arranged:
            self.model.settle()

    def expected(self) -> list[Row]:
        """Return the rows that match, in the order asked for."""
        wanted = compile_filter(self.filter)
        rows = [self.index.row(number) for number in range(self.index.dropped, self.index.end)]
        rows = [row for row in rows if wanted(row) and not self.index.is_hidden(row.flow)]
        sorting = self.model.sorting
        if sorting is not None:
            rows.sort(key=lambda row: (sorting.column.key(row), row.number), reverse=sorting.descending)
        return rows


@given(keys=st.lists(st.integers(0, 9), max_size=80), descending=st.booleans(), data=st.data())
def test_an_ordering_is_what_sorted_makes(keys: list[int], descending: bool, data: st.DataObject) -> None:
    kept = Keys(0, descending=descending)
    ordering = Ordering(kept)
    there: list[int] = []
    for number, key in enumerate(keys):
        kept.put(number, key)
        ordering.add(number)
        there.append(number)
        if data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(there))
            ordering.remove(gone)
            kept.put(gone, None)
            there.remove(gone)
    expected = sorted(there, key=lambda number: (keys[number], number), reverse=descending)
    assert [ordering[position] for position in range(len(ordering))] == expected
    assert [ordering.position(number) for number in expected] == list(range(len(expected)))


def test_an_ordering_of_many_blocks_is_what_sorted_makes() -> None:
    kept = Keys(0)
    ordering = Ordering(kept)
    keys = [number * 7919 % 1009 for number in range(5000)]
    for number, key in enumerate(keys):
        kept.put(number, key)
        ordering.add(number)
    for number in range(0, 5000, 3):
        ordering.remove(number)
    left = [number for number in range(5000) if number % 3]
    expected = sorted(left, key=lambda number: (keys[number], number))
    assert [ordering[position] for position in range(len(ordering))] == expected
    assert ordering.position(expected[2500]) == 2500


@given(steps=steps)
def test_the_list_shows_what_matches_in_the_order_asked_for(steps: list[tuple[str, int]]) -> None:
    world = World()
    for what, number in steps:
        world.step(what, number)
        if number % 5 == 0:
            world.model.pull()
        if number % 3 == 0:
            world.model.scan(0)
            world.model.settle(0)
    world.settle()
    model, rows = world.model, world.expected()
    assert model.matching == len(rows)
    assert model.total == len(world.index) - len(world.index.hidden)
    if model.grouping is None:
        flows = [row.flow for row in rows]
        assert [model.flow_at(position) for position in range(len(model))] == flows
        assert [model.position_of(flow) for flow in flows] == list(range(len(flows)))
    else:
        assert_tree(model, rows)


def assert_tree(model: FlowModel, rows: list[Row]) -> None:
    """Check groups, their totals and the rows in them, folded and unfolded."""
    assert model.grouping is not None
    assert model.tree is not None
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault(model.grouping.key(row)[0], []).append(row)
    for folded in (True, False):
        model.tree.fold_all(folded=folded)
        position = 0
        for key in sorted(groups):  # type: ignore[type-var]
            members = groups[key]
            group = model.at(position)
            assert isinstance(group, Group)
            assert group.key == key
            assert len(group.rows) == len(members)
            assert group.errors == sum(row.error for row in members)
            assert group.bytes == sum(row.request_bytes + row.response_bytes for row in members)
            assert model.position_of(-group.id) == position
            position += 1
            for row in () if folded else members:
                assert model.flow_at(position) == row.flow
                assert model.position_of(row.flow) == position
                position += 1
        assert len(model) == position


def test_a_tree_of_many_groups_keeps_its_positions() -> None:
    world = World()
    for number in range(900):
        conn = world.script.new_conn()
        flow = world.script.request(conn, f"h{number * 7 % 701}.test", "GET", "/")
        world.script.respond(conn, flow, 200, "OK")
    world.model.arrange(None, HOST)
    world.settle()
    rows = world.expected()
    assert_tree(world.model, rows)
    world.index.drop_rows(300)
    world.settle()
    assert_tree(world.model, world.expected())


def test_a_large_drop_makes_the_order_anew() -> None:
    world = World()
    world.index.max_rows = 5000
    world.model.arrange(Sorting(BY_ID["path"]), None)
    for number in range(1500):
        conn = world.script.new_conn()
        world.script.respond(conn, world.script.request(conn, "a.test", "GET", f"/{number % 50}"), 200, "OK")
    world.settle()
    world.index.drop_rows(1200)
    world.settle()
    flows = [row.flow for row in world.expected()]
    assert [world.model.flow_at(position) for position in range(len(world.model))] == flows


def some(script: Script, count: int, *, host: str = "api.shop.test") -> None:
    """Play exchanges with answers of different sizes on one connection."""
    conn = script.connect(host)
    for number in range(count):
        script.exchange(host, "GET", f"/item/{number}", 200, "OK", conn=conn, body=b"x" * (number * 37 % 101))


async def test_the_cursor_stays_on_its_flow_while_a_sorted_list_grows() -> None:
    async with stage(lambda script: some(script, 80)) as staged:
        flows = staged.main.list
        await staged.press("g", "right")
        while flows.column != "size":
            await staged.press("right")
        await staged.press("s", "g", *["j"] * 20)
        selected, line = flows.selected, (flows.position or 0) - flows.top
        some(staged.script, 60)
        await staged.settle()
        assert flows.selected == selected
        assert (flows.position or 0) - flows.top == line
        sizes = [staged.store.index.row(number).response_bytes for number in range(len(staged.store.index))]
        shown = [flows.model.at(position) for position in range(len(flows.model))]
        assert [row.response_bytes for row in shown if isinstance(row, Row)] == sorted(sizes, reverse=True)


async def test_a_grouped_list_follows_the_newest_flow() -> None:
    def scene(script: Script) -> None:
        for host in HOSTS:
            some(script, 30, host=host)

    async with stage(scene) as staged:
        flows = staged.main.list
        await staged.press("v", "Z", "f", "f")
        some(staged.script, 1, host="b.test")
        await staged.settle()
        newest = flows.model.newest
        assert newest is not None
        assert flows.top <= newest < flows.top + flows.page
        assert flows.following
        flows.scroll_relative(y=-3, animate=False)
        flows.on_mouse_scroll_up()
        assert not flows.following


async def test_an_order_outlives_the_run_and_a_filter() -> None:
    async with stage(lambda script: some(script, 30)) as staged:
        state = staged.app.state
        await staged.press("v", "Z", "slash")
        await staged.type("item/1")
        assert staged.main.model.matching == 11
        assert "11 flows" in staged.shown()
        await staged.press("escape")
        assert "30 flows" in staged.shown()
        assert state.get("list", "group", "") == "host"


async def test_a_head_sorts_when_clicked_and_its_edge_resizes_when_dragged() -> None:
    async with stage(lambda script: some(script, 30)) as staged:
        host = next(place for place in staged.main.list.places if place.column.id == "host")
        await staged.pilot.click("#heads", offset=(host.left + 1, 0))
        await staged.settle()
        assert "host▲" in staged.shown()
        await staged.pilot.mouse_down("#heads", offset=(host.right, 0))
        await staged.pilot.hover("#heads", offset=(host.right - 5, 0))
        await staged.pilot.mouse_up("#heads", offset=(host.right - 5, 0))
        await staged.settle()
        assert dict(staged.main.list.columns.widths) == {"host": host.width - 5}
        assert "host▲" in staged.shown()


async def test_a_deleted_group_comes_back_whole() -> None:
    def scene(script: Script) -> None:
        for host in HOSTS:
            some(script, 5, host=host)

    async with stage(scene) as staged:
        await staged.press("v", "g", "j", "d")
        assert "5 flows deleted from the list" in "".join(
            notice.message for notice in staged.app._notifications
        )
        assert [group.label for group in groups(staged.main.model)] == ["a.test", "c.test"]
        await staged.press("u")
        assert [group.label for group in groups(staged.main.model)] == list(HOSTS)
        assert [len(group.rows) for group in groups(staged.main.model)] == [5, 5, 5]


def groups(model: FlowModel) -> list[Group]:
    """Return the groups in sight."""
    entries = [model.at(position) for position in range(len(model))]
    return [entry for entry in entries if isinstance(entry, Group)]


async def test_a_list_whose_flows_are_all_deleted_says_how_to_get_them_back() -> None:
    async with stage(lambda script: some(script, 2)) as staged:
        await staged.press("v", "d")
        assert "All 2 flows were deleted from the list: u undoes it" in staged.shown()
        await staged.press("u")
        assert "2 flows" in staged.shown(staged.main.list)


async def test_a_comment_that_is_too_long_stays_in_the_field() -> None:
    async with stage(lambda script: some(script, 3)) as staged:

        async def refuse(flow: int, **said: str | None) -> None:
            raise AnnotationError("the comment has 2,001 characters and may have 2,000; shorten it")

        staged.control.annotate = refuse  # type: ignore[method-assign]
        await staged.press("g", "semicolon")
        await staged.type("long")
        await staged.press("enter")
        assert "shorten it" in staged.shown()
        assert "long" in staged.shown()


async def test_a_colour_tints_the_row_and_the_comment_stands_behind_the_path() -> None:
    async with stage(lambda script: some(script, 3)) as staged:
        staged.script.publish(Annotated("★", "look at this", "green"), flow=1)
        await staged.press("G")
        line = staged.shown(staged.main.list).splitlines()[0]
        assert "★" in line
        assert "/item/0  ; look at this" in line
        plain = staged.main.list.render_line(1)
        tinted = staged.main.list.render_line(0)
        backgrounds = [
            {segment.style.bgcolor for segment in strip if segment.style} for strip in (plain, tinted)
        ]
        assert backgrounds[0].isdisjoint(backgrounds[1])


OF_CALLS = ("model", "tokens_in", "tokens_cached", "tokens_out", "cost", "ttft", "rate", "stalls")
"""Columns that say nothing of what is no call to a language model."""


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.id)
def test_every_column_orders_and_says_something_about_any_row(column: object) -> None:
    world = World()
    world.script.everyday()
    world.script.hostile()
    chosen = next(each for each in COLUMNS if each is column)
    rows = [world.index.row(number) for number in range(len(world.index))]
    for row in rows:
        term = chosen.term(row) if chosen.term is not None else ""
        assert compile_filter(term)(row), term
    kinds = {type(chosen.key(row)) for row in rows}
    assert len(kinds) == 1, "keys of two types cannot be compared"
    assert chosen.spans(rows[0]) or chosen.id in ("waterfall", "last", *OF_CALLS)
