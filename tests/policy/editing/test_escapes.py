"""Bytes as text that can be typed, and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.policy.editing.escapes import escaped, unescaped
from soth_mitm.text import printable

TRICKY = st.lists(
    st.sampled_from(
        [b"\\", b"x", b"4", b"n", b"\xff", b"\n", b"a", b"\xe2", "\N{RIGHT-TO-LEFT OVERRIDE}é".encode()]
    ),
    max_size=8,
).map(b"".join)


@settings(max_examples=80)
@given(st.one_of(TRICKY, st.binary(max_size=20)))
def test_any_bytes_come_back_as_they_were(value: bytes) -> None:
    text = escaped(value)
    assert unescaped(text) == value
    assert printable(text) == text, "a terminal acts upon nothing in it"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"application/json", "application/json"),
        ("Zürich".encode(), "Zürich"),
        (b"a\r\nb\tc", r"a\r\nb\tc"),
        (b"\xff\x00", r"\xff\x00"),
        (rb"C:\dir", r"C:\dir"),
        (rb"C:\new", r"C:\\new"),
        (b"\\\\", "\\\\\\"),
    ],
)
def test_what_needs_no_escape_has_none(value: bytes, text: str) -> None:
    assert escaped(value) == text


@pytest.mark.parametrize("text", ["\\", r"\q", r"\x4", r"50\%"])
def test_what_is_no_escape_stands_for_itself(text: str) -> None:
    assert unescaped(text) == text.encode()
