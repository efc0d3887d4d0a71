"""What a person says about a flow: judged when typed, made safe when read."""

from __future__ import annotations

import pytest

from soth_mitm.model.annotation import (
    COLOURS,
    COMMENT_LIMIT,
    MARK_CELLS,
    NOTHING,
    Annotation,
    AnnotationError,
    Annotations,
    cells,
    changed,
)
from soth_mitm.model.events import Annotated
from tests.helpers.streams import HOSTILE

SAID = Annotation("●", "first\nsecond", "red")


def test_none_leaves_a_part_and_an_empty_text_removes_it() -> None:
    assert changed(SAID) == SAID
    assert changed(SAID, mark="", colour="") == Annotation("", "first\nsecond", "")
    assert changed(SAID, comment="  new ") == Annotation("●", "new", "red")
    assert changed(SAID, mark="", comment="", colour="") == NOTHING
    assert NOTHING.empty
    assert SAID.line == "first second"


@pytest.mark.parametrize("mark", ["●", "!", "todo", "🐛", "❤\ufe0f", "確認", "x" * MARK_CELLS])
def test_a_sign_an_emoji_or_a_word_is_a_mark(mark: str) -> None:
    assert changed(NOTHING, mark=mark).mark == mark.replace("\ufe0f", "")


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        ("x" * (MARK_CELLS + 1), "17 cells wide"),
        ("確" * 9, "18 cells wide"),
        ("\x1b[31m", "do not print"),
        ("a\nb", "do not print"),
        ("\u202eabc", "do not print"),
    ],
)
def test_a_mark_that_is_too_wide_or_acts_is_refused(mark: str, why: str) -> None:
    with pytest.raises(AnnotationError, match=why):
        changed(NOTHING, mark=mark)


def test_a_comment_may_be_long_but_not_longer_than_that() -> None:
    assert len(changed(NOTHING, comment="x" * COMMENT_LIMIT).comment) == COMMENT_LIMIT
    with pytest.raises(AnnotationError, match=r"2,001 characters and may have 2,000"):
        changed(NOTHING, comment="x" * (COMMENT_LIMIT + 1))


def test_a_comment_keeps_its_lines_and_nothing_that_acts() -> None:
    assert changed(NOTHING, comment="a\r\n\tb\x1b[0m").comment == "a\n    b\\x1b[0m"


def test_a_colour_is_one_of_five() -> None:
    assert [changed(NOTHING, colour=name).colour for name in COLOURS] == list(COLOURS)
    with pytest.raises(AnnotationError, match="no colour teal to give; take red, yellow"):
        changed(NOTHING, colour="teal")


def test_what_a_foreign_file_says_is_cut_and_made_safe() -> None:
    said = Annotation.of(Annotated(HOSTILE * 3, HOSTILE * 200, "\x1b[5m"))
    assert cells(said.mark) <= MARK_CELLS
    assert all(char.isprintable() or char == "\n" for char in said.mark + said.comment)
    assert said.colour == ""
    assert cells(Annotation.of(Annotated("確" * 30)).mark) <= MARK_CELLS


def test_beyond_the_limit_a_person_is_refused_and_a_file_loses_its_oldest() -> None:
    said = Annotations(limit=2)
    assert [said.put(flow, SAID) for flow in (1, 2)] == [0, 0]
    said.check_room(2)
    with pytest.raises(AnnotationError, match="cannot annotate flow 3: 2 flows have"):
        said.check_room(3)
    assert said.put(3, SAID) == 1
    assert said.get(1) == NOTHING
    said.put(2, NOTHING)
    said.check_room(4)
