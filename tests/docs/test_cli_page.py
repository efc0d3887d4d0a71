"""docs/cli.md names every option that the parsers know, and none that they do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soth_mitm.cli import options

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def options_of(command: str, *, top: bool = False) -> set[str]:
    parser = options.build(command, top=top)
    return {name for action in parser._actions for name in action.option_strings}


def in_the_table() -> set[str]:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `-")]
    return {name for row in rows for name in re.findall(r"--?[a-z][a-z0-9-]*", row)}


def test_the_table_has_every_option_and_no_other() -> None:
    known = options_of("tui", top=True).union(*(options_of(name) for name in options.COMMANDS))
    assert in_the_table() == known


@pytest.mark.parametrize("command", options.COMMANDS)
def test_each_command_is_described(command: str) -> None:
    assert f"soth-mitm {command}" in PAGE or f"soth-mitm [{command}]" in PAGE
