"""Facts about images, from their first bytes, damaged ones included."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode.image_view import image_lines, image_of, svg_facts


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + bytes(4)


def _exif(orientation: int) -> bytes:
    return b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, orientation, 0)


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 480, 8, 6, 0, 0, 1))
    + _chunk(b"acTL", struct.pack(">II", 12, 0))
    + _chunk(b"eXIf", _exif(6))
)
JPEG = (
    b"\xff\xd8"
    + (b"\xff\xe1" + struct.pack(">H", 8 + len(_exif(3))) + b"Exif\0\0" + _exif(3))
    + (b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 100, 200, 3) + bytes(9))
)
_FRAME = b"\x2c" + struct.pack("<HHHHB", 0, 0, 3, 2, 0) + b"\x02\x01\x00\x00"
GIF = (
    b"GIF89a" + struct.pack("<HHBBB", 3, 2, 0x80 | 0x70 | 0, 0, 0) + bytes(6)
    + b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", 4) + b"\0"
    + _FRAME * 3 + b";"
)  # fmt: skip
WEBP = (
    b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<I", 10) + b"\x12\0\0\0" + b"\x3f\x01\0" + b"\xef\0\0"
    + b"ANIM" + struct.pack("<I", 6) + bytes(4) + struct.pack("<H", 1)
    + (b"ANMF" + struct.pack("<I", 2) + b"\0\0") * 2
)  # fmt: skip
LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L" + struct.pack("<IBI", 9, 0x2F, 99 | 49 << 14)
BMP = b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, 10, -20, 1, 24)
ICO = struct.pack("<HHH", 0, 1, 2) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, 0, 0) + bytes(16)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (
            PNG,
            [
                "PNG image, 99",
                "640 x 480 pixels",
                "8 bits a channel, RGB with alpha",
                "interlaced",
                "animated: 12 frames, plays for ever",
                "EXIF orientation 6: to be rotated by 90° clockwise",
            ],
        ),
        (
            JPEG,
            [
                "JPEG image, 99",
                "200 x 100 pixels",
                "8 bits a channel, YCbCr",
                "EXIF orientation 3: rotated by 180°",
                "progressive",
            ],
        ),
        (
            GIF,
            [
                "GIF image, 99",
                "3 x 2 pixels",
                "8 bits a channel, palette",
                "animated: 3 frames, plays 5 times",
            ],
        ),
        (
            WEBP,
            ["WebP image, 99", "320 x 240 pixels", "with alpha", "animated: 2 frames, plays once"],
        ),
        (LOSSLESS, ["WebP image, 99", "100 x 50 pixels", "lossless"]),
        (BMP, ["BMP image, 99", "10 x 20 pixels", "24 bits a pixel"]),
        (
            ICO,
            [
                "Icon image, 99",
                "256 x 256 pixels",
                "16 x 16, 32 bits a pixel",
                "256 x 256, 0 bits a pixel",
            ],
        ),
        (b"\x89PNG\r\n\x1a\n\0", ["PNG image, 99", "its head is cut off or damaged"]),
        (b"no image", []),
    ],
    ids=["png", "jpeg", "gif", "webp", "lossless", "bmp", "ico", "cut", "none"],
)
def test_the_facts_of_each_format_are_told(data: bytes, lines: list[str]) -> None:
    assert image_lines(data, 99) == lines


@given(
    st.sampled_from([PNG, JPEG, GIF, WEBP, LOSSLESS, BMP, ICO]),
    st.integers(0, 200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8),
)
def test_damage_and_cuts_never_raise(data: bytes, cut: int, damage: list[tuple[int, int]]) -> None:
    damaged = bytearray(data[:cut])
    for at, value in damage:
        if at < len(damaged):
            damaged[at] = value
    image_of(bytes(damaged))


def test_an_svg_gives_its_size_or_its_view_box() -> None:
    assert svg_facts(b'<?xml?><svg width="10" height="2em">') == "SVG, 10 x 2em"
    assert svg_facts(b"<svg viewBox='0 0 24 24'/>") == "SVG, view box 0 0 24 24"
    assert svg_facts(b"<html>") == ""
