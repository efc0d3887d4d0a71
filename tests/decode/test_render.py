"""Bodies become lines: chosen by type and looks, safe for a terminal, bounded, never an exception."""

from __future__ import annotations

import gzip
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode import Mode, Rendered, render
from soth_mitm.text import printable

ENCODINGS = [b"", b"gzip", b"br", b"zstd", b"deflate", b"nonsense"]
TYPES = [
    b"", b"application/json", b"text/html; charset=utf-16", b"text/plain; charset=idna", b"image/png",
    b"application/x-www-form-urlencoded", b"text/event-stream", b"application/octet-stream", b"\xff/\x1b",
]  # fmt: skip


def shown(rendered: Rendered) -> str:
    """Return the lines as one text."""
    return "\n".join(rendered.lines)


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        (b"application/json", b'{"a":1}', "json"),
        (b"application/problem+json; charset=utf-8", b"[]", "json"),
        (b"Application/JSON", b"1", "json"),
        (b"application/x-ndjson", b'{"a":1}\n{"a":2}\n', "jsonl"),
        (b"text/event-stream", b"data: {}\n\n", "sse"),
        (b"application/json-seq", b'\x1e{"a":1}\n', "jsonl"),
        (b"application/grpc", b"\0\0\0\0\2\x08\x01", "grpc"),
        (b"application/grpc-web+proto", b"\0\0\0\0\2\x08\x01", "grpc"),
        (b"application/connect+json", b"\0\0\0\0\2{}", "grpc"),
        (b"application/x-protobuf", b"\x08\x01", "protobuf"),
        (b"application/vnd.thing+proto", b"\x08\x01", "protobuf"),
        (b"", b"\x08\x01\x12\x03\xff\xfe\xfd", "protobuf"),
        (b"", b"\x08\x01\x12\x03\xff\xfe", "hex"),
        (b"multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n--x--", "multipart"),
        (b"text/html", b"<p>", "markup"),
        (b"image/svg+xml", b"<svg/>", "markup"),
        (b"application/x-www-form-urlencoded", b"a=1", "form"),
        (b"image/png", b"\x89PNG\r\n\x1a\n", "image"),
        (b"image/png", b"only text", "hex"),
        (b"", b'{"a": 1}', "json"),
        (b"", b"[1, 2]", "json"),
        (b"", b"[section]\nkey = 1", "text"),
        (b"", b"plain words", "text"),
        (b"", b"\x00\x01\x02", "hex"),
        (b"application/octet-stream", b"plain words", "text"),
        (b"application/vnd.thing", b'{"a": 1}', "json"),
        (b"text/plain", bytes(64), "hex"),
        (b"text/plain; charset=utf-16-le", "hi".encode("utf-16-le"), "text"),
        (b"text/plain; charset=utf-16", "hi".encode("utf-16-le"), "text"),
        (b"application/msgpack", b"\x01", "msgpack"),
        (b"application/vnd.thing+msgpack", b"\x01", "msgpack"),
        (b"application/octet-stream", b"\x82\xa1a\x01\xa1b\x02", "msgpack"),
        (b"application/octet-stream", b"\x82\xa1a\x01\xa1b", "hex"),
        (b"application/octet-stream", b"\x82\x01\x01\x02\x02", "hex"),
        (b"video/mp4", b"\x82\xa1a\x01\xa1b\x02", "hex"),
        (b"text/plain", b"", "empty"),
    ],
)
def test_the_kind_follows_the_type_and_the_looks(content_type: bytes, body: bytes, kind: str) -> None:
    assert render(body, content_type=content_type).kind == kind


def test_what_only_looks_decided_is_said() -> None:
    assert render(b'{"a":1}').notes == ("no type given: looks like JSON",)
    assert render(bytes(9), content_type=b"text/css").notes == (
        "said to be text/css, but holds binary bytes",
    )
    assert render(b'{"a":1}', content_type=b"application/json").notes == ()


def test_codings_are_undone_and_noted() -> None:
    body = gzip.compress(json.dumps({"words": ["word"] * 3000}).encode())
    rendered = render(body, content_type=b"application/json", content_encoding=b"gzip")
    assert rendered.kind == "json"
    assert rendered.lines[:3] == ["{", '  "words": [', '    "word",']
    assert rendered.notes[0].startswith("gzip ")
    assert rendered.notes[0].endswith(" → 24k")


def test_an_unfinished_body_is_shown_as_far_as_it_came() -> None:
    body = gzip.compress(json.dumps(list(range(5000))).encode())[:2000]
    rendered = render(body, content_type=b"application/json", content_encoding=b"gzip", complete=False)
    assert (rendered.kind, rendered.error, rendered.lines[:3]) == ("json", "", ["[", "  0,", "  1,"])


def test_a_finished_body_that_ends_too_early_says_so() -> None:
    body = gzip.compress(b"some words " * 500)
    rendered = render(body[:-9], content_type=b"text/plain", content_encoding=b"gzip")
    assert rendered.error == "gzip ends too early"
    assert render(b'{"a":', content_type=b"application/json").error == "not valid JSON: it ends too early"


