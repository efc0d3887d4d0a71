"""Which bodies are edited as a text, messages of calls, and how long a step takes."""

from __future__ import annotations

import base64
import gzip
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.about import About
from soth_mitm.decode.binary_tree import read_all
from soth_mitm.decode.protobuf.schema import schema_of
from soth_mitm.policy.editing.binary.codec import Texted, format_of, texted
from soth_mitm.policy.editing.binary.lexing import Misread
from tests.decode.shop import SET
from tests.decode.wire import frame, length, number

GRPC = About(b"application/grpc", path=b"/shop.Shop/Get", message_encoding=b"gzip")
THING = length(1, "cup") + number(2, 5)
PACKED = frame(gzip.compress(THING, mtime=7), 1)
"""Compressed as nothing here compresses."""


def call(data: bytes, about: About = GRPC) -> Texted:
    return texted(data, about, kind="grpc", schema=schema_of([SET]))


@given(
    st.lists(
        st.tuples(st.sampled_from((0, 1, 2, 3, 0x80, 0x81, 4)), st.binary(max_size=9), st.booleans()),
        max_size=3,
    ),
    st.binary(max_size=6),
)  # fmt: skip
def test_untouched_messages_keep_their_bytes(frames: list[tuple[int, bytes, bool]], rest: bytes) -> None:
    data = b"".join(frame(gzip.compress(each) if packed else each, flags) for flags, each, packed in frames)
    made = call(data + rest)
    assert not made.why
    assert read_all(made.codec.reading(made.text)) == data + rest


def test_messages_are_told_by_the_schema_and_carried_to_another_process() -> None:
    made: Texted = pickle.loads(pickle.dumps(call(frame(THING) + PACKED)))
    assert made.known == "shop.Thing"
    assert made.text.splitlines()[:4] == ["message {", '  name: "cup"', "  count: -3", "}"]
    assert "message compressed {" in made.text
    first, second = made.text.split("}\n")
    changed = read_all(made.codec.reading(f"{first.replace('cup', 'cups')}}}\n{second}"))
    assert changed == frame(length(1, "cups") + number(2, 5)) + PACKED
    changed = read_all(made.codec.reading(f"{first}}}\n{second.replace('-3', '3')}"))
    assert changed.startswith(frame(THING) + b"\x01")
    assert gzip.decompress(changed[len(frame(THING)) + 5 :]) == length(1, "cup") + number(2, 6)


def test_what_cannot_be_decompressed_stays_and_the_end_of_a_web_call_is_text() -> None:
    data = frame(b"???", 1) + frame(b"grpc-status:0\r\n", 0x80)
    made = call(data, GRPC._replace(message_encoding=b"snappy"))
    assert made.text == "message stored h'3f3f3f'\ntrailers \"grpc-status:0\\r\\n\""
    with pytest.raises(Misread, match="is not known here"):
        read_all(made.codec.reading("message compressed h'00'"))
    assert read_all(made.codec.reading('message stored "?"')) == frame(b"?", 1)


def test_messages_of_json_stand_as_they_were_written() -> None:
    data = frame(b'{"a": "}",\n "b": [1.50]}')
    made = call(data, About(b"application/connect+json"))
    assert made.text == 'message json {"a": "}",\n "b": [1.50]}'
    assert read_all(made.codec.reading(made.text.replace("1.50", "2"))) == frame(b'{"a": "}",\n "b": [2]}')
    with pytest.raises(Misread, match="after a name a colon is missing"):
        read_all(made.codec.reading('message json {"a" 1}'))


def test_base64_in_pieces_comes_back_as_it_was() -> None:
    frames = frame(THING)
    data = base64.b64encode(frames[:4]) + base64.b64encode(frames[4:])
    made = call(data, GRPC._replace(content_type=b"application/grpc-web-text"))
    assert read_all(made.codec.reading(made.text)) == data
    changed = read_all(made.codec.reading(made.text.replace("cup", "jug")))
    assert base64.b64decode(changed) == frames.replace(b"cup", b"jug")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1: 5", "a message begins with message, trailers or end"),
        ("message 5", "a message is { }"),
        ("message", "a message is { }"),
        ("message json 5", "after json { or [ is missing"),
        ("message json {", "the JSON that begins here has no end"),
        ("message { name: 5 }", "name is text"),
        ("message {", "the text ends before }"),
    ],
)
def test_a_fault_in_a_call_says_what(text: str, reason: str) -> None:
    with pytest.raises(Misread, match=re.escape(reason)):
        read_all(call(b"").codec.reading(text))


@pytest.mark.parametrize(
    ("data", "kind", "found"),
    [
        (b"\x81\xa1a\x01", b"", "msgpack"),
        (b"\x81\xa1a\x01", b"application/json", "msgpack"),
        (b"", b"application/x-msgpack", "msgpack"),
        (THING, b"application/x-protobuf", "protobuf"),
        (b"no such thing", b"application/x-protobuf", ""),
        (b'{"code": 5}', b"application/grpc", ""),
        (b"\x22\x21" + b"a" * 33, b"application/x-protobuf", "protobuf"),
        (frame(THING), b"application/grpc-web+proto", "grpc"),
        (b"\x89PNG\r\n\x1a\n", b"image/png", ""),
    ],
)
def test_the_format_follows_from_the_type_and_the_looks(data: bytes, kind: bytes, found: str) -> None:
    assert format_of(data, About(kind)) == found


@pytest.mark.parametrize(("kind", "data"), [("msgpack", b"\xc1"), ("protobuf", b"\x0f"), ("grpc", b"====")])
def test_what_has_no_text_says_why(kind: str, data: bytes) -> None:
    about = About(b"application/grpc-web-text") if kind == "grpc" else About()
    assert texted(data, about, kind=kind).why
