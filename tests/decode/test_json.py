"""JSON is laid out token by token: nothing but the white space changes."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.decode.json_check import extent
from soth_mitm.decode.json_view import lay_out

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def squeezed(text: str) -> str:
    """Remove the white space between tokens."""
    return "".join(re.findall(r'"(?:[^"\\]|\\.)*"?|[^\s"]+', text, re.DOTALL))


@given(values, st.sampled_from([None, 0, 1, 3]), st.booleans())
def test_a_layout_is_what_the_standard_library_writes(
    value: object, indent: int | None, escaped: bool
) -> None:
    source = json.dumps(value, indent=indent, ensure_ascii=escaped)
    laid_out = lay_out(source, limit=10**6)
    assert laid_out.text == json.dumps(value, indent=2, ensure_ascii=escaped)
    assert laid_out.finished


@given(values, st.data())
def test_any_beginning_is_laid_out_as_far_as_it_goes(value: object, data: st.DataObject) -> None:
    source = json.dumps(value)
    cut = data.draw(st.integers(0, len(source)))
    laid_out = lay_out(source[:cut], limit=10**6)
    assert laid_out.error == ""
    assert squeezed(laid_out.text) == squeezed(source[:cut])


def accepted(source: str) -> bool:
    """Say what the standard library's reader thinks, without the constants that JSON does not have."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(source, parse_constant=refuse)
    except ValueError:
        return False
    return True


@given(st.text(st.sampled_from(list('{}[]:,"\\ \n\t01-+.eEnulltrfasu/b\x00\x7f…'))))
@example('{"a":1,}')
@example("01")
@example("-")
@example("1.")
@example('"\\u12"')
@example("[1 2]")
@example("nullnull")
@example("truex")
@example("1e5.3")
def test_the_check_agrees_with_the_reader_of_the_standard_library(source: str) -> None:
    assert extent(source).finished == accepted(source)
    assert lay_out(source, limit=10**6).finished == accepted(source)


@pytest.mark.parametrize(
    ("source", "place", "expected"),
    [
        ('{"a" 1}', "line 1, column 6", "':' after the key"),
        ("[1,\n 2 3]", "line 2, column 4", "',' or ']'"),
        ('{"a":1,}', "line 1, column 8", "a key in double quotes"),
        ("{'a':1}", "line 1, column 2", "a key in double quotes or '}'"),
        ("[nope]", "line 1, column 2", "a value or ']'"),
        ('{"a":[1}', "line 1, column 8", "',' or ']'"),
        ("{} {}", "line 1, column 4", "nothing more"),
        ("]", "line 1, column 1", "a value"),
    ],
)
def test_an_error_says_where_and_what_was_expected(source: str, place: str, expected: str) -> None:
    assert lay_out(source, limit=99).error == f"not valid JSON at {place}: expected {expected}"


def test_huge_numbers_doubled_keys_and_the_order_of_keys_stay() -> None:
    source = '{"z":123456789012345678901234567890.10,"a":1E400,"z":-0.0,"b":[],"c":{},"d":[[],{}]}'
    assert lay_out(source, limit=999).text == (
        '{\n  "z": 123456789012345678901234567890.10,\n  "a": 1E400,\n  "z": -0.0,\n  "b": [],\n'
        '  "c": {},\n  "d": [\n    [],\n    {}\n  ]\n}'
    )


def test_numbers_longer_than_python_reads_are_laid_out() -> None:
    number = "7" * 10_000
    assert lay_out(f"[{number}]", limit=99_999).text == f"[\n  {number}\n]"


@pytest.mark.parametrize("deep", ["[" * 50_000, '{"a":' * 50_000, "[" * 50_000 + "]" * 50_000])
def test_depth_costs_no_recursion_and_output_stays_bounded(deep: str) -> None:
    laid_out = lay_out(deep, limit=100_000)
    assert laid_out.error == ""
    assert not laid_out.finished
    assert 100_000 < len(laid_out.text) < 110_000
