"""What a filter does to the cursor: it is always on a row that is shown."""

from __future__ import annotations

from soth_mitm_tui.screens.main import MainScreen
from tests.tui.script import Script
from tests.tui.stage import Stage, stage


def mixed(script: Script) -> None:
    """Play thirty exchanges; every third one is with a bank."""
    conns = {host: script.connect(host) for host in ("api.shop.test", "bank.test")}
    for number in range(30):
        host = "api.shop.test" if number % 3 else "bank.test"
        script.exchange(host, "GET", f"/item/{number}", 200, "OK", conn=conns[host])


def path_of(main: MainScreen) -> str:
    """Return the path of the selected flow."""
    row = main.model.row_of(main.list.selected)
    return row.path if row is not None else ""


async def filtered(staged: Stage, text: str) -> None:
    """Type a filter and keep it."""
    await staged.press("slash")
    await staged.type(text)
    await staged.press("enter")


async def test_the_cursor_goes_to_the_nearest_flow_that_is_shown() -> None:
    async with stage(mixed) as staged:
        await staged.press("g", *["j"] * 13)
        assert path_of(staged.main) == "/item/13"
        await filtered(staged, "bank")
        assert path_of(staged.main) == "/item/12"
        assert "▸" in staged.shown(staged.main.list)
        await staged.press("enter")
        assert "/item/12" in staged.shown(staged.main.detail)


async def test_the_cursor_comes_back_when_the_filter_is_cleared() -> None:
    async with stage(mixed) as staged:
        await staged.press("g", *["j"] * 13)
        await filtered(staged, "bank")
        await staged.press("escape")
        assert path_of(staged.main) == "/item/13"
        assert "▸" in staged.shown(staged.main.list)


async def test_a_cursor_moved_under_a_filter_stays_where_it_was_moved() -> None:
    async with stage(mixed) as staged:
        await staged.press("g", *["j"] * 13)
        await filtered(staged, "bank")
        await staged.press("j", "escape")
        assert path_of(staged.main) == "/item/15"
        assert "▸" in staged.shown(staged.main.list)
        assert not staged.main.list.following


async def test_nothing_is_selected_while_nothing_matches() -> None:
    async with stage(mixed) as staged:
        await staged.press("g", *["j"] * 13)
        await filtered(staged, "nowhere")
        assert staged.main.list.selected == 0
        await staged.press("enter")
        assert staged.main.list.has_focus
        assert "No flow is selected" in [notice.message for notice in staged.app._notifications]
        await staged.press("escape")
        assert path_of(staged.main) == "/item/13"


async def test_a_row_that_stops_matching_hands_the_cursor_on() -> None:
    async with stage(mixed) as staged:
        conn = staged.script.connect("slow.test")
        flow = staged.script.request(conn, "slow.test", "GET", "/wait")
        await staged.settle()
        await staged.press("G")
        await filtered(staged, "!404")
        assert staged.main.list.selected == flow
        staged.script.respond(conn, flow, 404, "Not Found")
        await staged.settle()
        assert path_of(staged.main) == "/item/29"
        await staged.press("escape")
        assert staged.main.list.selected == flow


async def test_a_list_that_followed_follows_under_a_filter_and_after_it() -> None:
    async with stage(mixed) as staged:
        await filtered(staged, "bank")
        assert staged.main.list.following
        await staged.press("escape")
        assert staged.main.list.following
        await staged.press("g")
        await filtered(staged, "bank")
        assert not staged.main.list.following


async def test_the_next_flow_of_the_detail_is_the_one_after_it() -> None:
    async with stage(mixed, size=(120, 24)) as staged:
        await staged.press("g", "j", "enter", "G")
        staged.main.list.action_follow()
        await staged.press("J")
        assert path_of(staged.main) == "/item/2"


async def test_enter_opens_a_row_in_sight_where_the_detail_is_not() -> None:
    async with stage(mixed, size=(80, 20)) as staged:
        assert path_of(staged.main) == "/item/0"
        await staged.press("enter")
        assert path_of(staged.main) == "/item/14"
        assert "/item/14" in staged.shown(staged.main.detail)
