"""Protocol Buffers as a tree, with a schema and without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.binary_tree import read_all
from soth_mitm.decode.protobuf.guess import reading_of
from soth_mitm.decode.protobuf.schema import SchemaError, schema_of
from soth_mitm.decode.protobuf.view import ProtobufView, protobuf_reason
from soth_mitm.decode.protobuf.wire import Field, WireError, fields_of, reads_as_message, signed, zigzag
from tests.decode.feeding import cut_at, lines_of, outcome, text_of
from tests.decode.shop import SET
from tests.decode.wire import fixed32, fixed64, frame, group, length, number, varint

numbers = st.integers(1, 2000)
leaves = (
    st.builds(number, numbers, st.integers(0, 2**64 - 1))
    | st.builds(length, numbers, st.binary(max_size=40))
    | st.builds(length, numbers, st.text(max_size=20))
    | st.builds(fixed64, numbers, st.integers(0, 2**64 - 1))
    | st.builds(fixed32, numbers, st.integers(0, 2**32 - 1))
)
messages = st.recursive(
    st.lists(leaves, max_size=5).map(b"".join),
    lambda inner: st.lists(
        st.builds(length, numbers, inner) | st.builds(group, numbers, inner), max_size=3
    ).map(b"".join),
    max_leaves=20,
)


@given(messages)
def test_a_message_reads_as_one_and_its_fields_say_all_of_it(message: bytes) -> None:
    assert read_all(reads_as_message(message))
    again = b""
    for field in fields_of(message):
        key = varint(field.number << 3 | field.kind)
        if field.kind == 2:
            again += key + varint(field.value) + field.data
        elif field.kind in (1, 5):
            again += key + field.value.to_bytes(8 if field.kind == 1 else 4, "little")
        else:
            again += key + (varint(field.value) if field.kind == 0 else b"")
    assert again == message


@given(messages, st.lists(st.integers(0, 10_000), max_size=4), st.booleans(), st.data())
def test_pieces_give_what_the_whole_gives(
    message: bytes, cuts: list[int], ended: bool, data: st.DataObject
) -> None:
    message = message[: data.draw(st.integers(0, len(message)))]
    assert outcome(ProtobufView, cut_at(message, cuts), ended=ended) == outcome(
        ProtobufView, [message], ended=ended
    )


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=3), st.booleans())
def test_any_bytes_give_lines_and_no_error_that_is_not_told(
    data: bytes, cuts: list[int], ended: bool
) -> None:
    assert outcome(ProtobufView, cut_at(data, cuts), ended=ended) == outcome(
        ProtobufView, [data], ended=ended
    )


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_readings_are_those_of_the_format(value: int) -> None:
    assert signed(value & (1 << 64) - 1) == value
    assert zigzag((value << 1 ^ value >> 63) & (1 << 64) - 1) == value


@pytest.mark.parametrize(
    ("data", "reading"),
    [
        (b"", "text"),
        (b"plain words", "text"),
        ("größe\n".encode(), "text"),
        (b"line\nline", "text"),
        (b"\r\nline", "text"),
        (length(1, "inner"), "message"),
        (length(1, "a name of ten"), "message"),
        (number(1, 5), "message"),
        (b"*(" + b"x" * 40, "text"),
        (b"\xff\xfe\x80", "bytes"),
        (b"\x00\x01", "bytes"),
        (group(3, number(1, 1)), "message"),
        (group(3, number(1, 1))[:-1], "bytes"),
    ],
)
def test_bytes_are_read_as_what_they_are_most_likely(data: bytes, reading: str) -> None:
    assert read_all(reading_of(data)) == reading


def test_depth_ends_in_bytes_and_not_in_an_error() -> None:
    message = b""
    for _ in range(3000):
        message = length(1, message)
    view = ProtobufView()
    lines = lines_of(view, message)
    assert view.error == ""
    assert any("nested deeper than 100 levels" in line for line in lines)
    assert lines_of(ProtobufView(), number(1, 1) + b"\x0b" * 2000)[-1].startswith("0000")


def test_a_field_of_many_megabytes_is_shown_by_its_beginning() -> None:
    message = length(1, b"\xff" * 17_000_000) + number(2, 7)
    view = ProtobufView()
    pieces = [message[at : at + 65_536] for at in range(0, len(message), 65_536)]
    assert text_of(view, pieces).split("\n")[1].endswith("…',  # 17,000,000 bytes")
    assert view.error == ""


# --- with a schema


def test_a_schema_gives_names_types_and_methods() -> None:
    schema = schema_of([SET])
    thing = schema.of_path(b"/shop.Shop/Get?x=1", response=True)
    assert thing is not None
    assert thing.fields[7].type_name == "shop.Thing.Colour"
    assert schema.enums["shop.Thing.Colour"] == {1: "RED", -1: "ODD"}
    assert schema.of_path(b"/twirp/shop.Shop/Get", response=False) == thing
    assert schema.of_parameters(b'application/x-protobuf; messageType="shop.Thing"') == thing
    assert schema.of_path(b"/shop.Shop/Put", response=False) is None


def test_fields_are_shown_by_their_names_and_types() -> None:
    schema = schema_of([SET])
    stamp = number(1, 1_514_862_245) + number(2, 5_000_000)
    inner = length(1, "part")
    message = (
        length(1, "x") + number(2, 149) + number(3, -5) + fixed64(4, 1.5) + fixed32(5, 0.25) + number(6, 1)
        + number(7, 1) + number(7, 4) + number(7, -1) + length(8, inner) + length(9, varint(3) + varint(270))
        + length(10, stamp) + length(11, length(1, "type.googleapis.com/shop.Thing") + length(2, inner))
        + length(12, b"\x00\x01") + fixed32(13, 2**32 - 2) + number(99, 7) + length(2, b"\xff\x01")
        + length(1, b"\xff") + length(14, bytes(8)) + number(14, 3)
    )  # fmt: skip
    assert lines_of(ProtobufView(schema, schema.messages["shop.Thing"]), message) == [
        "{",
        '  name: "x",',
        "  count: -75,",
        "  big: -5,",
        "  ratio: 1.5,",
        "  part: 0.25,",
        "  on: true,",
        "  colour: RED,  # 1",
        "  colour: 4,  # not in the enum",
        "  colour: ODD,  # -1",
        "  inner: {",
        '    name: "part"',
        "  },",
        "  packed: [3, 270],",
        "  made: {  # 2018-01-02T03:04:05.005Z",
        "    seconds: 1514862245,  # 2018-01-02T03:04:05Z",
        "    nanos: 5000000",
        "  },",
        "  any: {",
        '    type_url: "type.googleapis.com/shop.Thing",',
        "    value: {",
        '      name: "part"',
        "    }",
        "  },",
        "  raw: h'00 01',",
        "  small: -2,",
        "  99: 7,  # sint -4, not in the schema",
        "  count: [-128],",
        "  name: h'ff',  # a string that is not UTF-8",
        "  ratios: [0.0],",
        "  14: 3  # sint -2, ratios in the schema, but on the wire varint",
        "}",
    ]


@given(st.binary(max_size=300))
def test_any_bytes_with_any_schema_are_shown(data: bytes) -> None:
    schema = schema_of([SET])

    def make() -> ProtobufView:
        return ProtobufView(schema, schema.messages["shop.Thing"])

    outcome(make, [data])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it declares no file"),
        (number(1, 1), "it declares no file"),
        (b"syntax = 'proto3';", "it is no descriptor set"),
        (SET[:-1], "it is no descriptor set"),
        (length(1, length(4, b"\x07")), "it is no descriptor set"),
    ],
)
def test_what_is_no_descriptor_set_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        schema_of([data])


def test_a_group_that_is_not_open_ends_the_tree() -> None:
    view = ProtobufView()
    assert lines_of(view, number(1, 1) + varint(2 << 3 | 4) + b"x")[-2:] == [
        "# byte 2: group 2 ends, which is not open; what follows is shown as bytes",
        "00000002  14 78                                             |.x|",
    ]
    assert view.error.startswith("not Protocol Buffers from byte 2 on")


def test_a_message_within_that_breaks_the_rules_says_where() -> None:
    schema = schema_of([SET])
    message = length(8, length(1, "ok") + b"\x07")
    lines = lines_of(ProtobufView(schema, schema.messages["shop.Thing"]), message)
    assert "    # byte 4 of 5: no field has the number 0" in lines


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (number(1, 1) + length(2, b"\xff\xfe"), True),
        (number(1, 1) + number(2, 2), False),
        (number(1001, 1) + length(2, b"\xff\xfe"), False),
        (frame(number(1, 1)), False),
        (b"\x00\x01\x02\x03", False),
    ],
)
def test_only_low_numbers_and_more_than_numbers_look_like_a_message(data: bytes, found: bool) -> None:
    assert bool(protobuf_reason(data, whole=True)) is found
    assert not protobuf_reason(data, whole=False)


def test_a_varint_of_more_than_64_bits_is_refused() -> None:
    with pytest.raises(WireError, match="more than 10 bytes"):
        list(fields_of(b"\x08" + b"\xff" * 10 + b"\x01"))
    assert list(fields_of(b"\x08" + b"\xff" * 9 + b"\x01")) == [Field(1, 0, 2**64 - 1, b"")]
