"""What goes wrong while saving is said in the dialog, and what was typed stays."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from soth_mitm.errors import DumpError
from soth_mitm.record.livestore import LiveStore
from soth_mitm_tui import paths
from soth_mitm_tui.clipboard import OSC52_LIMIT
from soth_mitm_tui.state import State
from tests.tui.cases_bars import dialog, order, told
from tests.tui.stage import stage


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("~/nowhere/a.soth", "does not exist; create it"),
        ("~/file/a.soth", "is a file; create it"),
        ("~", "is a directory; add a name"),
        ("~/a.xml", "what ends in .xml cannot be written"),
        ("~/a", "flows are saved as .soth"),
        ("~nobody-of-this-name/a.soth", "there is no such home directory"),
        ("", "type the name of a file"),
        ("~/a\N{RIGHT-TO-LEFT OVERRIDE}b\x1b[31m/x.soth", "\\u202e"),
    ],
)
async def test_a_path_that_cannot_be_written_is_said_at_once(path: str, words: str) -> None:
    (Path.home() / "file").write_bytes(b"")
    async with stage(order) as staged:
        await staged.press("w")
        dialog(staged).set_path(path)
        await staged.press("enter")
        await staged.until(lambda: words in dialog(staged).said)
        assert words[:20] in staged.shown()
        assert dialog(staged).field.value == path


async def test_flows_are_saved_as_a_har_by_its_name() -> None:
    path = Path.home() / "flows.har"
    path.unlink(missing_ok=True)
    async with stage(order) as staged:
        await staged.press("w")
        dialog(staged).set_path("~/flows.har")
        await staged.until(lambda: "secrets masked" in dialog(staged).said)
        await staged.press("enter")
        await staged.until(lambda: "Saved " in told(staged))
    entries = json.loads(path.read_bytes())["log"]["entries"]
    assert [entry["response"]["status"] for entry in entries]


async def test_a_full_disk_is_said_in_the_dialog(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(self: LiveStore, path: Path, *args: object, **kwargs: object) -> int:
        raise DumpError(f"cannot save to {path}: the disk is full; make room, or give another place")

    monkeypatch.setattr(LiveStore, "save", full)
    async with stage(order) as staged:
        await staged.press("w")
        dialog(staged).set_path("~/full.soth")
        await staged.press("enter")
        await staged.until(lambda: "the disk is full" in staged.shown())
        assert dialog(staged).field.value == "~/full.soth"


async def test_a_save_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(self: LiveStore, path: Path, *args: object, progress: object, **kwargs: object) -> int:
        assert callable(progress)
        progress(45, 100)
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(LiveStore, "save", slow)
    async with stage(order) as staged:
        await staged.press("w")
        dialog(staged).set_path("~/slow.soth")
        await staged.press("enter")
        await staged.until(lambda: "Saving · 45% · esc stops it" in staged.shown())
        await staged.press("escape")
        await staged.until(lambda: "Stopped: nothing was written" in staged.shown())
        assert dialog(staged).field.value == "~/slow.soth"


async def test_what_is_too_large_to_copy_can_be_saved() -> None:
    path = Path.home() / "selection.txt"
    path.unlink(missing_ok=True)
    async with stage(order) as staged:
        staged.app.copy("the selection", "ä" * OSC52_LIMIT)
        await staged.until(lambda: "more than a terminal takes" in told(staged))
        dialog(staged).set_path(str(path))
        await staged.press("enter")
        await staged.until(lambda: "Saved the selection, 150k bytes" in told(staged))
    assert path.read_text(encoding="utf-8") == "ä" * OSC52_LIMIT


def test_a_path_is_completed_as_far_as_it_is_certain(tmp_path: Path) -> None:
    for name in ("recordings", "recent", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "report.soth").write_bytes(b"")
    start = f"{tmp_path}/"
    assert paths.complete(f"{start}rep") == (f"{start}report.soth", ())
    assert paths.complete(f"{start}rec") == (f"{start}rec", ("recent/", "recordings/"))
    assert paths.complete(f"{start}.h") == (f"{start}.hidden/", ())
    assert paths.complete(f"{start}none") == (f"{start}none", ())
    assert paths.complete("/no/such/place") == ("/no/such/place", ())


async def test_the_next_run_begins_with_the_filter_of_the_last_one(tmp_path: Path) -> None:
    first = State(tmp_path / "state.toml")
    async with stage(order, state=first) as staged:
        await staged.press("slash")
        await staged.type("app.js")
        await staged.press("enter", "3")
    await first.close()
    async with stage(order, state=State(tmp_path / "state.toml")) as staged:
        await staged.until(lambda: len(staged.main.model) == 1)
        assert "valid · 1 of 2" in staged.shown()
        assert staged.main.detail.tab == 2
