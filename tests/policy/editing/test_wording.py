"""Bodies as text: character sets, line ends and byte order marks stay."""

from __future__ import annotations

import codecs

import pytest

from soth_mitm.policy.editing.wording import worded


@pytest.mark.parametrize(
    ("data", "named", "text"),
    [
        (b"", b"", ""),
        ("grün\n".encode(), b"text/plain", "grün\n"),
        ("grün".encode("latin-1"), b"text/plain; charset=iso-8859-1", "grün"),
        (b"a\r\nb\r\n", b"text/plain", "a\nb\n"),
        (b"a\r\nb\n", b"text/plain", "a\r\nb\n"),
        (codecs.BOM_UTF8 + b"{}", b"application/json", "{}"),
        ("x".encode("utf-16"), b"text/plain", "x"),
    ],
)
def test_a_text_is_written_as_it_was_read(data: bytes, named: bytes, text: str) -> None:
    found = worded(data, named)
    assert found is not None
    assert found.text == text
    assert found.wording.write(found.text) == data


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\xff\xfa", b"text/plain"),
        (b"a\x00b", b"text/plain"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", b""),
        (b"\xe9", b"text/plain; charset=utf-8"),
    ],
)
def test_what_is_no_text_is_none(data: bytes, named: bytes) -> None:
    assert worded(data, named) is None


def test_a_character_that_the_set_has_not_is_named_with_its_line() -> None:
    found = worded(b"a\nb", b"text/plain; charset=latin-1")
    assert found is not None
    with pytest.raises(ValueError, match=r"line 2: iso8859-1 has no character U\+20AC"):
        found.wording.write("a\nb€")