def test_invalid_json_is_shown_as_it_is_with_the_place_of_the_error() -> None:
    rendered = render(b'{"a": 1,\n "b" 2}', content_type=b"application/json")
    assert rendered.kind == "text"
    assert rendered.lines == ['{"a": 1,', ' "b" 2}']
    assert rendered.error == "not valid JSON at line 2, column 6: expected ':' after the key"


def test_modes_show_the_same_body_in_other_ways() -> None:
    body = gzip.compress(b'{"a":1}')
    plain = {"content_type": b"text/plain", "content_encoding": b"gzip"}
    assert render(body, mode="raw", **plain).lines == ['{"a":1}']  # type: ignore[arg-type]
    assert render(body, mode="pretty", **plain).lines == ["{", '  "a": 1', "}"]  # type: ignore[arg-type]
    hexed = render(body, mode="hex", **plain)  # type: ignore[arg-type]
    assert hexed.lines[0].startswith("00000000  1f 8b 08 ")


def test_hex_lines_have_offset_bytes_and_ascii() -> None:
    assert render(bytes(range(0x20, 0x45)), mode="hex").lines == [
        "00000000  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|",
        "00000010  30 31 32 33 34 35 36 37  38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|",
        "00000020  40 41 42 43 44                                    |@ABCD|",
    ]


@pytest.mark.parametrize(
    ("content_type", "body", "text", "note"),
    [
        (b"text/plain", "größe".encode(), "größe", None),
        (b"text/plain", b"gr\xf6\xdfe", "größe", "not UTF-8: read as Latin-1"),
        (b"text/plain; charset=iso-8859-1", b"gr\xf6\xdfe", "größe", "iso-8859-1"),
        (b'text/plain; charset="koi8-r"', "привет".encode("koi8-r"), "привет", "koi8-r"),
        (b"text/plain", b"\xff\xfeh\x00i\x00", "hi", None),
        (b"text/plain; charset=nope", b"hi", "hi", "charset nope is not known: read as UTF-8"),
        (b"text/plain; charset=rot13", b"hi", "hi", "charset rot13 is not known: read as UTF-8"),
        (b"text/plain; charset=utf-8", b"a\xffb", "a�b", "not UTF-8 from byte 1 on"),
        (b"text/plain", b"caf\xe9", "café", "not UTF-8: read as Latin-1"),
    ],
)
def test_text_is_decoded_by_mark_parameter_or_looks(
    content_type: bytes, body: bytes, text: str, note: str | None
) -> None:
    rendered = render(body, content_type=content_type)
    assert rendered.lines == [text]
    assert rendered.notes == ((note,) if note else ())


def test_a_character_that_is_still_on_its_way_is_left_out() -> None:
    rendered = render("größe"[:3].encode()[:-1], content_type=b"text/plain", complete=False)
    assert (rendered.lines, rendered.notes) == (["gr"], ())


def test_forms_are_one_field_a_line() -> None:
    rendered = render(b"a=1&b=%1b%5b2J+x&c&&d=", content_type=b"application/x-www-form-urlencoded")
    assert rendered.lines == ["a = 1", "b = \\x1b[2J x", "c", "d = "]


def test_output_is_bounded_and_says_so() -> None:
    for body, mode in ((b"word " * 4000, "auto"), (b"word " * 4000, "hex"), (b"\n" * 20_000, "raw")):
        rendered = render(body, content_type=b"text/plain", mode=mode, max_output=1000)  # type: ignore[arg-type]
        assert rendered.truncated
        assert len(shown(rendered)) <= 5100
    deep = render(b'{"a":' * 4000, content_type=b"application/json", complete=False, max_output=1000)
    assert deep.truncated
    assert len(shown(deep)) < 1500


@given(
    st.binary(max_size=400),
    st.sampled_from(TYPES) | st.binary(max_size=20),
    st.sampled_from(ENCODINGS) | st.binary(max_size=10),
    st.sampled_from(get_args(Mode)),
    st.booleans(),
)
def test_nothing_raises_and_no_active_character_comes_out(
    body: bytes, content_type: bytes, coding: bytes, mode: Mode, complete: bool
) -> None:
    rendered = render(
        body,
        content_type=content_type,
        content_encoding=coding,
        mode=mode,
        complete=complete,
    )
    for text in (*rendered.lines, *(printable(note) for note in rendered.notes), rendered.error):
        assert printable(text) == text


@given(st.text(max_size=200), st.sampled_from([b"text/plain", b"application/json", b""]))
def test_text_with_terminal_controls_is_made_harmless(text: str, content_type: bytes) -> None:
    hostile = f'{{"k": "\x1b]52;c;aGk=\x07 \x9b2J \u202e {text}"}}'.encode("utf-8", "replace")
    for line in render(hostile, content_type=content_type).lines:
        assert printable(line) == line
