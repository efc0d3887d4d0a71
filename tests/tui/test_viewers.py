"""Viewers of any size: what is in sight is read, found, folded, masked and selected without a stall."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from soth_mitm.model import events as e
from tests.tui.script import HOSTILE, Script
from tests.tui.stage import Stage, stage

MIB = 1024 * 1024


def one_answer(body: bytes, content_type: str, **more: object):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Return a scene of one answer, whose body comes in pieces of 256 KiB."""

    def scene(script: Script) -> None:
        conn = script.connect("a.test")
        flow = script.request(conn, "a.test", "GET", "/", **more)  # type: ignore[arg-type]
        script.respond(conn, flow, 200, "OK", content_type=content_type, close=False)
        for start in range(0, len(body), 256 * 1024):
            data = body[start : start + 256 * 1024]
            script.publish(e.BodyChunk(e.Direction.RESPONSE, start, len(data), data), conn=conn, flow=flow)
        script.publish(e.ResponseEnd(len(body), len(body)), conn=conn, flow=flow)
        script.publish(e.FlowClosed("completed"), conn=conn, flow=flow)

    return scene


def verdict(staged: Stage) -> str:
    """Return what the search bar says."""
    return staged.shown(staged.main.detail.search)


async def search(staged: Stage, text: str) -> None:
    """Search for a text, and wait for the end of it."""
    await staged.press("slash")
    await staged.type(text)
    await staged.until(lambda: not staged.main.detail.searching.running, seconds=60)


@asynccontextmanager
async def heartbeat() -> AsyncIterator[list[float]]:
    """Collect how long others kept the loop between two beats, in milliseconds of this thread's own time.

    What other processes of a busy machine take is not in it.
    """
    lags: list[float] = []

    async def beat() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            lags.append((time.thread_time() - before) * 1000)

    task = asyncio.create_task(beat())  # noqa: TID251 - a test's own
    try:
        yield lags
    finally:
        task.cancel()


