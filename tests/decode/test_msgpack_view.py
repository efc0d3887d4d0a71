"""MessagePack as a tree: what the encoder of the library wrote is what is read, in pieces or whole."""

from __future__ import annotations

import json
import math

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.msgpack_view import MsgpackView, msgpack_reason
from tests.decode.feeding import cut_at, lines_of, outcome, text_of

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=30,
)


@given(values)
def test_what_json_has_too_is_laid_out_like_json(value: object) -> None:
    assert json.loads("\n".join(lines_of(MsgpackView(), msgpack.packb(value)))) == value


anything = st.recursive(
    scalars
    | st.binary(max_size=300)
    | st.floats()
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary()),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(scalars, inner), max_size=4).map(dict),
    max_leaves=20,
)


@given(anything, st.lists(st.integers(0, 10_000), max_size=4), st.booleans(), st.data())
def test_pieces_give_what_the_whole_gives(
    value: object, cuts: list[int], ended: bool, data: st.DataObject
) -> None:
    packed = msgpack.packb(value)
    packed = packed[: data.draw(st.integers(0, len(packed)))]
    assert outcome(MsgpackView, cut_at(packed, cuts), ended=ended) == outcome(
        MsgpackView, [packed], ended=ended
    )


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=3), st.booleans())
def test_any_bytes_give_lines_and_no_error_that_is_not_told(
    data: bytes, cuts: list[int], ended: bool
) -> None:
    assert outcome(MsgpackView, cut_at(data, cuts), ended=ended) == outcome(MsgpackView, [data], ended=ended)


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_514_862_245, 678_901_234, "2018-01-02T03:04:05.678901234Z"),
        (-1, 500_000_000, "1969-12-31T23:59:59.5Z"),
        (2**35, 0, "3058-10-26T03:46:08Z"),
    ],
)
def test_timestamps_are_read_in_their_three_sizes(seconds: int, nanos: int, text: str) -> None:
    packed = msgpack.packb(msgpack.Timestamp(seconds, nanos))
    assert lines_of(MsgpackView(), packed) == [f"{text}  # timestamp"]


def test_a_timestamp_that_no_calendar_has_stays_an_extension() -> None:
    packed = msgpack.packb(msgpack.Timestamp(2**62, 0))
    assert lines_of(MsgpackView(), packed) == ["ext(-1, h'00 00 00 00 40 00 00 00 00 00 00 00')  # 12 bytes"]


@pytest.mark.parametrize(
    ("number", "text"), [(0.1, "0.1"), (1e30, "1e+30"), (1.0, "1.0"), (3.4e38, "3.4e+38")]
)
def test_a_number_of_32_bits_has_no_more_digits_than_it_holds(number: float, text: str) -> None:
    assert lines_of(MsgpackView(), msgpack.packb(number, use_single_float=True)) == [text]


def test_numbers_that_are_none_have_their_names() -> None:
    packed = b"".join(msgpack.packb(each) for each in (math.nan, math.inf, -math.inf))
    assert lines_of(MsgpackView(), packed) == ["NaN", "Infinity", "-Infinity"]


def test_a_long_string_is_shown_by_its_beginning_and_its_size() -> None:
    packed = msgpack.packb(["é" * 200_000, 1, bytes(100_000)])
    first, one, last = text_of(MsgpackView(), [packed]).split("\n")[1:4]
    assert first.endswith('é…",  # 400,000 bytes')
    assert len(first) < 70_000
    assert one == "  1,"
    assert last.startswith("  h'00 00 ")
    assert last.endswith("00…'  # 100,000 bytes")


def test_depth_ends_the_tree_and_not_the_program() -> None:
    view = MsgpackView()
    lines = lines_of(view, b"\x91" * 1_000_000)
    assert view.error == "not MessagePack from byte 500 on: nested deeper than 500 levels"
    assert len(lines) < 6000


def test_a_string_that_is_not_utf_8_is_shown_as_bytes() -> None:
    assert lines_of(MsgpackView(), b"\xa2\xff\xfe") == ["h'ff fe'  # a string of 2 bytes that is not UTF-8"]


@pytest.mark.parametrize(
    ("data", "whole", "found"),
    [
        (msgpack.packb({"a": 1}), True, True),
        (msgpack.packb(list(range(2000))), False, True),
        (msgpack.packb({"a": 1}) + b"\xc1", True, False),
        (msgpack.packb({"a": 1})[:-1], True, False),
        (msgpack.packb({"a": 1})[:-1], False, True),
        (msgpack.packb({1: 1}), True, False),
        (msgpack.packb({}), True, False),
        (b"\x01", True, False),
        (b"\x82", True, False),
    ],
)
def test_only_a_container_that_reads_to_its_end_looks_like_messagepack(
    data: bytes, whole: bool, found: bool
) -> None:
    assert bool(msgpack_reason(data, whole=whole)) is found
