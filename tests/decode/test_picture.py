"""Images drawn with half blocks: what is in a cell, what is not drawn, and that nothing does harm."""

from __future__ import annotations

import io
import struct
from random import Random

import pytest
from PIL import Image

from soth_mitm.decode import picture
from soth_mitm.decode.image_view import image_of
from soth_mitm.decode.picture import CLEAR, COLUMNS, HALF, ROWS, NoPicture, cells_of, picture_lines
from tests.fuzz.mutating import Mutator

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "ICO")


def image(width: int, height: int, colour: object = (255, 0, 0), *, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height), colour)  # type: ignore[arg-type]


def file_of(made: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    made.save(out, kind, **options)
    return out.getvalue()


def test_a_cell_is_two_pixels_one_over_the_other() -> None:
    made = image(2, 3, (0, 0, 0))
    made.putpixel((0, 0), (255, 255, 255))
    made.putpixel((1, 1), (255, 0, 0))
    lines = picture_lines(file_of(made))
    assert [cells_of(line) for line in lines] == [
        [("ffffff", "000000"), ("000000", "ff0000")],
        [("000000", CLEAR), ("000000", CLEAR)],
    ]
    assert cells_of("PNG image, 99") is None
    assert cells_of(f"{HALF} and other text") is None


def test_what_is_transparent_is_not_drawn() -> None:
    made = image(1, 2, (0, 0, 255, 0), mode="RGBA")
    made.putpixel((0, 1), (0, 0, 255, 255))
    assert picture_lines(file_of(made)) == [f"{HALF}{CLEAR}0000ff"]


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_drawn_within_bounds_and_keeps_its_shape(kind: str) -> None:
    lines = picture_lines(file_of(image(200, 100), kind))
    assert len(lines) == COLUMNS // 4
    assert {len(cells_of(line) or ()) for line in lines} == {COLUMNS}
    tall = picture_lines(file_of(image(10, 200), kind))
    assert len(tall) == ROWS


def test_a_photo_is_turned_as_its_orientation_says() -> None:
    made = image(4, 2)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert [len(cells_of(line) or ()) for line in picture_lines(file_of(made, "JPEG", exif=exif))] == [2, 2]


def test_a_bomb_is_not_decoded() -> None:
    bomb = file_of(image(5000, 4000, 0, mode="1"))
    assert len(bomb) < 5000
    with pytest.raises(NoPicture, match="more than 16,000,000 pixels"):
        picture_lines(bomb)


def test_a_bomb_in_an_icon_that_says_to_be_small_is_not_decoded() -> None:
    bomb = file_of(image(5000, 4000, 0, mode="1"))
    icon = struct.pack("<3H4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(bomb), 22) + bomb
    with pytest.raises(NoPicture, match="more than 16,000,000 pixels"):
        picture_lines(icon)
    assert Image.MAX_IMAGE_PIXELS == picture.MOST_PIXELS // 2


def test_a_file_that_is_too_large_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MOST_BYTES", 10)
    with pytest.raises(NoPicture, match="more than 10 bytes"):
        picture_lines(bytes(11))


def test_damage_is_told_and_never_raised() -> None:
    random, mutator = Random(20_261_129), Mutator(20_261_129)
    samples = [file_of(image(40, 30, tuple(random.randbytes(3))), kind) for kind in FORMATS]
    refused = 0
    for data in [*(sample[: len(sample) // 2] for sample in samples), b"", b"GIF89a"]:
        with pytest.raises(NoPicture):
            picture_lines(data)
    for _ in range(60):
        try:
            lines = picture_lines(mutator.made_of(samples)[:5000])
        except NoPicture:
            refused += 1
        else:
            assert all(cells_of(line) for line in lines)
    assert refused


def test_the_facts_of_avif_are_those_of_its_file() -> None:
    made = file_of(image(30, 20), "AVIF")
    facts = image_of(made)
    assert facts is not None
    assert facts[:3] == ("AVIF", 30, 20)
    cut = image_of(made[:24])
    assert cut is not None
    assert cut[:3] == ("AVIF", 0, 0)
