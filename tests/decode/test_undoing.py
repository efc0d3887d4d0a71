"""What a coded stream says is there as soon as its sender flushed it, and no bomb fills the memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.decode.undoing import FREE, CodingError, undoing

Flush = Callable[[bytes], bytes]


def zlib_flusher(wbits: int) -> Flush:
    packer = zlib.compressobj(wbits=wbits)
    return lambda data: packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def brotli_flusher() -> Flush:
    packer = brotli.Compressor()
    return lambda data: packer.process(data) + packer.flush()


def zstd_flusher() -> Flush:
    packer = zstandard.ZstdCompressor().compressobj()
    return lambda data: packer.compress(data) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


FLUSHERS: dict[str, Callable[[], Flush]] = {
    "gzip": lambda: zlib_flusher(31),
    "x-gzip": lambda: zlib_flusher(31),
    "deflate": lambda: zlib_flusher(15),
    "Deflate": lambda: zlib_flusher(-15),
    "br": brotli_flusher,
    "zstd": zstd_flusher,
}
codings = pytest.mark.parametrize("name", FLUSHERS)


def undo(name: str, *pieces: bytes) -> bytes:
    step = undoing(name.encode())
    assert step is not None
    return b"".join(out for piece in pieces for out in step.feed(piece))


@codings
def test_each_message_is_there_when_it_was_flushed(name: str) -> None:
    flush = FLUSHERS[name]()
    step = undoing(name.encode())
    assert step is not None
    for number in range(5):
        data = b"data: %d\n\n" % number
        assert b"".join(step.feed(flush(data))) == data


@codings
@settings(max_examples=30)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_a_body_gives_the_same_however_it_is_cut(name: str, data: bytes, step: int) -> None:
    flush = FLUSHERS[name]()
    coded = flush(data[:100]) + flush(data[100:])
    assert undo(name, *(coded[i : i + step] for i in range(0, len(coded), step))) == data


@codings
def test_much_output_comes_in_pieces(name: str) -> None:
    data = bytes(3_000_000)
    coded = FLUSHERS[name]()(data)
    step = undoing(name.encode())
    assert step is not None
    pieces = list(step.feed(coded))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 4 * 1024 * 1024


def test_several_members_and_several_codings_are_undone() -> None:
    assert undo("gzip", gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0") == b"onetwo"
    assert undo("deflate, gzip", gzip.compress(zlib.compress(b"twice"))) == b"twice"


def test_no_coding_is_nothing_to_undo() -> None:
    assert undoing(b"") is None
    assert undoing(b"identity, IDENTITY") is None


@pytest.mark.parametrize("value", [b"lz77", b"gzip, \x1b[31m", b", ".join([b"gzip"] * 9)])
def test_an_unknown_coding_is_said(value: bytes) -> None:
    with pytest.raises(CodingError, match="coding_unknown") as caught:
        undoing(value)
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate"])
def test_damage_is_said_and_what_came_before_was_right(name: str) -> None:
    flush = FLUSHERS[name]()
    step = undoing(name.encode())
    assert step is not None
    assert b"".join(step.feed(flush(b"fine"))) == b"fine"
    with pytest.raises(CodingError, match="coding_damaged"):
        list(step.feed(b"\xff" * 12_000))


def brotli_bomb() -> bytes:
    packer = brotli.Compressor(quality=1)
    return b"".join([packer.process(bytes(1 << 20)) for _ in range(4 * FREE >> 20)] + [packer.finish()])


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(bytes(4 * FREE), 9),
    "br": brotli_bomb,
    "zstd": lambda: zstandard.ZstdCompressor().compress(bytes(4 * FREE)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_stopped_before_it_fills_anything(name: str) -> None:
    step = undoing(name.encode())
    assert step is not None
    sizes: list[int] = []
    with pytest.raises(CodingError, match="decompression_bomb"):
        sizes.extend(map(len, step.feed(BOMBS[name]())))
    assert sum(sizes) <= FREE
