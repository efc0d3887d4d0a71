"""The scrollbar of a list that grows: it is right, and drawn only where that can be seen."""

from __future__ import annotations

import pytest

from tests.tui.stage import Stage, stage
from tests.tui.test_list import some


def bar_of(theatre: Stage) -> list[str]:
    """Return what the scrollbar of the list shows, cell by cell."""
    return [line[-1:] for line in theatre.shown(theatre.main.list.vertical_scrollbar).splitlines()]


async def test_a_long_list_that_grows_draws_its_scrollbar_only_where_the_thumb_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stage(lambda script: some(script, 1500)) as theatre:
        await theatre.press("g")
        bar, drawn = theatre.main.list.vertical_scrollbar, list[int]()
        refresh = bar.refresh

        def count(*regions: object, **options: bool) -> object:
            drawn.append(bar.window_virtual_size)
            return refresh(**options)

        monkeypatch.setattr(bar, "refresh", count)
        some(theatre.script, 3)
        await theatre.settle()
        assert bar.window_virtual_size == len(theatre.main.model)
        assert drawn == []


async def test_a_short_list_that_grows_gets_a_smaller_thumb() -> None:
    async with stage(lambda script: some(script, 40)) as theatre:
        await theatre.press("g")
        bar = theatre.main.list.vertical_scrollbar
        before = bar_of(theatre)
        some(theatre.script, 160)
        await theatre.settle()
        after = bar_of(theatre)
        bar.refresh()
        await theatre.pilot.pause()
        assert before != after == bar_of(theatre)
