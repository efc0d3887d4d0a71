"""JSON laid out as it comes: the same as all at once, every token kept, folds that fit."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.decode.flowing import Characters
from soth_mitm.decode.json_flow import JsonFlow, JsonView, NotJson

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=30,
)
separators = st.sampled_from([(",", ":"), (" , ", " :\n")])


def flowed(source: str, cuts: list[int]) -> tuple[str, JsonFlow]:
    flow = JsonFlow()
    out, at = "", 0
    for cut in sorted(cut % (len(source) + 1) for cut in cuts):
        out += flow.feed(source[at:cut], final=False)
        at = cut
    return out + flow.feed(source[at:], final=True), flow


@given(value=values, marks=separators, ascii_only=st.booleans(), cuts=st.lists(st.integers(0, 10_000)))
def test_pieces_give_what_the_whole_gives_and_no_token_changes(
    value: object, marks: tuple[str, str], ascii_only: bool, cuts: list[int]
) -> None:
    source = json.dumps(value, separators=marks, ensure_ascii=ascii_only)
    out, flow = flowed(source, cuts)
    assert _TOKEN.findall(out) == _TOKEN.findall(source)
    assert out == json.dumps(value, indent=2, ensure_ascii=ascii_only)
    lines = out.split("\n")
    folds = flow.folds
    opening = [at for at, line in enumerate(lines) if re.fullmatch(r' *("(?:[^"\\]|\\.)*": )?[{\[]', line)]
    assert list(folds.opens) == opening
    for first, last, count in zip(folds.opens, folds.ends, folds.counts, strict=True):
        inside = lines[first + 1 : last]
        indent = len(lines[last]) - len(lines[last].lstrip())
        assert lines[last].strip(" ,") == {"{": "}", "[": "]"}[lines[first][-1]]
        starts = [len(line) - len(line.lstrip()) == indent + 2 for line in inside]
        closers = [line.strip(" ,") in ("}", "]") for line in inside]
        assert count == sum(own and not closer for own, closer in zip(starts, closers, strict=True))


def test_duplicate_keys_large_numbers_and_escapes_stay_as_they_were_written() -> None:
    source = '{"a":1e400,"a":123456789012345678901234567890,"b":"\\u00e9\\/"}'
    assert flowed(source, [])[0].split("\n")[1:4] == [
        '  "a": 1e400,',
        '  "a": 123456789012345678901234567890,',
        '  "b": "\\u00e9\\/"',
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("[1 2]", "at line 1, column 4: expected ',' or ']'"),
        ("[1,\n 2 3]", "at line 2, column 4: expected ',' or ']'"),
        ('{"a": "é",\n\n  "b" 1}', "at line 3, column 7: expected ':' after the key"),
        ("{,}", "expected a key in double quotes or '}'"),
        ("{'a':1}", "at line 1, column 2: expected a key in double quotes or '}'"),
        ('{"a":1,}', "at line 1, column 8: expected a key in double quotes"),
        ('{"a":[1}', "at line 1, column 8: expected ',' or ']'"),
        ('{"a" 1}', "at line 1, column 6: expected ':' after the key"),
        ("[nope]", "at line 1, column 2: expected a value or ']'"),
        ("{} {}", "at line 1, column 4: expected nothing more"),
        ("[}", "expected a value or ']'"),
        ("[1]]", "expected nothing more"),
        ("[01]", "expected a value"),
        ("[1", "it ends too early"),
        ('["open', "it ends too early"),
        ("", "it ends too early"),
        ('["a\\u12', "it ends too early"),
        ('["a", "b\n"]', "at line 1, column 9: a control character in a string must be escaped"),
        ('["\\n\\u00e9\\q"]', "at line 1, column 11: JSON has no such escape"),
        ('["\\\\\\u12x"]', "at line 1, column 5: JSON has no such escape"),
    ],
)
def test_what_breaks_the_rules_is_told_with_its_place(source: str, words: str) -> None:
    for cut in range(len(source) + 1):
        with pytest.raises(NotJson, match=re.escape(words)):
            flowed(source, [cut])


def accepted(source: str) -> bool:
    """Say what the standard library's reader thinks, without the constants that JSON does not have."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(source, parse_constant=refuse)
    except ValueError:
        return False
    return True


@given(st.text(st.sampled_from(list('{}[]:," \n\t01-+.eEnulltrfasu/b\\\x00\x7f…'))))
@example('{"a":1,}')
@example('"\\u12"')
@example('"a\\')
@example('"\\\\u12"')
@example("01")
@example("-")
@example("1.")
@example("[1 2]")
@example("nullnull")
@example("truex")
@example("1e5.3")
def test_what_the_reader_of_the_standard_library_refuses_is_refused(source: str) -> None:
    try:
        JsonFlow().feed(source, final=True)
    except NotJson:
        assert not accepted(source)
    else:
        assert accepted(source)


def test_numbers_longer_than_python_reads_are_laid_out() -> None:
    number = "7" * 10_000
    assert flowed(f"[{number}]", [5, 70, 9000])[0] == f"[\n  {number}\n]"


@given(values, st.data())
def test_any_beginning_is_laid_out_as_far_as_it_goes(value: object, data: st.DataObject) -> None:
    source = json.dumps(value)
    cut = data.draw(st.integers(0, len(source)))
    text = JsonFlow().feed(source[:cut], final=False)
    assert json.dumps(value, indent=2).startswith(text.rstrip())


def test_depth_costs_neither_recursion_nor_the_square_of_the_time() -> None:
    depth = 100_000
    out, flow = flowed("[" * depth + "]" * depth, list(range(0, 2 * depth, 5000)))
    assert (out.count("["), out.count("]"), len(flow.folds)) == (depth, depth, depth - 1)


odd_json = st.text(st.sampled_from(list('{}[]:," \n\t01-+.eEnulltrfasu/b\\\x00\x7f…\ud800')), max_size=12)


def laid_out(source: str, *, folding: bool) -> str:
    view = JsonView(Characters(b"", b"", charset="utf-16-le"), folding=folding)
    try:
        return view.feed(source.encode("utf-16-le", "surrogatepass"), final=True)
    except NotJson as error:
        return f"refused: {error}"


@given(odd_json | st.builds(json.dumps, values, ensure_ascii=st.booleans(), indent=st.none() | st.just(1)))
@example("[" * 70 + "1" + "]" * 70)
@example("[" * 5000)
@example('["\\ud800", 1e400, 1e400]')
@example('{"a":1,"a":123456789012345678901234567890}')
@example("[1,\n 2 3]")
def test_what_is_laid_out_at_once_is_what_the_pieces_give(source: str) -> None:
    assert laid_out(source, folding=False) == laid_out(source, folding=True)
