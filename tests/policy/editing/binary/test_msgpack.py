"""MessagePack as a text that is edited."""

from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.decode.binary_tree import read_all
from soth_mitm.policy.editing.binary.lexing import Misread, Unwritable
from soth_mitm.policy.editing.binary.msgpack_reading import read_msgpack
from soth_mitm.policy.editing.binary.msgpack_text import write_msgpack


def written(data: bytes) -> str:
    return read_all(write_msgpack(data))


def read(text: str) -> bytes:
    return read_all(read_msgpack(text))


def _sized(first: int, form: str) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=40).map(lambda data: struct.pack(form, first, len(data)) + data)


def _number(first: int, size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size).map(lambda data: bytes((first,)) + data)


SCALARS = st.one_of(
    st.integers(0, 0x7F).map(lambda value: bytes((value,))),
    st.integers(0xE0, 0xFF).map(lambda value: bytes((value,))),
    st.sampled_from((b"\xc0", b"\xc2", b"\xc3")),
    st.binary(min_size=4, max_size=4).map(lambda data: b"\xca" + data),
    st.binary(min_size=8, max_size=8).map(lambda data: b"\xcb" + data),
    *map(_number, range(0xCC, 0xD4), (1, 2, 4, 8) * 2),
    st.text(max_size=9).map(lambda text: msgspec.msgpack.encode(text)),
    *map(_sized, (0xD9, 0xDA, 0xDB, 0xC4, 0xC5), (">BB", ">BH", ">BI", ">BB", ">BH")),
    st.binary(min_size=5, max_size=5).map(lambda data: b"\xd6\xff" + data[1:]),
    st.binary(min_size=12, max_size=12).map(lambda data: b"\xc7\x0c\xff" + data),
    st.binary(min_size=3, max_size=3).map(lambda data: b"\xc8\x00\x02" + data),
)  # fmt: skip


