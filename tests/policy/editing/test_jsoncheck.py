"""JSON judged while it is typed."""

from __future__ import annotations

import json
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.policy.editing.checks import TextFault
from soth_mitm.policy.editing.jsoncheck import JsonCheck


def _fault(text: str, *, tokens: int = 1000) -> TextFault | None:
    check = JsonCheck(text)
    while not check.step(tokens):
        pass
    return check.fault


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False
    return True


@given(_VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_what_is_json_has_no_fault(value: object, ascii_only: bool, indent: int | None) -> None:
    assert _fault(json.dumps(value, ensure_ascii=ascii_only, indent=indent)) is None


@given(_VALUES, st.data())
def test_a_text_with_one_character_changed_is_judged_as_the_library_judges_it(
    value: object, data: st.DataObject
) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(
        st.sampled_from(["", "\n", '"', "\\", ",", "]", "}", "0", "-", ".", "e", "'", "\x07", "[", "{", ":"])
    )
    changed = text[:at] + put + text[at + data.draw(st.integers(0, 1)) :]
    fault = _fault(changed)
    assert (fault is None) == _is_json(changed)
    assert fault == _fault(changed, tokens=1)


@given(st.text(alphabet='[]{}",:\\ntu01-.e \n', max_size=12))
def test_short_texts_of_its_alphabet_are_judged_as_the_library_judges_them(text: str) -> None:
    assert (_fault(text) is None) == _is_json(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1:1: there is no value"),
        ("{'a': 1}", 'line 1:2: a name stands within "double quotes"'),
        ('{"a": 1,}', "line 1:8: nothing follows after this comma: take it away"),
        ("[1,\n 2,\n]", "line 2:3: nothing follows after this comma: take it away"),
        ('{"a" 1}', "line 1:6: after a name a colon is missing"),
        ('{\n "a": 1\n "b": 2}', "line 3:2: a comma or } is missing before this"),
        ("[01]", "line 1:2: this is no number of JSON"),
        ("[True]", 'line 1:2: this is no value: text stands within "double quotes"'),
        ("[NaN]", 'line 1:2: this is no value: text stands within "double quotes"'),
        ("['a']", 'line 1:2: text stands within "double quotes"'),
        ('{"a": }', "line 1:7: a value is missing here"),
        ("{} {}", "line 1:4: something follows after the value"),
        ('{"a": [1', "line 1:9: the text ends within a list: ] is missing"),
        ('{"a": 1', "line 1:8: the text ends within an object: } is missing"),
        ('["a', "line 1:2: the text that begins here has no end: a double quote is missing"),
        ('["a\nb"]', "line 1:4: a line ends within a text: a double quote is missing, or write \\n"),
        ('["\\x"]', "line 1:3: this backslash begins no escape of JSON: a backslash itself is \\\\"),
        ('["\x1b"]', "line 1:3: this character has to be written as \\u001b"),
        ("{1: 2}", "line 1:2: a name in double quotes is missing here"),
    ],
)
def test_a_fault_names_its_place_and_what_to_do(text: str, said: str) -> None:
    assert str(_fault(text)) == said


def test_spellings_of_numbers_and_duplicate_names_are_as_good_as_any() -> None:
    assert _fault('{"a": 1.0e+2, "a": 10000000000000000000000000000, "b": -0.0}') is None


def test_deep_nesting_is_no_deeper_for_the_one_who_checks() -> None:
    assert _fault("[" * 100_000 + "]" * 100_000) is None


def test_a_slice_reads_no_more_than_it_was_given() -> None:
    check = JsonCheck("[1, 2, 3]")
    assert not check.step(3)
    assert not check.done
    assert check.step(5)
