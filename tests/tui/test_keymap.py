"""keys.toml: what it changes, and what it says of its faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm_tui.actions import ACTIONS, PANES
from soth_mitm_tui.keymap import apply, load
from tests.tui.stage import stage


def test_a_file_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    keymap = load(tmp_path / "keys.toml")
    assert keymap.changed == {}
    assert keymap.problems == ()
    assert keymap.registry.actions == ACTIONS


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("f7", "f7"),
        ("?", "question_mark"),
        ("^e", "ctrl+e"),
        ("Ctrl+E", "ctrl+E"),
        ("pgup", "pageup"),
        ("Z", "Z"),
    ],
)
def test_keys_are_written_as_a_person_writes_them(written: str, key: str) -> None:
    keymap = apply({"keys": {"filter.clear": written}})
    assert keymap.problems == ()
    assert keymap.changed == {"filter.clear": key}


def test_an_unknown_action_names_the_nearest_one() -> None:
    assert apply({"keys": {"list.filtre": "f7"}}).problems == (
        "there is no action list.filtre; did you mean list.filter?",
    )


def test_a_key_that_terminals_cannot_tell_is_refused_with_its_reason() -> None:
    (problem,) = apply({"keys": {"list.filter": "ctrl+m"}}).problems
    assert "terminals send enter for ctrl+m" in problem


def test_a_clash_is_told_and_left_out_and_the_rest_holds() -> None:
    keymap = apply({"keys": {"list.filter": "j", "list.open": "f7"}})
    assert keymap.problems == (
        "list.filter: j is the key of list.down already; give that one another key first",
    )
    assert keymap.changed == {"list.open": "f7"}


def test_two_keys_can_change_places() -> None:
    keymap = apply({"keys": {"list.down": "k,up", "list.up": "j,down"}})
    assert keymap.problems == ()
    assert keymap.registry.named("list.down").shown_keys == ("k", "↑")


@pytest.mark.parametrize("text", ["[keys", "\xff", "keys = 3", "[other]\nx = 1", "[keys]\n'list.open' = 3"])
def test_a_damaged_file_is_told_and_changes_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text, encoding="latin-1")
    keymap = load(path)
    assert len(keymap.problems) == 1
    assert keymap.changed == {}


@given(
    st.dictionaries(
        st.sampled_from([action.id for action in ACTIONS]) | st.text(max_size=8),
        st.sampled_from(["j", "k", "f7", "x", "", "enter,q", "ctrl+a"]) | st.text(max_size=6) | st.integers(),
        max_size=6,
    )
)
def test_no_keymap_gives_one_key_of_a_pane_two_meanings(entries: dict[str, object]) -> None:
    registry = apply({"keys": entries}).registry
    for pane in PANES:
        keys = [key for action in registry.of_pane(pane) for key in action.keys.split(",") if key]
        assert len(keys) == len(set(keys)), pane


def test_no_key_of_a_flow_takes_one_that_works_everywhere() -> None:
    registry = apply({}).registry
    of_flow, everywhere = (
        {key for action in registry.of_pane(pane) for key in action.keys.split(",")}
        for pane in ("flow", "app")
    )
    assert not of_flow & everywhere


async def test_a_changed_key_works_is_shown_and_frees_the_old_one() -> None:
    keymap = apply({"keys": {"list.filter": "f7", "list.open": "o", "app.nothing": "x"}})
    async with stage(keymap=keymap) as staged:
        await staged.press("slash")
        assert not staged.main.filter.has_class("-open")
        assert "f7 filter" in staged.shown(staged.main.key_bar)
        assert any("1 fault in keys.toml" in each.message for each in staged.app._notifications)
        await staged.press("question_mark")
        assert "there is no action app.nothing" in staged.shown()
        await staged.press("escape", "f7")
        assert staged.main.filter.has_class("-open")
