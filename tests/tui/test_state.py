"""What the app remembers survives a run, other versions, other apps and damage."""

from __future__ import annotations

import asyncio
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm_tui.state import LARGEST, SAVE_AFTER, State
from soth_mitm_tui.toml_text import to_toml

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(tables=st.dictionaries(_TEXT, st.dictionaries(_TEXT, _VALUES, max_size=4) | _VALUES, max_size=4))
def test_what_is_written_as_toml_is_read_as_it_was(tables: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(tables)) == tables


class Named(msgspec.Struct):
    name: str
    text: str = ""


def test_a_value_comes_back_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.toml"
    state = State(path)
    assert state.get("list", "follow", True) is True
    state.set("list", "follow", False)
    state.set("list", "order", ["time", "host"])
    state.set("filters", "saved", [Named("errors", "status:5xx"), Named('a "b"\x7f', "漢")])
    state.flush()
    again = State(path)
    assert again.get("list", "follow", True) is False
    assert again.get("list", "order", ["x"]) == ["time", "host"]
    assert again.get_as("filters", "saved", list[Named], []) == [
        Named("errors", "status:5xx"),
        Named('a "b"\x7f', "漢"),
    ]
    assert not again.notices
    again.set("list", "follow", None)
    again.flush()
    assert State(path).get("list", "follow", True) is True


def test_the_file_is_readable_by_its_owner_only_and_a_link_stays_one(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text("[list]\nfollow = true\n")
    target.chmod(0o644)
    path = tmp_path / "state.toml"
    path.symlink_to(target)
    state = State(path)
    state.set("list", "follow", False)
    state.flush()
    assert path.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dotfiles.toml", "state.toml"]


def test_what_another_version_or_another_app_wrote_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.toml"
    path.write_text("future = 1\n[list]\nsparkle = { a = [1, 2] }\nwidth = 7\n[new]\nday = 2026-01-02\n")
    one, other = State(path), State(path)
    one.set("list", "follow", False)
    other.set("list", "width", 9)
    one.flush()
    other.flush()
    tables = tomllib.loads(path.read_text())
    assert tables["list"] == {"sparkle": {"a": [1, 2]}, "width": 9, "follow": False}
    assert tables["future"] == 1
    assert str(tables["new"]["day"]) == "2026-01-02"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"[list]\nfollow = yes\n", "line 2"),
        (b"[list]\nname = '\xff'\n", "line 2 is not UTF-8"),
        (b"#" * (LARGEST + 1), "larger than 1,048,576 bytes"),
    ],
)
def test_a_damaged_file_is_moved_aside_and_named(tmp_path: Path, content: bytes, place: str) -> None:
    path = tmp_path / "state.toml"
    path.write_bytes(content)
    (tmp_path / "state.toml.bad").write_text("an older one")
    state = State(path)
    (notice,) = state.notices
    assert place in notice
    assert str(path) in notice
    assert "state.toml.bad2" in notice
    assert state.get("list", "follow", True) is True
    state.set("list", "follow", False)
    state.flush()
    assert (tmp_path / "state.toml.bad").read_text() == "an older one"
    assert (tmp_path / "state.toml.bad2").read_bytes() == content
    assert State(path).get("list", "follow", True) is False


def test_a_value_of_another_kind_is_named_and_not_used(tmp_path: Path) -> None:
    path = tmp_path / "state.toml"
    path.write_text("list = 3\n[theme]\nname = 3\n")
    state = State(path)
    assert state.get("theme", "name", "dark") == "dark"
    assert state.get("theme", "name", "dark") == "dark"
    assert state.get("list", "follow", True) is True
    (notice,) = state.notices
    assert "theme.name" in notice


def test_a_run_that_must_not_write_leaves_even_a_damaged_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.toml"
    path.write_text("=")
    state = State(path, writes=False)
    state.set("list", "follow", False)
    state.flush()
    assert state.get("list", "follow", True) is False
    assert "stays as it is" in state.notices[0]
    assert [each.name for each in tmp_path.iterdir()] == ["state.toml"]
    assert path.read_text() == "="


def test_a_place_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = State(tmp_path / "file" / "state.toml")
    for value in (1, 2):
        state.set("list", "width", value)
        state.flush()
    (notice,) = state.notices
    assert "state.toml" in notice
    assert state.get("list", "width", 0) == 2


def test_a_value_that_toml_does_not_have_is_refused_when_set() -> None:
    state = State()
    with pytest.raises(TypeError):
        state.set("list", "width", [None])
    assert state.get("list", "width", [1]) == [1]


async def test_changes_are_saved_together_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.toml"
    state = State(path)
    loop = asyncio.get_running_loop()
    delays: list[float] = []
    later = loop.call_later

    def at_once(delay: float, callback: Any, *args: Any) -> asyncio.TimerHandle:  # noqa: ANN401
        delays.append(delay)
        return later(0, callback, *args)

    monkeypatch.setattr(loop, "call_later", at_once)
    state.set("list", "width", 1)
    state.set("list", "width", 2)
    assert delays == [SAVE_AFTER]
    assert not path.exists()
    while not path.exists():
        await asyncio.sleep(0)
    state.set("list", "width", 3)
    await state.close()
    assert State(path).get("list", "width", 0) == 3
