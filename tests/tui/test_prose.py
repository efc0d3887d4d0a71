"""Lines of a conversation: what they are coloured as, and where they break."""

from __future__ import annotations

import pytest

from soth_mitm.text import printable
from soth_mitm_tui.prose import hang, prose_tint
from soth_mitm_tui.viewers.content import plain, tinted
from soth_mitm_tui.viewers.wrap import break_points


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("# stopped: stop", [("# stopped: stop", "muted")]),
        ("● assistant · tool use · f", [("● assistant", "heading"), (" · tool use · f", "accent")]),
        ("● user", [("● user", "heading")]),
        ("  ┆ Hm, 7.", [("  ┆ Hm, 7.", "muted")]),
        ("  In 2026, note: done.", [("  In 2026, note: done.", "text")]),
        ("  ## Plan", [("  ## Plan", "strong")]),
        ("  a **b** `c`", [("  a ", "text"), ("**b**", "strong"), (" ", "text"), ("`c`", "string")]),
        ("", [("", "text")]),
    ],
)
def test_a_line_has_the_colours_of_what_it_is(text: str, spans: list[tuple[str, str]]) -> None:
    assert list(prose_tint(text)) == spans


def test_the_arguments_of_tools_are_coloured_as_json_and_quotations_are_not() -> None:
    assert ('"city"', "key") in prose_tint('    "city": "Paris",')
    assert ('"Paris"', "string") in prose_tint('    "Paris",')
    assert list(prose_tint('  "Paris" is a city.')) == [('  "Paris" is a city.', "text")]


@pytest.mark.parametrize(
    ("text", "cells"), [("  x", 2), ("  - x", 4), ("  12. x", 6), ("  ┆ x", 4), ("-x", 0)]
)
def test_what_goes_on_below_stands_under_its_text(text: str, cells: int) -> None:
    assert hang(text) == cells


def test_prose_breaks_between_words_and_other_lines_where_they_are_full() -> None:
    text = printable("  - one two three four")
    line = tinted(text, prose_tint)
    assert (line.words, line.indent) == (True, 6)
    rows = break_points(line.text, 16, line.indent, words=line.words)
    assert [line.text[at:] for at in rows] == ["    - one two three four", "three four"]
    assert not tinted(text, plain).words
