"""What can be said of an image without decoding a pixel: format, size, depth, animation, orientation."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from soth_mitm.text import SafeText, human_size, printable

LOOK: Final = 1024 * 1024
"""Bytes that are looked at: what lies behind them is not told."""

_MOST_ICONS: Final = 20

_PNG_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
_JPEG_COLOURS = {1: "grey", 3: "YCbCr", 4: "CMYK"}
_BRANDS = frozenset(b"ftyp" + brand for brand in (b"avif", b"avis", b"heic", b"heix", b"hevc"))
_ORIENTATIONS = {
    2: "mirrored left to right",
    3: "rotated by 180°",
    4: "mirrored top to bottom",
    5: "mirrored, then rotated by 270° clockwise",
    6: "to be rotated by 90° clockwise",
    7: "mirrored, then rotated by 90° clockwise",
    8: "to be rotated by 270° clockwise",
}
_SVG_TAG = re.compile(rb"<(?:\w+:)?svg\b([^>]{0,4000})", re.IGNORECASE)
_SVG_SIZE = re.compile(rb"\b(width|height|viewBox)\s*=\s*[\"']([^\"']{1,100})[\"']")


class Image(NamedTuple):
    """Facts about an image."""

    format: str
    width: int
    """In pixels; 0 where it is not known."""
    height: int
    facts: tuple[str, ...] = ()
    """What else there is to say, each for a line of its own."""


def image_of(data: bytes) -> Image | None:
    """Return the facts that the beginning of an image tells; None where it is none. Never raises."""
    for magic, read in _READERS:
        if magic(data):
            try:
                return read(data)
            except (struct.error, IndexError, ValueError):
                return Image(_NAMES[read], 0, 0, ("its head is cut off or damaged",))
    return None


def image_lines(data: bytes, size: int) -> list[SafeText]:
    """Return the facts for a person, of an image of `size` bytes that begins with `data`."""
    image = image_of(data)
    if image is None:
        return []
    lines = [f"{image.format} image, {human_size(size)}"]
    if image.width or image.height:
        lines.append(f"{image.width:,} x {image.height:,} pixels")
    return [printable(line) for line in (*lines, *image.facts)]


def svg_facts(data: bytes) -> str:
    """Return the size that an SVG's first tag gives; empty where there is none."""
    tag = _SVG_TAG.search(data[:LOOK])
    if tag is None:
        return ""
    found = {name.lower(): value for name, value in _SVG_SIZE.findall(tag[1])}
    sizes = [found[name].decode("utf-8", "replace") for name in (b"width", b"height") if name in found]
    if len(sizes) == 2:
        return f"SVG, {sizes[0]} x {sizes[1]}"
    box = found.get(b"viewbox")
    return f"SVG, view box {box.decode('utf-8', 'replace')}" if box else "SVG"


# --- formats ------------------------------------------------------------------------------------------


def _png(data: bytes) -> Image:
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    facts = [f"{depth} bits a channel, {_PNG_COLOURS.get(colour, f'colour type {colour}')}"]
    if interlace:
        facts.append("interlaced")
    at = 33
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"acTL" and at + 16 <= len(data):
            frames, plays = struct.unpack_from(">II", data, at + 8)
            facts.append(_animation(frames, plays))
        elif name == b"eXIf":
            facts += _orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
    return Image("PNG", width, height, tuple(facts))


def _animation(frames: int, plays: int, *, more: bool = False) -> str:
    often = "plays for ever" if not plays else "plays once" if plays == 1 else f"plays {plays:,} times"
    return f"animated: {'at least ' if more else ''}{frames:,} frames, {often}"


def _jpeg(data: bytes) -> Image:
    at, facts = 2, list[str]()
    while True:
        while data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
            at += 1
        marker = data[at + 1]
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at + 4)
            facts.insert(0, f"{depth} bits a channel, {_JPEG_COLOURS.get(channels, f'{channels} channels')}")
            if marker in (0xC2, 0xC6, 0xCA, 0xCE):
                facts.append("progressive")
            return Image("JPEG", width, height, tuple(facts))
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            facts += _orientation(data[at + 10 : at + 2 + length])
        if marker in (0xD9, 0xDA):
            raise ValueError("no frame before the scan")
        at += 2 + length