@pytest.mark.slow
async def test_a_body_of_100_mb_is_walked_and_searched_while_the_loop_goes_on() -> None:
    line = b'{"number": %9d, "text": "the quick brown fox jumps over the lazy dog"}\n'
    body = b"".join(line % number for number in range(100 * MIB // len(line % 0)))
    last = b"%9d" % (body.count(b"\n") - 1)
    async with stage(one_answer(body, "application/x-ndjson")) as staged:
        async with heartbeat() as lags:
            await staged.pilot.press("enter", "3")
            await staged.until(lambda: "quick brown fox" in staged.shown(), seconds=20)
            for key in (*["pagedown"] * 20, "ctrl+d", "j", "k", "pageup"):
                await staged.pilot.press(key)
            await staged.until(lambda: not staged.main.detail.pages.bodies.unsettled, seconds=120)
            await staged.press("G")
            assert last.decode() in staged.shown()
            await search(staged, "999999,")
            assert "1 of 1" in verdict(staged)
            assert "999999," in staged.shown(staged.main.detail.text)
        lags.sort()
        assert lags[len(lags) * 99 // 100] < 20


async def test_a_line_of_5_mb_is_found_in_and_shown_where_it_matches() -> None:
    body = b"x" * (5 * MIB) + b" needle " + b"y" * 1000
    async with stage(one_answer(body, "text/plain")) as staged:
        await staged.press("enter", "3")
        await search(staged, "needle")
        await staged.until(lambda: "1 of 1" in verdict(staged))
        await staged.until(lambda: " needle yyy" in staged.shown(staged.main.detail.text))
        await staged.press("enter", "w")
        await staged.press("n")
        await staged.until(lambda: "needle" in staged.shown(staged.main.detail.text))


async def test_a_search_goes_round_and_a_bad_expression_says_where() -> None:
    body = b"\n".join(b"row %d %s" % (number, b"HIT" if number % 50 == 7 else b"") for number in range(400))
    async with stage(one_answer(body, "text/plain")) as staged:
        await staged.press("enter", "3")
        await search(staged, "HIT")
        await staged.until(lambda: "1 of 8" in verdict(staged))
        await staged.press("enter", "N")
        assert "8 of 8" in verdict(staged)
        assert "row 357" in staged.shown(staged.main.detail.text)
        await staged.press("n")
        assert "1 of 8" in verdict(staged)
        await staged.press("slash", "ctrl+r", "left_parenthesis")
        await staged.until(lambda: "column 4: missing ), unterminated subpattern" in verdict(staged))
        assert staged.main.detail.search.text == "HIT("
        await staged.press("escape")
        assert not staged.main.detail.search.is_open


async def test_an_expression_that_never_ends_is_left_by_escape() -> None:
    async with stage(one_answer(b"a" * 3000 + b"!", "text/plain")) as staged:
        await staged.press("enter", "3", "slash", "ctrl+r")
        await staged.pilot.press(
            *("left_parenthesis", "a", "plus", "right_parenthesis", "plus", "dollar_sign")
        )
        await staged.until(lambda: staged.main.detail.searching.running)
        await staged.pilot.press("escape")
        assert not staged.main.detail.searching.running
        await staged.pilot.press("escape")
        await staged.until(lambda: staged.main.detail.text.has_focus)
        await staged.until(lambda: "aaaa" in staged.shown(staged.main.detail.text))


async def test_secrets_are_masked_until_they_are_asked_for() -> None:
    fields = (("Authorization", "Bearer s3cr3t"), ("Cookie", "sid=c00kie; theme=dark"))
    async with stage(one_answer(b"{}", "application/json", fields=fields)) as staged:
        for tab in ("2", "5"):
            await staged.press("enter", tab)
            shown = staged.shown(staged.main.detail)
            assert "Bearer ••••••••" in shown
            assert "s3cr3t" not in shown
            assert "c00kie" not in shown
            await staged.press("U")
            shown = staged.shown(staged.main.detail)
            assert "Bearer s3cr3t" in shown
            assert "c00kie" in shown
            await staged.press("U")


async def test_secrets_of_an_address_are_masked_in_the_list_and_in_the_titles_as_well() -> None:
    def scene(script: Script) -> None:
        script.exchange("api.test", "GET", "/v1/items?page=2&access_token=s3cr3t&q=" + "x" * 90, 200, "OK")

    async with stage(scene, size=(140, 40)) as staged:
        assert "/v1/items?page=2&access_token=••••••••&q=xx" in staged.shown()
        for tab in ("1", "2", "4"):
            await staged.press("enter", tab)
            assert "s3cr3t" not in staged.shown()
        await staged.press("1", "U")
        assert "access_token=s3cr3t" in staged.shown(staged.main.list)
        assert "access_token=s3cr3t" in staged.shown(staged.main.detail)
        await staged.press("U")
        assert "s3cr3t" not in staged.shown()


async def test_the_value_of_a_masked_line_is_the_true_one() -> None:
    fields = (("Authorization", "Bearer s3cr3t"),)
    async with stage(one_answer(b"{}", "application/json", fields=fields)) as staged:
        await staged.press("enter", "2")
        detail = staged.main.detail
        lines = [line.text for line in detail.text.lines if line is not None]
        detail.text.set_cursor(next(at for at, text in enumerate(lines) if "Authorization" in text))
        assert detail.current_value() == ("Authorization", "Bearer s3cr3t")
        assert detail.current_filter() == 'header:"Authorization: Bearer s3cr3t"'


async def test_duplicate_fields_fold_and_keep_their_order() -> None:
    fields = (("Via", "1.1 one"), ("X-Between", "1"), ("via", "1.1 two"))
    async with stage(one_answer(b"", "", fields=fields)) as staged:
        await staged.press("enter", "2")
        assert "Via ×2" in staged.shown()
        assert "1.1 two" not in staged.shown()
        detail = staged.main.detail
        lines = [line.text for line in detail.text.lines if line is not None]
        detail.text.set_cursor(next(at for at, text in enumerate(lines) if "Via" in text))
        await staged.press("enter")
        shown = staged.shown(detail.text)
        assert shown.index("1.1 one") < shown.index("X-Between") < shown.index("1.1 two")


async def test_the_mouse_selects_characters_and_a_click_a_line() -> None:
    async with stage(one_answer(b"first line\nsecond line\nthird line", "text/plain")) as staged:
        await staged.press("enter", "3")
        text = staged.main.detail.text
        rows = staged.shown(text).splitlines()
        y = next(at for at, row in enumerate(rows) if "first line" in row)
        await staged.pilot.mouse_down(text, offset=(2, y))
        await staged.pilot.hover(text, offset=(8, y + 1))
        await staged.pilot.mouse_up(text, offset=(8, y + 1))
        assert staged.main.detail.selected_text() == "first line\nsecond"
        assert "2 lines selected" in staged.shown(staged.main.detail)
        await staged.pilot.click(text, offset=(3, y + 2))
        assert staged.main.detail.selected_text() == ""
        assert staged.main.detail.current_value() == ("Line", "third line")


async def test_a_selection_of_more_than_was_looked_at_is_read_when_it_is_copied() -> None:
    body = b"\n".join(b"line %d" % number for number in range(20_000))
    async with stage(one_answer(body, "text/plain")) as staged:
        await staged.press("enter", "3")
        await staged.until(lambda: "line 0" in staged.shown())
        await staged.press("G", "V", "g")
        detail = staged.main.detail
        assert (await detail.whole_selection()).endswith(body.decode())
        detail.text.clear_selection()
        detail.text.set_cursor(100)
        await staged.press("V", "j")
        first, second = (await detail.whole_selection()).split("\n")
        assert int(second.split()[1]) == int(first.split()[1]) + 1


async def test_a_whole_json_value_is_copied_from_the_menu() -> None:
    body = json.dumps({"a": {"b": [1, 2.50, "x"]}}).encode()
    async with stage(one_answer(body, "application/json")) as staged:
        await staged.press("enter", "3")
        detail = staged.main.detail
        lines = [line.text for line in detail.text.lines if line is not None]
        detail.text.set_cursor(next(at for at, text in enumerate(lines) if '"b"' in text))
        await staged.press("y", "v")
        await staged.until(lambda: any("$.a.b" in notice.message for notice in staged.app._notifications))


async def test_hostile_bytes_stay_bytes_in_every_viewer() -> None:
    for kind in ("text/plain", "application/json", "text/html", "image/png", "text/event-stream"):
        body = b"<a x='" + HOSTILE + b"'>\n" + json.dumps({"a\x1b": "\x07\u202e"}).encode() + HOSTILE
        async with stage(one_answer(body, kind, fields=(("cookie", HOSTILE), ("x", HOSTILE)))) as staged:
            for keys in (("enter", "3"), ("v",), ("v",), ("v",), ("2",), ("U",), ("4",), ("5",), ("w",)):
                await staged.press(*keys)
                screen = staged.app.screen._compositor.render_strips()
                shown = "".join(segment.text for strip in screen for segment in strip)
                assert "\x1b" not in shown
                assert shown.isprintable() or "\u202e" not in shown
            assert staged.main.detail.text.failure is None


async def test_json_folds_says_where_it_is_and_a_match_opens_what_hides_it() -> None:
    body = json.dumps({"list": [{"name": f"n{number}"} for number in range(3)], "end": 1.50}).encode()
    async with stage(one_answer(body, "application/json")) as staged:
        await staged.press("enter", "3")
        detail = staged.main.detail
        lines = [line.text for line in detail.text.lines if line is not None]
        detail.text.set_cursor(next(at for at, text in enumerate(lines) if '"n1"' in text))
        await staged.until(lambda: "$.list[1].name" in staged.shown(detail.tabs))
        assert detail.current_value() == ("$.list[1].name", '"n1"')
        await staged.press("z")
        assert "1 member }" in staged.shown(detail.text)
        assert '"n1"' not in staged.shown(detail.text)
        assert '"n2"' in staged.shown(detail.text)
        assert await detail.whole_value() == ("$.list[1]", '{\n  "name": "n1"\n}')
        await staged.press("k", "k", "k", "k", "z")
        assert "3 items ]" in staged.shown(detail.text)
        await search(staged, "n1")
        assert '"n1"' in staged.shown(detail.text)
        await staged.press("enter", *["j"] * 6)
        assert detail.current_value() == ("$.end", "1.5")


async def test_lines_run_to_the_side_when_they_are_not_wrapped() -> None:
    async with stage(one_answer(b"0123456789" * 60 + b"END", "text/plain")) as staged:
        await staged.press("enter", "3")
        assert "END" in staged.shown(staged.main.detail.text)
        await staged.press("w")
        assert "END" not in staged.shown(staged.main.detail.text)
        await staged.press(*["l"] * 65)
        assert "END" in staged.shown(staged.main.detail.text)
