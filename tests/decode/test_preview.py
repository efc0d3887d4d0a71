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


@given(st.binary(max_size=300), st.integers(1, 80), st.booleans())
def test_any_bytes_give_one_line_that_a_terminal_does_not_obey(data: bytes, limit: int, whole: bool) -> None:
    text = preview(data, limit, whole=whole).text
    assert "\n" not in text
    assert all(char.isprintable() or char == " " for char in text)
    assert len(text) <= max(limit, 8) + 3 * 8 + 3