def _orientation(exif: bytes) -> list[str]:
    """Return the orientation that an EXIF block gives, where it is not the usual one."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return []
    (at,) = struct.unpack_from(order + "I", exif, 4)
    if at + 2 > len(exif):
        return []
    (count,) = struct.unpack_from(order + "H", exif, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, entry)
        if tag == 0x0112 and kind == 3:
            words = _ORIENTATIONS.get(value)
            return [f"EXIF orientation {value}: {words}"] if words else []
    return []


def _gif(data: bytes) -> Image:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    facts = [f"{(flags >> 4 & 7) + 1} bits a channel, palette"]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    frames, plays, ended = 0, 1, False
    while at < len(data) and not ended:
        if data[at] == 0x21:
            if data[at + 1 : at + 14] == b"\xff\x0bNETSCAPE2.0"[0:13] and at + 18 <= len(data):
                (loops,) = struct.unpack_from("<H", data, at + 16)
                plays = loops and loops + 1
            at = _gif_blocks(data, at + 2)
        elif data[at] == 0x2C and at + 10 <= len(data):
            frames += 1
            packed = data[at + 9]
            at = _gif_blocks(data, at + 11 + (3 << (packed & 7) + 1 if packed & 0x80 else 0))
        else:
            ended = True
    if frames > 1:
        facts.append(_animation(frames, plays, more=not ended))
    return Image("GIF", width, height, tuple(facts))


def _gif_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _webp(data: bytes) -> Image:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Image("WebP", width & 0x3FFF, height & 0x3FFF, ("lossy",))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Image("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, ("lossless",))
    flags = data[20]
    width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    facts = ["with alpha"] if flags & 0x10 else []
    frames, plays, at = 0, 0, 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        frames += name == b"ANMF"
        if name == b"ANIM" and at + 14 <= len(data):
            (plays,) = struct.unpack_from("<H", data, at + 12)
        elif name == b"EXIF":
            exif = data[at + 8 : at + 8 + length]
            facts += _orientation(exif.removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    if flags & 0x02:
        facts.append(_animation(frames, plays, more=at > len(data)))
    return Image("WebP", width, height, tuple(facts))


def _avif(data: bytes) -> Image:
    """Read the first size among the boxes: what the item shown first has (ISO/IEC 23008-12, 6.5.3)."""
    name = "AVIF" if data[8:11] == b"avi" else "HEIC"
    facts = ("animated",) if data[8:12] in (b"avis", b"hevc") else ()
    at = data.find(b"ispe", 16)
    if at < 0:
        return Image(name, 0, 0, facts)
    width, height = struct.unpack_from(">II", data, at + 8)
    return Image(name, width, height, facts)


def _bmp(data: bytes) -> Image:
    width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    return Image("BMP", abs(width), abs(height), (f"{bits} bits a pixel",))


def _ico(data: bytes) -> Image:
    _, kind, count = struct.unpack_from("<HHH", data)
    facts: list[str] = []
    largest = (0, 0)
    for at in range(6, 6 + 16 * min(count, _MOST_ICONS), 16):
        width, height, _, _, _, bits = struct.unpack_from("<BBBBHH", data, at)
        width, height = width or 256, height or 256
        largest = max(largest, (width, height))
        facts.append(f"{width} x {height}, {bits} bits a pixel" if kind == 1 else f"{width} x {height}")
    if count > _MOST_ICONS:
        facts.append(f"… {count - _MOST_ICONS:,} more")
    return Image("Icon" if kind == 1 else "Cursor", *largest, tuple(facts))


def _begins(magic: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magic)


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Image]], ...] = (
    (_begins(b"\x89PNG\r\n\x1a\n"), _png),
    (_begins(b"\xff\xd8\xff"), _jpeg),
    (lambda data: data[:6] in (b"GIF87a", b"GIF89a"), _gif),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
    (lambda data: data[4:12] in _BRANDS, _avif),
    (lambda data: data[:2] == b"BM" and data[6:10] == b"\0\0\0\0", _bmp),
    (lambda data: data[:4] in (b"\0\0\1\0", b"\0\0\2\0") and data[4:5] > b"\0", _ico),
)
_NAMES: dict[Callable[[bytes], Image], str] = {
    _png: "PNG",
    _jpeg: "JPEG",
    _gif: "GIF",
    _webp: "WebP",
    _avif: "AVIF",
    _bmp: "BMP",
    _ico: "Icon",
}
