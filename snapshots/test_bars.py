"""How the filter bar, the copy menu and the dialog that saves look."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from snapshots.test_screens import BOTH, SMALL, drawn
from soth_mitm_tui.screens.save import SaveScreen
from tests.tui.script import HOSTILE
from tests.tui.stage import Stage, stage


async def typed(staged: Stage, text: str) -> None:
    """Type a filter."""
    await staged.press("slash")
    await staged.type(text)


@BOTH
async def test_words_that_fit_are_offered_with_what_they_mean(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """The list of words below the filter bar."""
    async with stage(size=size) as staged:
        await typed(staged, "host:shop re")
        assert drawn(staged) == picture


@BOTH
async def test_an_invalid_filter_says_where_and_why(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """The list stays as it was."""
    async with stage(size=size) as staged:
        await typed(staged, "host:shop and stauts:5xx")
        assert drawn(staged) == picture


@BOTH
async def test_a_search_in_bodies_says_how_far_it_is(
    size: tuple[int, int], picture: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress in the bar, and in the list that has nothing yet."""
    async with stage(size=size) as staged:
        monkeypatch.setattr("soth_mitm_tui.desks.deep.PAUSE", 3600.0)
        await typed(staged, "body:o_81")
        assert "searching bodies" in staged.shown()
        assert drawn(staged) == picture


async def test_saved_filters_stand_as_chips(picture: SnapshotAssertion) -> None:
    """Two filters with names are on, and their list is open."""
    async with stage(size=SMALL) as staged:
        for name, text in (("shop", "host:shop"), ("errors", "is:error or status:400-599")):
            staged.app.filtering.saved.add(name, text)
        staged.app.filtering.saved.add("all but pictures", "!type:image/")
        await staged.press("F", "enter", "down", "enter")
        assert drawn(staged) == picture


@BOTH
async def test_the_dialog_saves_flows_and_bodies(
    size: tuple[int, int], picture: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of this name is there already."""
    monkeypatch.setattr("soth_mitm_tui.paths.Path.exists", lambda path: path.name == "friday.soth")
    monkeypatch.setattr("soth_mitm_tui.paths.trouble_with", lambda path: "")
    async with stage(size=size) as staged:
        await staged.press("g", "w")
        assert isinstance(staged.screen, SaveScreen)
        staged.screen.set_path(str(Path("/srv/recordings/friday.soth")))
        await staged.until(lambda: "exists already" in staged.shown())
        assert drawn(staged) == picture


async def test_hostile_text_in_the_filter_is_shown_and_not_obeyed(picture: SnapshotAssertion) -> None:
    """A filter made of what must never reach a terminal."""
    async with stage(size=SMALL) as staged:
        staged.main.filter.put(f"host:{HOSTILE.decode('utf-8', 'replace')}")
        staged.app.filtering.saved.add("bold [b]name[/b]", "x")
        await staged.press(
            "slash", "home"
        )  # where the field scrolls to otherwise depends on when it is drawn
        field = staged.main.filter.field
        await staged.until(lambda: field.cursor_position == 0 and field.scroll_offset.x == 0)
        assert drawn(staged) == picture
