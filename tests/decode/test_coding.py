"""Content codings: each one, stacked, cut off, damaged, and as a bomb."""

from __future__ import annotations

import gzip
import zlib
from random import Random

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.coding import MOST_CODINGS, undo
from soth_mitm.decode.unpacking import Unpacker

PLAIN = b"".join(b"line %d of a body that is long enough to be compressed\n" % n for n in range(2000))


def bare_deflate(data: bytes) -> bytes:
    """Compress without the zlib header, as some servers do under the name of deflate."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("name", CODERS)
def test_a_coding_is_undone(name: str) -> None:
    decoded = undo(CODERS[name](PLAIN), name.encode(), limit=10**6)
    assert (decoded.data, decoded.error, decoded.truncated, decoded.ended) == (PLAIN, "", False, True)
    assert decoded.codings == (name.removeprefix("x-"),)


def test_deflate_without_its_header_is_undone() -> None:
    assert undo(bare_deflate(PLAIN), b"deflate", limit=10**6).data == PLAIN


def test_identity_and_no_coding_leave_the_body_alone() -> None:
    for named in (b"", b"identity", b" identity , "):
        assert undo(PLAIN, named, limit=10**6).data is PLAIN


def test_codings_are_undone_from_the_last_to_the_first() -> None:
    stacked = zstandard.compress(brotli.compress(gzip.compress(PLAIN)))
    decoded = undo(stacked, b"GZIP, br,zstd", limit=10**6)
    assert decoded.data == PLAIN
    assert decoded.codings == ("zstd", "br", "gzip")


def test_members_and_frames_in_a_row_are_joined() -> None:
    assert undo(gzip.compress(b"one ") + gzip.compress(b"two"), b"gzip", limit=99).data == b"one two"
    assert (
        undo(zstandard.compress(b"one ") + zstandard.compress(b"two"), b"zstd", limit=99).data == b"one two"
    )


@pytest.mark.parametrize("name", ["gzip", "deflate", "br"])
def test_what_has_come_of_an_unfinished_body_is_shown(name: str) -> None:
    packed = CODERS[name](PLAIN)
    decoded = undo(packed[: len(packed) // 2], name.encode(), limit=10**6)
    assert PLAIN.startswith(decoded.data)
    assert len(decoded.data) > 100
    assert (decoded.error, decoded.ended) == ("", False)


def test_the_finished_blocks_of_an_unfinished_zstd_body_are_shown() -> None:
    packed = zstandard.compress(PLAIN * 10)
    decoded = undo(packed[:-8], b"zstd", limit=10**7)
    assert (PLAIN * 10).startswith(decoded.data)
    assert decoded.data
    assert (decoded.error, decoded.ended) == ("", False)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_costs_no_more_than_the_limit(name: str) -> None:
    bomb = CODERS[name](bytes(40_000_000))
    decoded = undo(bomb, name.encode(), limit=50_000)
    assert len(decoded.data) == 50_000
    assert decoded.truncated
    assert decoded.error == ""


def test_a_bomb_in_a_bomb_costs_no_more_than_the_limit() -> None:
    decoded = undo(gzip.compress(gzip.compress(bytes(40_000_000))), b"gzip, gzip", limit=50_000)
    assert len(decoded.data) == 50_000


def test_output_of_exactly_the_limit_is_not_called_truncated() -> None:
    for name, coder in CODERS.items():
        decoded = undo(coder(bytes(70_000)), name.encode(), limit=70_000)
        assert (len(decoded.data), decoded.truncated, decoded.ended) == (70_000, False, True), name


def test_damage_in_the_middle_keeps_what_came_before() -> None:
    noise = bytes((n * n * 31 + n // 7) % 251 for n in range(300_000))
    packed = bytearray(gzip.compress(noise))
    packed[-3] ^= 0xFF
    decoded = undo(bytes(packed), b"gzip", limit=10**6)
    assert decoded.data
    assert decoded.error.startswith("gzip is damaged: incorrect")


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_bytes_that_were_never_coded_are_left_as_they_are(name: str) -> None:
    decoded = undo(b"\xff\xfehello, world, not coded at all", name.encode(), limit=10**6)
    assert decoded.data == b"\xff\xfehello, world, not coded at all"
    assert decoded.error.startswith(f"not {name}: ")
    assert decoded.codings == ()


def test_an_unknown_coding_is_named() -> None:
    decoded = undo(gzip.compress(b"abc"), b"aes128gcm, gzip", limit=99)
    assert (decoded.data, decoded.codings) == (b"abc", ("gzip",))
    assert "aes128gcm" in decoded.error


def test_too_many_codings_are_refused() -> None:
    decoded = undo(b"abc", b", ".join([b"gzip"] * (MOST_CODINGS + 1)), limit=99)
    assert decoded.data == b"abc"
    assert "9 content codings" in decoded.error


@given(st.binary(max_size=300), st.sampled_from([b"gzip", b"deflate", b"br", b"zstd", b"br, gzip", b"\xff"]))
def test_no_input_raises_or_passes_the_limit(data: bytes, coding: bytes) -> None:
    decoded = undo(data, coding, limit=1000)
    assert len(decoded.data) <= max(1000, len(data))


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.data())
def test_any_cut_gives_a_beginning_of_the_body(plain: bytes, name: str, data: st.DataObject) -> None:
    packed = CODERS[name](plain)
    cut = data.draw(st.integers(0, len(packed)))
    decoded = undo(packed[:cut], name.encode(), limit=10**5)
    if decoded.codings:
        assert plain.startswith(decoded.data)
        assert decoded.error == ""


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_what_comes_before_the_damage_is_given(name: str) -> None:
    plain = Random(1).randbytes(200_000).hex().encode()
    coded = bytearray(CODERS[name](plain))
    coded[len(coded) * 3 // 4] ^= 0xFF
    found = undo(bytes(coded), name.encode(), limit=1 << 20)
    assert found.error or found.data != plain
    assert len(found.data) > 10_000
    assert plain.startswith(found.data[:10_000])
    for size in (len(coded), 5000):
        unpacker = Unpacker(name.encode())
        pieces = [bytes(coded[at : at + size]) for at in range(0, len(coded), size)]
        out = b"".join(piece for each in pieces for piece in unpacker.feed(each))
        assert unpacker.codings == (name,)
        assert unpacker.error or out != plain
        assert len(out) > 10_000
        assert plain.startswith(out[:10_000])


def test_a_checksum_that_is_wrong_takes_nothing_away() -> None:
    coded = bytearray(gzip.compress(b"some words"))
    coded[-5] ^= 1
    found = undo(bytes(coded), b"gzip", limit=100)
    assert (found.data, found.error) == (b"some words", "gzip is damaged: incorrect data check")
    unpacker = Unpacker(b"gzip")
    assert b"".join(unpacker.feed(bytes(coded))) == b"some words"
    assert unpacker.error == found.error
