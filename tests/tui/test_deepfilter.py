"""A filter that asks heads and bodies: what is shown before, while and after they are asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import pytest

from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.deep import DeepSearch, Progress, Term, WorkerError
from soth_mitm.record.rows import Row
from soth_mitm_tui.deepfilter import DeepFilter
from tests.tui.script import Script
from tests.tui.stage import Stage, stage


def row(flow: int, *, state: str = "closed", method: str = "GET") -> Row:
    """Return a row."""
    made = Row(flow, 1, "http", 1, 1, "127.0.0.1:5000", "https", "a.test", 443)
    made.state, made.method = state, method
    return made


def deep(text: str) -> DeepFilter:
    """Return a filter that has seen nothing."""
    return DeepFilter(compile_filter(text))


def test_a_row_that_needs_no_bytes_is_decided_at_once() -> None:
    wanted = deep("method:GET or body:x")
    assert wanted(row(1))
    assert not deep("method:POST body:x")(row(1))
    assert wanted.pending == 0


def test_a_row_is_asked_once_and_shown_when_its_answer_comes() -> None:
    wanted = deep("body:x")
    assert not wanted(row(1))
    assert not wanted(row(1))
    assert wanted.take(10) == [1]
    assert wanted.learn([(1, (True,))], row) == [1]
    assert wanted(row(1))
    assert (wanted.asked, wanted.answered, wanted.found, wanted.pending) == (1, 1, 1, 0)


def test_a_flow_is_asked_again_when_it_has_ended() -> None:
    wanted = deep("body:x")
    wanted(row(1, state="open"))
    wanted.learn([(flow, (False,)) for flow in wanted.take(10)], row)
    assert not wanted(row(1, state="open"))
    assert wanted.pending == 0
    assert not wanted(row(1))
    assert wanted.learn([(flow, (True,)) for flow in wanted.take(10)], row) == [1]
    assert wanted(row(1))
    assert (wanted.asked, wanted.answered, wanted.found) == (1, 1, 1)


def test_a_flow_that_ends_while_it_is_asked_is_asked_again() -> None:
    wanted = deep("body:x")
    wanted(row(1, state="open"))
    assert wanted.take(10) == [1]
    wanted(row(1))
    assert wanted.pending == 1
    assert (wanted.asked, wanted.answered) == (1, 0)


def test_a_flow_that_went_is_not_waited_for() -> None:
    wanted = deep("body:x")
    wanted(row(1))
    wanted.forget(wanted.take(10))
    assert wanted.asked == 0


def test_nothing_is_asked_after_a_stop() -> None:
    wanted = deep("body:x")
    wanted(row(1))
    wanted.stop()
    wanted(row(2))
    assert wanted.pending == 0
    assert wanted.learn([(1, (True,))], row) == []


# --- in the app


class Slow:
    """A search that gives one answer, and then waits for ever."""

    closed = False

    async def search(self, flows: Sequence[int], terms: Sequence[Term]) -> AsyncGenerator[Progress, None]:
        """Answer for the newest flow."""
        import asyncio

        try:
            yield Progress(1, len(flows), [(flows[0], (True,))])
            await asyncio.Event().wait()
        finally:
            Slow.closed = True


def shop(script: Script) -> None:
    """Play ten exchanges; every other one has the word in its body."""
    conn = script.connect("api.shop.test")
    for number in range(10):
        body = b"needle" if number % 2 else b"hay"
        script.exchange("api.shop.test", "GET", f"/{number}", 200, "OK", conn=conn, body=body)


async def searched(staged: Stage, text: str) -> None:
    """Type a filter."""
    await staged.press("slash")
    await staged.type(text)


async def test_what_was_found_stays_when_a_search_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(DeepSearch, "search", lambda self, flows, terms: slow.search(flows, terms))
    async with stage(shop) as staged:
        await searched(staged, "body:needle")
        await staged.until(lambda: len(staged.main.model) == 1)
        assert "searching bodies · 1 of 10 · 1 found · esc cancels" in staged.shown()
        await staged.press("escape")
        await staged.until(lambda: Slow.closed)
        assert "stopped · 1 of 10 · 1 found" in staged.shown()
        assert staged.main.filter.text == "body:needle"
        assert len(staged.main.model) == 1
        await staged.press("escape")
        assert len(staged.main.model) == 10


async def test_flows_that_come_later_are_searched_as_well() -> None:
    async with stage(shop) as staged:
        await searched(staged, "body:needle")
        await staged.until(lambda: len(staged.main.model) == 5)
        shop(staged.script)
        await staged.settle()
        await staged.until(lambda: len(staged.main.model) == 10)
        await staged.until(lambda: "valid · 10 of 20" in staged.shown())


async def test_a_search_that_fails_says_so_and_the_text_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: DeepSearch, flows: object, terms: object) -> AsyncGenerator[Progress, None]:
        yield Progress(0, 10, [])
        raise WorkerError("no answer within 20 s: make the expression simpler")

    monkeypatch.setattr(DeepSearch, "search", broken)
    async with stage(shop) as staged:
        await searched(staged, "body:needle")
        await staged.until(lambda: "make the expression simpler" in staged.shown())
        assert staged.main.filter.text == "body:needle"
