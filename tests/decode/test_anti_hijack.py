"""Prefixes that keep JSON from being run as a script."""

from __future__ import annotations

import pytest

from soth_mitm.decode import render
from soth_mitm.decode.anti_hijack import prefix_of


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        (b")]}'\n", "xssi_angular_prefix_lf"),
        (b")]}'\r\n", "xssi_angular_prefix_crlf"),
        (b")]}'", "xssi_angular_prefix"),
        (b")]}',\n", "xssi_angular_prefix"),
        (b"while(1);", "while_1_prefix"),
        (b"for(;;);", "for_ever_prefix_compact"),
        (b"for (;;);", "for_ever_prefix_spaced"),
        (b"\xef\xbb\xbf \n)]}'\n", "xssi_angular_prefix_lf"),
    ],
)
@pytest.mark.parametrize("kind", [b"application/json", b"text/javascript", b"text/plain", b""])
def test_a_prefix_is_told_and_left_out(prefix: bytes, name: str, kind: bytes) -> None:
    rendered = render(prefix + b' {"a": 1}', content_type=kind)
    assert (rendered.kind, rendered.lines, rendered.error) == ("json", ["{", '  "a": 1', "}"], "")
    assert any(note.startswith(f"anti_hijack_prefix:{name}, ") for note in rendered.notes)


def test_an_error_behind_a_prefix_has_its_place_in_the_body() -> None:
    rendered = render(b")]}'\n[1 2]", content_type=b"application/json")
    assert rendered.error == "not valid JSON at line 2, column 4: expected ',' or ']'"
    assert render(b"while(1);[1 2]", content_type=b"application/json").error.startswith(
        "not valid JSON at line 1, column 13"
    )


@pytest.mark.parametrize("text", [b"while(1);", b"while(1); x", b")]}'", b"for(;;){}", b"x)]}'\n{}"])
def test_what_no_json_follows_is_no_prefix(text: bytes) -> None:
    assert prefix_of(text) is None
