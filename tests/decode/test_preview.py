"""A payload on one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.preview import LINE_END, preview


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (b"", "empty", ""),
        (b'{\n  "a": [1, 2],\n  "b": "x y"\n}', "json", '{"a":[1,2],"b":"x y"}'),
        (b'  ["\\" { ", null ]', "json", '["\\" { ",null]'),
        (b"one\r\ntwo\n\tthree", "text", f"one{LINE_END}two{LINE_END} three"),
        (b"\x0a\x05hello\x10\x01", "bytes", "0a 05 68 65 6c 6c 6f 10  ..hello.."),
        ("価格は千円".encode(), "text", "価格は千円"),
        (b"[b] no JSON", "text", "[b] no JSON"),
    ],
)
def test_a_payload_is_one_line(data: bytes, kind: str, text: str) -> None:
    assert preview(data, 100) == (kind, text)


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (b"", "empty", ""),
        (b"\x0a\x05hello\x10\x01", "protobuf", '1: "hello", 2: 1'),
        (b"\x0a\x20" + b"0123456789abcdef" * 2, "protobuf", '1: "0123456789abcdef0123456789abcdef"'),
        (b"\x0a\x04c_77\x12\x07\x0a\x03p_1\x10\x02", "protobuf", '1: "c_77", 2: {1: "p_1", 2: 2}'),
        (b"\x0a\x02\xff\x00\x15\x00\x00\x80\x3f", "protobuf", "1: <2 bytes>, 2: 1.0"),
        (b'{"a": 1}', "json", '{"a":1}'),
        (b"\x07\x00\xff", "bytes", "07 00 ff  ..."),
        (b"\x0a\x09cut", "text", f"{LINE_END} cut"),
    ],
)
def test_a_message_of_a_call_is_its_fields_on_one_line(data: bytes, kind: str, text: str) -> None:
    assert preview(data, 100, call=True) == (kind, text)


def test_of_a_message_that_is_cut_the_fields_that_are_there_are_shown() -> None:
    data = b"\x08\x05\x12\x7f\x0a\x04c_77\x12\x70some text that goes"
    assert preview(data, 100, whole=False, call=True).text == '1: 5, 2: {1: "c_77", 2: "some text that goes"…'
    assert preview(b"\x0a\xe8\x07" + b"x" * 1000, 20, call=True).text == '1: "' + "x" * 15 + "…"


def test_what_is_cut_ends_in_an_ellipsis() -> None:
    assert preview(b"a" * 50, 20).text == "a" * 19 + "…"
    assert preview(b"abc", 20, whole=False).text == "abc…"
    assert preview(b'{"a": "' + b"x" * 5000, 30).text.endswith("…")
    assert preview(bytes(500), 60).text.endswith("…")


def test_a_character_that_is_cut_in_two_is_no_defect() -> None:
    data = ("a" + "é" * 500).encode()
    assert preview(data[:1000], 250, whole=False).text == "a" + "é" * 248 + "…"


def test_control_sequences_are_made_visible() -> None:
    assert preview(b"\x1b]52;c;aGk=\x07", 60).kind == "bytes"
    assert preview("a\u202eb\u0085".encode(), 60).text == "a\\u202eb\\x85"
    assert preview(b"\x1b[2Jx", 60).text.isprintable()


@given(st.binary(max_size=300), st.integers(1, 80), st.booleans(), st.booleans())
def test_any_bytes_give_one_line_that_a_terminal_does_not_obey(
    data: bytes, limit: int, whole: bool, call: bool
) -> None:
    text = preview(data, limit, whole=whole, call=call).text
    assert "\n" not in text
    assert all(char.isprintable() or char == " " for char in text)
    assert len(text) <= max(limit, 8) + 3 * 8 + 3
