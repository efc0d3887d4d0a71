"""A text that is edited, and JSON on one line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.policy.editing.oneline import Writer, laid_out
from soth_mitm_tui.editing.buffer import Buffer, Spot

STEPS = st.lists(
    st.sampled_from(
        ["type", "lines", "new", "left", "select", "delete", "back", "word", "line", "rest", "up", "put"]
    ),
    max_size=12,
)


def do(buffer: Buffer, step: str) -> None:
    match step:
        case "type":
            buffer.type("é")
        case "lines":
            buffer.type("a\n{")
        case "new":
            buffer.new_line()
        case "left":
            buffer.step(-1)
        case "select":
            buffer.step(-1, select=True)
        case "delete":
            buffer.delete(1)
        case "back":
            buffer.delete(-1)
        case "word":
            buffer.delete(-1, word=True)
        case "line":
            buffer.delete_line()
        case "rest":
            buffer.delete_line(rest=True)
        case "up":
            buffer.up(1)
        case _:
            buffer.put("x\ny")


@settings(max_examples=80)
@given(STEPS)
def test_all_steps_back_give_the_first_text_and_all_forth_the_last(steps: list[str]) -> None:
    buffer = Buffer("one two\n  three {\n")
    buffer.go(Spot(1, 4))
    for step in steps:
        do(buffer, step)
        line, column = buffer.cursor
        assert 0 <= column <= len(buffer.lines[line])
    last = buffer.text
    while buffer.undo():
        pass
    assert buffer.text == "one two\n  three {\n"
    while buffer.redo():
        pass
    assert buffer.text == last


def test_what_is_typed_is_one_step() -> None:
    buffer = Buffer("")
    for char in "abc":
        buffer.type(char)
    buffer.undo()
    assert buffer.text == ""


def test_a_new_line_is_indented_and_deeper_behind_a_bracket() -> None:
    buffer = Buffer("  {")
    buffer.go(buffer.end)
    buffer.new_line()
    assert buffer.text == "  {\n    "


def test_the_selection_is_replaced_by_what_is_typed() -> None:
    buffer = Buffer("one two")
    buffer.word(1, select=True)
    assert buffer.selected_text == "one"
    buffer.type("1")
    assert buffer.text == "1 two"
    buffer.select_all()
    buffer.delete(-1)
    assert buffer.text == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a":1.0,"b":[],"c":[1,{}]}', '{\n  "a": 1.0,\n  "b": [],\n  "c": [\n    1,\n    {}\n  ]\n}'),
        ('{"a": "x: [1,\\"2", "b": 1E5}', '{\n  "a": "x: [1,\\"2",\n  "b": 1E5\n}'),
        ("[1, 2, 3]", "[\n  1,\n  2,\n  3\n]"),
    ],
)
def test_json_on_one_line_is_laid_out_and_written_as_it_was(text: str, shown: str) -> None:
    made = laid_out(text)
    assert made.style is not None
    assert made.text == shown
    assert made.style.write(shown) == text
    writer = Writer(made.style)
    assert writer.write(shown.split("\n")) == text
    assert writer.write(shown.replace("1", "2").split("\n")) == text.replace("1", "2")


@pytest.mark.parametrize("text", ["", "1", '{"a":1, "b":2}', '{\n"a":1}', "plain, text: [here]"])
def test_what_is_written_in_no_usual_way_is_left_as_it_is(text: str) -> None:
    assert laid_out(text).style is None
