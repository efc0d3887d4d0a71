"""Streams of messages and bodies in parts: each message laid out by itself."""

from __future__ import annotations

import base64
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode import render
from soth_mitm.decode.about import About
from soth_mitm.decode.registry import DECODERS, Given
from soth_mitm.decode.views import View
from tests.decode.feeding import cut_at, outcome
from tests.decode.wire import frame, length, number

GRPC = About(b"application/grpc", path=b"/a.B/C", message_encoding=b"gzip")
SAMPLES = {
    "application/grpc": frame(number(1, 5) + length(2, "x")) + frame(gzip.compress(number(1, 7), mtime=0), 1),
    "application/grpc-web": frame(number(1, 5)) + frame(b"grpc-status: 5\r\ngrpc-message: no\r\n", 0x80),
    "application/grpc-web-text": base64.b64encode(frame(number(1, 5))) + base64.b64encode(frame(b"x", 0x80)),
    "application/connect+json": frame(b'{"a":1}') + frame(b'{"metadata":{}}', 2),
    "text/event-stream": b': hi\n\nevent: x\nid: 3\ndata: {"a": [1]}\n\ndata: [DONE]\n\n',
    "application/x-ndjson": b'{"a":1}\n[1,{"b":2}]\nnot json\n"x"\n{"c":',
    "application/json-seq": b'\x1e{"a":1}\n\x1e[1]\n',
    "multipart/form-data; boundary=B": (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="x.json"\r\n'
        b"Content-Type: application/json\r\nX-Y: z\r\n\r\n" + b'{"a":{"b":1}}\r\n--B--\r\n'
    ),
}


def view_of(content_type: str, beginning: bytes) -> View:
    """Return the view that the registry makes for a type."""
    from soth_mitm.decode.registry import choose

    about = GRPC._replace(content_type=content_type.encode())
    make = choose(beginning, about, whole=False).decoder.make
    assert make is not None
    return make(Given(about, beginning))


@pytest.mark.parametrize("content_type", SAMPLES)
@given(cuts=st.lists(st.integers(0, 1000), max_size=4), stop=st.integers(0, 1000), ended=st.booleans())
def test_pieces_give_what_the_whole_gives(content_type: str, cuts: list[int], stop: int, ended: bool) -> None:
    sample = SAMPLES[content_type]
    data = sample[: len(sample) - stop % len(sample)]

    def make() -> View:
        return view_of(content_type, sample)

    assert outcome(make, cut_at(data, cuts), ended=ended) == outcome(make, [data], ended=ended)


@pytest.mark.parametrize("name", ["grpc", "sse", "jsonl", "multipart", "msgpack", "protobuf"])
@given(data=st.binary(max_size=300) | st.sampled_from(list(SAMPLES.values())), ended=st.booleans())
def test_any_bytes_are_shown_by_any_decoder(name: str, data: bytes, ended: bool) -> None:
    make = DECODERS[name].make
    assert make is not None

    def made() -> View:
        return make(Given(About(), data))

    outcome(made, [data], ended=ended)


def shown(content_type: str, data: bytes, **known: object) -> list[str]:
    """Return the lines of a body."""
    return list(render(data, about=About(content_type.encode(), **known)).lines)  # type: ignore[arg-type]


def test_messages_of_grpc_are_decompressed_and_read_as_fields() -> None:
    assert shown("application/grpc", SAMPLES["application/grpc"], message_encoding=b"gzip") == [
        "● message 1 · 5 bytes",
        "  {",
        "    1: 5,  # sint -3",
        '    2: "x"',
        "  }",
        "● message 2 · 22 bytes · gzip",
        "  {",
        "    1: 7  # sint -4",
        "  }",
    ]


def test_a_message_that_is_not_compressed_as_it_says_is_shown_and_told() -> None:
    body = frame(b"\x08\x01", 1)
    assert shown("application/grpc", body, message_encoding=b"gzip")[0].startswith(
        "● message 1 · 2 bytes · gzip  # not gzip, or no longer"
    )


def test_a_bomb_in_a_message_is_cut_off() -> None:
    import zlib

    bomb = frame(zlib.compress(bytes(40_000_000)), 1)
    rendered = render(bomb, about=About(b"application/grpc", message_encoding=b"deflate"))
    assert "decompress" in rendered.lines[0] or "gave more than" in rendered.lines[0]


