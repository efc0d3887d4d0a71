"""Header compression agrees with package `hpack` in both directions, and breaks on nothing."""

from __future__ import annotations

from contextlib import suppress

import hpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.proto.http2.hpack import Decoder, Encoder, Fields, HpackError

NAMES = st.sampled_from(
    [
        b":path",
        b":status",
        b"cookie",
        b"user-agent",
        b"x-a",
        b"x-b",
        b"date",
        b"set-cookie",
        b"content-length",
    ]
)
VALUES = st.one_of(
    st.sampled_from([b"", b"200", b"/", b"gzip, deflate", b"a" * 1100, b"b" * 4200]), st.binary(max_size=40)
)
BLOCKS = st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=6), min_size=1, max_size=8)
SIZES = st.lists(st.sampled_from([0, 40, 100, 500, 4096, 65_536]), max_size=3)


def plain(fields: object) -> Fields:
    return tuple((bytes(name), bytes(value)) for name, value in fields)  # type: ignore[attr-defined]


@given(blocks=BLOCKS, huffman=st.booleans(), sizes=SIZES)
def test_what_package_hpack_writes_is_read_as_it_was_meant(
    blocks: list[list[tuple[bytes, bytes]]], huffman: bool, sizes: list[int]
) -> None:
    writer, reader = hpack.Encoder(), Decoder(max_list=1 << 20)
    for position, fields in enumerate(blocks):
        if position < len(sizes):
            writer.header_table_size = min(sizes[position], 4096)
        assert reader.decode(writer.encode(fields, huffman=huffman)).fields == tuple(fields)


@given(blocks=BLOCKS, never=st.sets(st.integers(0, 5)), sizes=SIZES)
@example(blocks=[[(b"x-a", b"1")], [(b"x-a", b"1")]], never=set(), sizes=[0, 4096])
def test_what_is_written_is_read_by_package_hpack(
    blocks: list[list[tuple[bytes, bytes]]], never: set[int], sizes: list[int]
) -> None:
    writer, reader = Encoder(), hpack.Decoder(max_header_list_size=1 << 20)
    for position, fields in enumerate(blocks * 2):
        if position < len(sizes):
            writer.allow(sizes[position])
        kept = [at for at in never if at < len(fields)]
        found = reader.decode(writer.encode(tuple(fields), kept), raw=True)
        assert plain(found) == tuple(fields)
        assert [at for at, pair in enumerate(found) if not pair.indexable] == sorted(kept)


@given(blocks=st.lists(st.lists(st.tuples(st.just(b"x-secret"), VALUES), max_size=4), min_size=1, max_size=4))
def test_fields_that_must_not_be_indexed_are_told(blocks: list[list[tuple[bytes, bytes]]]) -> None:
    writer, reader = hpack.Encoder(), Decoder(max_list=1 << 20)
    for fields in blocks:
        secret = [hpack.NeverIndexedHeaderTuple(*pair) for pair in fields]
        assert reader.decode(writer.encode(secret)).never == tuple(range(len(fields)))


@given(data=st.binary(max_size=200))
@example(data=b"\x80")
@example(data=b"\x3f\xff\xff\xff\xff\xff\x0f")
@example(data=b"\x00\x81\xff\x00")
def test_any_bytes_are_read_or_refused_and_never_read_otherwise(data: bytes) -> None:
    ours = theirs = None
    with suppress(HpackError):
        ours = Decoder(max_list=1 << 20).decode(data).fields
    with suppress(hpack.HPACKError):
        theirs = plain(hpack.Decoder(max_header_list_size=1 << 20).decode(data, raw=True))
    if ours is not None and theirs is not None:
        assert ours == theirs


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xbe",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x40\x05ab",
        b"\x40\x01a",
        b"\x82\x20",
        b"\x3f\xe2\x1f",
        b"\x00\x81\xff\x00",
        b"\x40",
    ],
    ids=[
        "index_0",
        "beyond_the_table",
        "huge_integer",
        "cut_string",
        "no_value",
        "late_size_update",
        "size_over_the_setting",
        "no_huffman_code",
        "nothing_after",
    ],
)
def test_a_broken_block_is_refused(block: bytes) -> None:
    with pytest.raises(HpackError):
        Decoder(max_list=1 << 16).decode(block)


def test_an_equal_block_is_read_once_and_again_after_the_table_has_changed() -> None:
    writer, reader = Encoder(), Decoder(max_list=1 << 16)
    first = writer.encode(((b"x-a", b"1"),))
    again = writer.encode(((b"x-a", b"1"),))
    reader.decode(first)
    assert reader.decode(again) is reader.decode(again)
    other = writer.encode(((b"x-b", b"2"),))
    known = reader.decode(again)
    reader.decode(other)
    shifted = writer.encode(((b"x-a", b"1"),))
    assert shifted != again
    assert reader.decode(shifted).fields == known.fields
    assert reader.decode(again).fields == ((b"x-b", b"2"),), "the same bytes mean another field now"


def test_a_list_over_the_limit_is_counted_and_not_kept_and_the_table_stays_right() -> None:
    writer, reader = hpack.Encoder(), Decoder(max_list=200)
    large = [(b"x-%d" % number, b"v" * 50) for number in range(40)]
    found = reader.decode(writer.encode(large))
    assert found.oversized
    assert found.size == sum(len(name) + len(value) + 32 for name, value in large)
    assert sum(len(name) + len(value) + 32 for name, value in found.fields) <= 200
    assert reader.decode(writer.encode(large[-2:])).fields == tuple(large[-2:])


def test_a_small_table_of_the_peer_is_announced_and_kept_to() -> None:
    writer, reader = Encoder(), hpack.Decoder()
    writer.encode(((b"x-a", b"1"),))
    reader.max_allowed_table_size = 0
    writer.allow(0)
    block = writer.encode(((b"x-a", b"1"),))
    assert block[0] == 0x20
    assert plain(reader.decode(block, raw=True)) == ((b"x-a", b"1"),)
