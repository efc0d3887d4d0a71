"""Protocol Buffers as a text that is edited, with and without a schema."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.decode.binary_tree import read_all
from soth_mitm.decode.protobuf.schema import Schema, schema_of
from soth_mitm.policy.editing.binary.lexing import Misread, Unwritable
from soth_mitm.policy.editing.binary.proto_reading import read_message
from soth_mitm.policy.editing.binary.proto_text import write_message
from tests.decode.shop import SET
from tests.decode.wire import fixed32, fixed64, group, length, number, varint

SHOP: Schema = schema_of([SET])
THING = SHOP.messages["shop.Thing"]


def written(data: bytes, *, known: bool = False) -> str:
    return read_all(write_message(data, THING if known else None, SHOP if known else None))


def read(text: str, *, known: bool = False) -> bytes:
    return read_all(read_message(text, THING if known else None, SHOP if known else None))


NUMBERS = st.sampled_from((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 100, 5000))
BITS = st.sampled_from((0, 1, 2, 300, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1)) | st.integers(0, (1 << 64) - 1)
LEAVES = st.one_of(
    st.tuples(NUMBERS, BITS).map(lambda made: number(*made)),
    st.tuples(NUMBERS, BITS).map(lambda made: fixed64(*made)),
    st.tuples(NUMBERS, st.integers(0, 0xFFFFFFFF)).map(lambda made: fixed32(*made)),
    st.tuples(NUMBERS, st.text(max_size=6) | st.binary(max_size=9)).map(lambda made: length(*made)),
    st.just(b"\x88\x00\x05"),
    st.just(b"\x08\x85\x80\x00"),
    st.just(b"\x0a\x82\x80\x00ab"),
    st.just(length(9, b"\x01\x02\x96\x01")),
)
FIELDS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(NUMBERS, st.lists(inner, max_size=3).map(b"".join)).map(lambda made: length(*made)),
        st.tuples(NUMBERS, st.lists(inner, max_size=3).map(b"".join)).map(lambda made: group(*made)),
    ),
    max_leaves=8,
)


@given(st.lists(FIELDS, max_size=4).map(b"".join), st.booleans())
@example(fixed64(4, float("nan")) + b"\x21\x01\x00\x00\x00\x00\x00\xf8\x7f", True)
@example(number(6, 2) + number(7, 9) + number(3, -1), True)
def test_an_untouched_text_gives_the_same_bytes(data: bytes, known: bool) -> None:
    assert read(written(data, known=known), known=known) == data


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_give_a_text_of_their_own_or_a_reason(data: bytes, known: bool) -> None:
    why, text = "", ""
    try:
        text = written(data, known=known)
    except Unwritable as error:
        why = str(error)
    assert why or read(text, known=known) == data


@given(st.text(max_size=40), st.booleans())
def test_any_text_is_read_or_has_a_fault_with_a_place(text: str, known: bool) -> None:
    fault = None
    try:
        read(text, known=known)
    except Misread as error:
        fault = error.fault(text)
    assert fault is None or (0 <= fault.offset <= len(text) and fault.reason)


@given(before=FIELDS, after=FIELDS, value=BITS, other=BITS)
def test_a_leaf_that_is_changed_changes_only_itself_and_the_lengths_around(
    before: bytes, after: bytes, value: int, other: int
) -> None:
    def made(leaf: int) -> bytes:
        inside = b"\x0a\x03abc" + number(77, leaf) + after
        return before + b"\xc2\x3e" + varint(len(inside)) + inside  # field 1000

    text = written(made(value))
    front, behind = text.split(f"\n  77: {value}", 1)
    assert read(f"{front}\n  77: {other}{behind}") == made(other)


def test_what_a_text_looks_like_without_a_schema() -> None:
    data = (
        length(1, "c_77") + length(2, length(1, "p_17") + number(2, 3)) + fixed32(3, 1.5) + fixed64(4, 7)
        + length(5, b"\x00\xff") + group(6, number(1, 1)) + b"\x38\x85\x80\x00" + b"\x88\x00\x05"
    )  # fmt: skip
    assert written(data).splitlines() == [
        '1: "c_77"', "2 {", '  1: "p_17"', "  2: 3", "}", "3: float 1.5", "4: fixed64 7", "5: h'00ff'",
        "6 group {", "  1: 1", "}", "7: wide3 5", "raw h'880005'",
    ]  # fmt: skip


def test_what_a_text_looks_like_with_a_schema() -> None:
    data = (
        length(1, "cup") + number(2, 5) + number(3, -7) + fixed64(4, 0.5) + number(6, 1) + number(7, 1)
        + length(8, length(1, "lid")) + length(9, b"\x01\x02") + number(9, 3) + length(12, b"\x01")
        + number(6, 2) + number(1, 4) + number(99, 1) + length(14, b"")
    )  # fmt: skip
    text = written(data, known=True)
    assert text.splitlines() == [
        'name: "cup"', "count: -3", "big: -7", "ratio: 0.5", "on: true", "colour: RED", "inner {",
        '  name: "lid"', "}", "packed: [1, 2]", "packed: 3", "raw: h'01'", "6: 2", "1: 4", "99: 1",
        "ratios: []",
    ]  # fmt: skip
    changed = text.replace("count: -3", "count: 3").replace("RED", "ODD").replace("[1, 2]", "[1, 300]")
    changed = changed.replace('"lid"', '"lids"')
    assert read(changed, known=True) == (
        length(1, "cup") + number(2, 6) + number(3, -7) + fixed64(4, 0.5) + number(6, 1) + number(7, -1)
        + length(8, length(1, "lids")) + length(9, b"\x01\xac\x02") + number(9, 3) + length(12, b"\x01")
        + number(6, 2) + number(1, 4) + number(99, 1) + length(14, b"")
    )  # fmt: skip


def test_many_packed_numbers_have_a_line_each_and_a_deep_message_is_bytes() -> None:
    text = written(length(9, bytes(range(20))), known=True)
    assert text.splitlines()[:2] == ["packed: [", "  0,"]
    assert read(text, known=True) == length(9, bytes(range(20)))
    deep = b"\x08\x01"
    for _ in range(120):
        deep = length(1, deep)
    assert read(written(deep)) == deep


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("1: -1, 2: true", "08" + "ff" * 9 + "01" "1001"),
        ("1: sint -2 2: fixed32 1".replace(" 2:", "\n2:"), "0803" "1501000000"),
        ("1: sfixed64 -1\n3: [1, 300]\n4: [double 0.5]",
         "09" + "ff" * 8 + "1a0301ac02" "2208000000000000e03f"),
        ("1 {}\n2 wide3 { 1: 1 }", "0a00" "12828000" "0801"),
        ("1: wide4 \"a\" # a note\n1: 0x10", "0a8180800061" "0810"),
    ],
)  # fmt: skip
def test_a_text_of_ones_own_is_written(text: str, data: str) -> None:
    assert read(text).hex() == data


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: 5", "line 1:1: no name is known here: a field can be given by its number"),
        ("0: 5", "line 1:1: fields have numbers from 1 to 536,870,911"),
        ("1 5", "line 1:3: after the field a colon, or {, is missing"),
        ("1: 5 2: 3", "line 1:6: a comma, or a new line, is missing before this"),
        ("1: 1.5", "line 1:4: this is no whole number: write double or float before it"),
        ("1: float x", "line 1:10: this is no number"),
        ("1: float 1e99", "line 1:10: too large for float"),
        ("1: fixed32 5000000000", "line 1:12: this does not fit fixed32"),
        ("1: abc", 'line 1:4: this is no value: text stands within "double quotes"'),
        ("1:", "line 1:3: a value is missing here: a number, \"text\", h'...' or { }"),
        ("1 {", "line 1:4: the text ends before }"),
        ("}", "line 1:1: there is no open { to this"),
        ("1: [\"a\"]", "line 1:5: a value is missing here: a number, \"text\", h'...' or { }"),
        ("1 group 5", "line 1:9: after group { is missing"),
        ("1: wide11 5", "line 1:4: a number takes from 1 to 10 bytes"),
        (", 1: 5", "line 1:1: a field is missing before this comma"),
        ('"a": 5', "line 1:1: a field begins with its name or its number"),
        ("1 {" * 101, "line 1:301: nested deeper than 100 levels"),
    ],
)  # fmt: skip
def test_a_fault_says_where_and_what(text: str, fault: str) -> None:
    with pytest.raises(Misread) as caught:
        read(text)
    assert str(caught.value.fault(text)) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nome: 5", "line 1:1: shop.Thing has no field of this name: a field can be given by its number"),
        ("count: 3000000000", "line 1:8: this does not fit sint32"),
        ('count: "3"', "line 1:8: count is a number"),
        ("name: 3", 'line 1:7: name is text: it stands within "double quotes"'),
        ("colour: BLUE", "line 1:9: Colour has no value of this name"),
        ("on: 2", "line 1:5: this is true or false"),
        ("on: maybe", "line 1:5: this is true or false"),
        ("name {", "line 1:6: name is no message"),
        ("name: []", "line 1:7: only numbers stand in [ ]: name is written once for each value"),
        ("inner: 3", "line 1:8: inner is a message: { }"),
        ("raw: 3", "line 1:6: raw is bytes: h'...'"),
    ],
)
def test_a_fault_by_the_schema_says_where_and_what(text: str, fault: str) -> None:
    with pytest.raises(Misread) as caught:
        read(text, known=True)
    assert str(caught.value.fault(text)) == fault


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("0a05", "byte 0: the bytes end inside a field"),
        ("08", "byte 0: the bytes end inside a field"),
        ("0f", "byte 0: no field has the wire type 7"),
        ("0b", "byte 1: group 1 has no end"),
        ("0c", "byte 0: group 1 ends, which is not open"),
        ("0b" * 101, "byte 100: nested deeper than 100 levels"),
    ],
)
def test_bytes_without_a_text_say_why(data: str, why: str) -> None:
    with pytest.raises(Unwritable, match=why):
        written(bytes.fromhex(data))