def test_trailers_and_ends_of_streams_have_their_words() -> None:
    assert shown("application/grpc-web", SAMPLES["application/grpc-web"])[-3:] == [
        "● message 2 · trailers · 5 no · 34 bytes",
        "  grpc-status: 5",
        "  grpc-message: no",
    ]
    assert shown("application/connect+json", SAMPLES["application/connect+json"])[3:] == [
        "  }",
        "● message 2 · end · 15 bytes",
        "  {",
        '    "metadata": {}',
        "  }",
    ]
    assert (
        shown("application/grpc-web-text", SAMPLES["application/grpc-web-text"])[2] == "    1: 5  # sint -3"
    )


def test_events_are_laid_out_and_comments_are_none() -> None:
    assert shown("text/event-stream", SAMPLES["text/event-stream"] + b"data: cut") == [
        "● event 1 · x · id 3",
        "  {",
        '    "a": [',
        "      1",
        "    ]",
        "  }",
        "● event 2",
        "  [DONE]",
        "# the last 9 bytes are no whole event, which clients pass over",
    ]


def test_each_line_of_json_is_a_value_of_its_own_and_says_what_is_wrong_with_it() -> None:
    assert shown("application/x-ndjson", SAMPLES["application/x-ndjson"]) == [
        "{",
        '  "a": 1',
        "}",
        "[",
        "  1,",
        "  {",
        '    "b": 2',
        "  }",
        "]",
        "not json  # not valid JSON at line 1, column 1: expected a value",
        '"x"',
        '{"c":  # not valid JSON: it ends too early',
    ]
    assert shown("application/json-seq", SAMPLES["application/json-seq"])[-3:] == ["[", "  1", "]"]


def test_parts_have_names_files_types_and_sizes() -> None:
    content_type = "multipart/form-data; boundary=B"
    assert shown(content_type, SAMPLES[content_type]) == [
        '● part 1 · name "a" · 5 bytes',
        "  hello",
        '● part 2 · name "f" · file "x.json" · application/json · 13 bytes',
        "  X-Y: z",
        "  {",
        '    "a": {',
        '      "b": 1',
        "    }",
        "  }",
    ]


@pytest.mark.parametrize(
    ("head", "body", "lines"),
    [
        (
            b"Content-Disposition: form-data; name=\"a\"; filename*=utf-8''%c3%a9.bin",
            b"\x00\x01",
            [
                '● part 1 · name "a" · file "é.bin" · 2 bytes',
                "  00000000  00 01                                             |..|",
            ],
        ),
        (
            b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64",
            b"aGVsbG8=",
            ["● part 1 · text/plain · 8 bytes", "  Content-Transfer-Encoding: base64", "  hello"],
        ),
        (
            b"Content-Transfer-Encoding: quoted-printable",
            b"=C3=A9",
            ["● part 1 · 6 bytes", "  Content-Transfer-Encoding: quoted-printable", "  é"],
        ),
        (
            b"Content-Type: image/bmp",
            b"BM" + bytes(12) + b"(\0\0\0\x0a\0\0\0\x14\0\0\0\x01\0\x18\0",
            ["● part 1 · image/bmp · 30 bytes", "  BMP image, 30", "  10 x 20 pixels", "  24 bits a pixel"],
        ),
        (
            b'Content-Disposition: form-data; name="a\x1b[2J\\"b"',
            b"x",
            ['● part 1 · name "a\\x1b[2J"b" · 1 bytes', "  x"],
        ),
    ],
)
def test_each_part_is_shown_by_what_it_is(head: bytes, body: bytes, lines: list[str]) -> None:
    data = b"--B\r\n" + head + b"\r\n\r\n" + body + b"\r\n--B--"
    assert shown("multipart/form-data; boundary=B", data) == lines


def test_parts_that_are_cut_off_are_shown_as_far_as_they_came() -> None:
    data = b"--B\r\n\r\nhello"
    rendered = render(data, content_type=b"multipart/mixed; boundary=B")
    assert rendered.lines == ["● part 1 · 5 bytes  # cut off", "  hello"]
    assert rendered.error == "not complete: the body ends inside a part"


def test_parts_in_parts_end_somewhere() -> None:
    body, kind = b"x", b"text/plain"
    for level in range(12):
        edge = b"B%d" % level
        body = b"--%s\r\nContent-Type: %s\r\n\r\n%s\r\n--%s--" % (edge, kind, body, edge)
        kind = b"multipart/mixed; boundary=" + edge
    assert any("00000000  2d 2d 42" in line for line in render(body, content_type=kind).lines)


def test_a_boundary_that_the_type_does_not_name_is_read_from_the_body() -> None:
    rendered = render(b"--zz\r\n\r\na\r\n--zz--", content_type=b"multipart/form-data")
    assert rendered.lines == ["● part 1 · 1 bytes", "  a"]
    assert "boundary zz, as the body begins" in rendered.notes
    assert render(b"no parts", content_type=b"multipart/form-data").kind == "text"