def _around(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    many = st.lists(inner, max_size=4)
    arrays = st.tuples(many, st.sampled_from((">x", ">BH", ">BI")))
    pairs = st.lists(st.tuples(inner, inner).map(b"".join), max_size=3)

    def array(made: tuple[list[bytes], str]) -> bytes:
        items, form = made
        head = {">BH": 0xDC, ">BI": 0xDD}.get(form)
        begin = struct.pack(form, head, len(items)) if head else bytes((0x90 | len(items),))
        return begin + b"".join(items)

    maps = pairs.map(lambda items: bytes((0x80 | len(items),)) + b"".join(items))
    wide = pairs.map(lambda items: struct.pack(">BH", 0xDE, len(items)) + b"".join(items))
    return arrays.map(array) | maps | wide


VALUES = st.recursive(SCALARS, _around, max_leaves=12)


@given(st.lists(VALUES, max_size=3).map(b"".join))
@example(b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01\xcb\x80" + bytes(7))
@example(b"\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff")
def test_an_untouched_text_gives_the_same_bytes(data: bytes) -> None:
    assert read(written(data)) == data


@given(st.binary(max_size=60))
def test_any_bytes_give_a_text_of_their_own_or_a_reason(data: bytes) -> None:
    why, text = "", ""
    try:
        text = written(data)
    except Unwritable as error:
        why = str(error)
    assert why or read(text) == data


@given(st.text(max_size=60))
def test_any_text_is_read_or_has_a_fault_with_a_place(text: str) -> None:
    fault, data = None, b""
    try:
        data = read(text)
    except Misread as error:
        fault = error.fault(text)
    if fault is None:
        assert read(written(data)) == data
    else:
        assert 0 <= fault.offset <= len(text)
        assert fault.reason


@given(before=VALUES, value=st.integers(0, 0xFFFF), other=st.integers(0, 0xFFFF), after=VALUES)
def test_a_leaf_that_is_changed_changes_nothing_else(
    before: bytes, value: int, other: int, after: bytes
) -> None:
    def made(leaf: int) -> bytes:
        return b"\x93" + before + struct.pack(">BH", 0xCD, leaf) + after

    text = written(made(value))
    front = written(b"\x91" + before)[:-2]
    usual = value > 0xFF
    line = f",\n  {value}" if usual else f",\n  uint16 {value}"
    at = len(front)
    assert text[at:].startswith(line)
    changed = text[:at] + f",\n  uint16 {other}" + text[at + len(line) :]
    assert read(changed) == made(other)


def test_what_a_text_looks_like() -> None:
    data = bytes.fromhex("83a161cd0001c40201ff93ca3fc00000c7030501020380d6ff00000000920203")
    assert written(data) == (
        "{\n  \"a\": uint16 1,\n  h'01ff': [\n    float32 1.5,\n    ext 5 h'010203',\n    {}\n  ],\n"
        '  timestamp "1970-01-01T00:00:00Z": [\n    2,\n    3\n  ]\n}'
    )


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("0x10, -33\n1.0", "10d0dfcb3ff0000000000000"),
        ('[1, 2,]\n{"a": 1,}', "92010281a16101"),
        ("str16 \"a\" # a note\nstr h'ff'", "da000161a1ff"),
        ("map32 {}\narray16 [null]", "df00000000dc0001c0"),
        ('timestamp "2600-01-01T00:00:00.5Z"', "c70cff1dcd650000000004a0fe7280"),
        ("", ""),
    ],
)
def test_a_text_of_ones_own_is_written(text: str, data: str) -> None:
    assert read(text).hex() == data


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a" 1}', "line 1:6: after a name a colon is missing"),
        ('{"a": }', "line 1:7: a value is missing before this"),
        ("[1 5]", "line 1:4: a comma, or a new line, is missing before this"),
        ("[1,\n,]", "line 2:1: a value is missing before this comma"),
        ("[1, 2", "line 1:6: the text ends before ]"),
        ("1]", "line 1:2: there is no open [ to this"),
        ("[: 1]", "line 1:2: names are in maps { }"),
        ("uint8 256", "line 1:7: this does not fit uint8"),
        ("int8", "line 1:5: after int8 a whole number is missing"),
        ("99999999999999999999", "line 1:1: this does not fit into 64 bits"),
        ("float32 1e99", "line 1:9: too large for float32"),
        ("float64 h'00'", "line 1:9: float64 has 8 bytes, this is 1"),
        ("float32", "line 1:8: after float32 a number is missing"),
        ("yes", 'line 1:1: this is no value: text stands within "double quotes"'),
        ("ext 200 h''", "line 1:5: the type of an extension is from -128 to 127"),
        ("bin 5", "line 1:5: after bin h'...' is missing"),
        ("h'0'", "line 1:1: a digit is missing: each byte has two"),
        ("h'0x'", "line 1:1: bytes are digits 0-9 and a-f within h'...'"),
        ('"abc', "line 1:1: the text that begins here has no end on its line: a double quote is missing"),
        ('"\\d"', "line 1:2: this backslash begins no escape: a backslash is \\\\"),
        ('"\\ud800"', "line 1:1: this text holds half of a character (a lone surrogate)"),
        ("'a'", "line 1:1: text stands within \"double quotes\", bytes within h'...'"),
        ("1\n?", "line 2:1: this stands for nothing here"),
        ('timestamp "today"',
         "line 1:11: this is no moment: it reads 2026-12-31T23:59:59Z, with up to 9 decimals"),
        ("[" * 101, "line 1:101: nested deeper than 100 levels"),
        (f'str8 "{"a" * 256}"', "line 1:6: str8 has no room for 256 bytes"),
    ],
)  # fmt: skip
def test_a_fault_says_where_and_what(text: str, fault: str) -> None:
    with pytest.raises(Misread) as caught:
        read(text)
    assert str(caught.value.fault(text)) == fault


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("92", "the bytes end inside an array or a map"),
        ("a5616263", "byte 1: the bytes end inside a value"),
        ("01c1", "byte 1: 0xc1 is never used"),
        ("91" * 101 + "01", "byte 100: nested deeper than 100 levels"),
    ],
)
def test_bytes_without_a_text_say_why(data: str, why: str) -> None:
    with pytest.raises(Unwritable, match=why):
        written(bytes.fromhex(data))
