"""CBOR as a tree: the examples of RFC 8949, and what an encoder of a few lines writes."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.cbor_view import CborView, cbor_reason
from tests.decode.feeding import cut_at, lines_of, outcome, text_of


def head(major: int, argument: int) -> bytes:
    """Return the head of an item in the shortest form."""
    for info, size in ((None, 0), (24, 1), (25, 2), (26, 4), (27, 8)):
        if info is None and argument < 24:
            return bytes([major << 5 | argument])
        if info is not None and argument < 1 << 8 * size:
            return bytes([major << 5 | info]) + argument.to_bytes(size)
    raise ValueError(argument)


def packed(value: object) -> bytes:
    """Return a value as CBOR."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(packed, value))
    assert isinstance(value, dict)
    return head(5, len(value)) + b"".join(packed(key) + packed(each) for key, each in value.items())


scalars = (
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=5), inner, max_size=30),
    max_leaves=30,
)
anything = st.recursive(
    scalars | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(scalars, inner), max_size=4).map(dict),
    max_leaves=20,
)


@given(values)
def test_what_json_has_too_is_laid_out_like_json(value: object) -> None:
    assert json.loads("\n".join(lines_of(CborView(), packed(value)))) == value


@given(anything, st.lists(st.integers(0, 10_000), max_size=4), st.booleans(), st.data())
def test_pieces_give_what_the_whole_gives(
    value: object, cuts: list[int], ended: bool, data: st.DataObject
) -> None:
    whole = packed(value)
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    assert outcome(CborView, cut_at(whole, cuts), ended=ended) == outcome(CborView, [whole], ended=ended)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=3), st.booleans())
def test_any_bytes_give_lines_and_no_error_that_is_not_told(
    data: bytes, cuts: list[int], ended: bool
) -> None:
    assert outcome(CborView, cut_at(data, cuts), ended=ended) == outcome(CborView, [data], ended=ended)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("1bffffffffffffffff", "18446744073709551615"),
        (
            "c249010000000000000000",
            "2(h'01 00 00 00 00 00 00 00 00')  # bignum, 9 bytes, 18446744073709551616",
        ),
        ("3bffffffffffffffff", "-18446744073709551616"),
        ("f90001", "5.960464477539063e-08"),
        ("f97bff", "65504.0"),
        ("fa47c35000", "100000.0"),
        ("fb3ff199999999999a", "1.1"),
        ("f97e00", "NaN"),
        ("f9fc00", "-Infinity"),
        ("f7", "undefined"),
        ("f0", "simple(16)"),
        ("f8ff", "simple(255)"),
        ("c074323031332d30332d32315432303a30343a30305a", '0("2013-03-21T20:04:00Z")  # date and time'),
        ("c11a514b67b0", "1(1363896240)  # 2013-03-21T20:04:00Z"),
        ("c1fb41d452d9ec200000", "1(1363896240.5)  # 2013-03-21T20:04:00.5Z"),
        ("d74401020304", "23(h'01 02 03 04')  # to be base16"),
        ("d818456449455446", '24(b"dIETF")  # CBOR within'),
        ("4401020304", "h'01 02 03 04'"),
        ("62225c", '"\\"\\\\"'),
        ("5f42010243030405ff", "h'01 02 03 04 05'  # in 2 pieces"),
        ("7f657374726561646d696e67ff", '"streaming"  # in 2 pieces'),
        ("9fff", "[]"),
        ("a0", "{}"),
        ("d8255000112233445566778899aabbccddeeff", None),
    ],
)
def test_examples_are_written_in_diagnostic_notation(data: str, shown: str | None) -> None:
    lines = lines_of(CborView(), bytes.fromhex(data))
    if shown is None:
        assert lines[0].endswith("# UUID, 16 bytes, 00112233-4455-6677-8899-aabbccddeeff")
    else:
        assert lines == [shown]


def test_containers_without_a_count_end_with_their_break() -> None:
    assert lines_of(CborView(), bytes.fromhex("bf6346756ef563416d742182ff01ff"[:22] + "ff")) == [
        "{",
        '  "Fun": true,',
        '  "Amt": -2',
        "}",
    ]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("9f01", "not complete: it ends at byte 2, inside an array without an end"),
        ("01ff", "not CBOR from byte 1 on: an end of nothing that is open"),
        ("bf01ff", "not CBOR from byte 2 on: the map ends behind a key"),
        ("011c", "not CBOR from byte 1 on: 0x1c is reserved"),
        ("01df", "not CBOR from byte 1 on: 0xdf is no item without a length"),
        ("5f01ff", "not CBOR from byte 1 on: a string in pieces holds something else"),
        ("5f4101", "not complete: it ends at byte 3, inside a string in pieces"),
        ("01c1", "not complete: it ends at byte 2, behind a tag"),
        ("9fc1ff", "not CBOR from byte 2 on: a tag without an item"),
        ("01" + "c1" * 17, "not CBOR from byte 17 on: more than 16 tags on one item"),
    ],
)
def test_what_breaks_the_rules_is_told_with_its_place(data: str, error: str) -> None:
    view = CborView()
    text_of(view, [bytes.fromhex(data)])
    assert view.error == error


def test_depth_and_tags_end_the_tree_and_not_the_program() -> None:
    view = CborView()
    lines_of(view, b"\x81" * 1_000_000)
    assert "nested deeper than 500 levels" in view.error


def test_a_long_string_is_shown_by_its_beginning() -> None:
    view = CborView()
    lines = lines_of(view, packed(["é" * 200_000, 1]))
    assert lines[1].endswith('é…",  # 400,000 bytes')
    assert (lines[2], view.error) == ("  1", "")


@pytest.mark.parametrize(
    ("data", "whole", "found"),
    [
        (packed({"a": 1}), True, True),
        (b"\xd9\xd9\xf7\x01", True, True),
        (packed({"a": 1})[:-1], True, False),
        (packed({"abc": 1})[:-1], False, True),
        (packed({1: 1}), True, False),
        (packed([1, 2]), True, False),
        (packed({"a": 1}) + b"\x1c", True, False),
    ],
)
def test_only_a_map_that_reads_to_its_end_looks_like_cbor(data: bytes, whole: bool, found: bool) -> None:
    assert bool(cbor_reason(data, whole=whole)) is found
