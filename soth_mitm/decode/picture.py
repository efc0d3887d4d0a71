"""Images small enough for a terminal: two pixels a cell, one over the other, drawn as half a block.

A line holds its cells as text: `▀`, the colour of the upper pixel and that of the lower one, each six hex
digits, or six dashes where nothing is seen. Whoever draws takes them apart with `cells_of`.

Pixels are decoded by a library in C, so this belongs into a process whose end costs nothing.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS: Final = 64
"""Cells of a line at most: a pane of 80 columns shows it."""

ROWS: Final = 24
"""Lines at most."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""Largest image of which pixels are decoded."""

MOST_PIXELS: Final = 16_000_000
"""Pixels that are decoded at most, four bytes each; more is a bomb, or takes too long to look at."""

HALF: Final = "▀"
CLEAR: Final = "------"
"""Stands for a pixel that is not seen."""

_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "ICO")
_PLAIN: Final = ("L", "RGB", "RGBA")
"""Modes whose pixels can be mixed as they are; others become 32 bits first."""

_SEEN: Final = 128
"""Of 255, how much a pixel must cover to be drawn."""

_STEPS: Final = bytes(level & 0xF8 | level >> 5 for level in range(256))
"""A colour in steps of eight, so that there are fewer of them to draw; black and white stay."""

_CELL: Final = re.compile(rf"{HALF}([0-9a-f]{{6}}|{CLEAR})([0-9a-f]{{6}}|{CLEAR})")


class NoPicture(Exception):
    """The image cannot be shown; the message says why."""


def picture_lines(data: bytes) -> list[str]:
    """Return the cells of an image, of an animation its first frame.

    Raises:
        NoPicture: it is damaged, too large, or of a kind that is not drawn.
    """
    if len(data) > MOST_BYTES:
        raise NoPicture(f"not drawn: it has more than {MOST_BYTES:,} bytes")
    try:
        return list(_lines(_small(data)))
    except NoPicture:
        raise
    except Exception as error:
        # A library of others and bytes of a peer: whatever it raises concerns this image alone.
        raise NoPicture(f"not drawn: {type(error).__name__} in its pixels") from None


def cells_of(line: str) -> list[tuple[str, str]] | None:
    """Return the colours of each cell of a line, the upper before the lower; None where it is none."""
    if not line.startswith(HALF):
        return None
    cells = _CELL.findall(line)
    return cells if len(cells) * (1 + 2 * len(CLEAR)) == len(line) else None


def _small(data: bytes) -> Image:
    from PIL import Image, ImageOps

    # The library refuses twice as many, also where a file holds more than it says at its beginning.
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, of which nothing is shown
        try:
            image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
        except Image.DecompressionBombError:
            raise NoPicture(f"not drawn: it has more than {MOST_PIXELS:,} pixels") from None
        image.draft("RGB", (COLUMNS * 2, ROWS * 4))
        if image.mode not in _PLAIN:
            image = image.convert("RGBA")
        # A cell is about twice as high as it is wide, so two pixels in it are about square.
        image.thumbnail((COLUMNS, ROWS * 2), Image.Resampling.BOX)
        image = ImageOps.exif_transpose(image).convert("RGBA")
        image.thumbnail((COLUMNS, ROWS * 2), Image.Resampling.BOX)
        return image


def _lines(image: Image) -> Iterator[str]:
    width, height = image.size
    data = image.tobytes()
    pixels = [_colour(data[at : at + 4]) for at in range(0, len(data), 4)]
    pixels += [CLEAR] * width
    for top in range(0, height, 2):
        upper = pixels[top * width : (top + 1) * width]
        lower = pixels[(top + 1) * width : (top + 2) * width]
        yield "".join(f"{HALF}{above}{below}" for above, below in zip(upper, lower, strict=True))


def _colour(pixel: bytes) -> str:
    return pixel[:3].translate(_STEPS).hex() if pixel[3] >= _SEEN else CLEAR
