"""Every decoder as a target: whatever the bytes are and wherever they are cut, the same is shown, safely.

They are made of the samples of the decoders, and too slow for each run of the tests: `make fuzz` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

from soth_mitm.decode import render
from soth_mitm.decode.about import About
from soth_mitm.decode.registry import OFFERED, Decoder, Given
from soth_mitm.decode.sniff import LOOK
from soth_mitm.text import printable
from tests.decode.feeding import cut_at, outcome
from tests.decode.hostile import samples
from tests.decode.llm.dialects import CHAT_STREAMED

PREFIX = "decode_"
_ABOUTS = {"multipart": About(b"multipart/mixed; boundary=B"), "conversation": CHAT_STREAMED.about}
_TYPES = (b"", b"text/html", b"application/json", b"application/octet-stream", b"image/png", b"text/css")
_CODINGS = (b"", b"", b"gzip", b"br, zstd", b"deflate")


@cache
def known(name: str) -> list[bytes]:
    """Return good bodies of a decoder; of no decoder in particular, those of all."""
    every = samples()
    return every.get(name.removeprefix(PREFIX)) or [data for each in every.values() for data in each]


def _decoder(decoder: Decoder, data: bytes, cuts: Sequence[int]) -> None:
    for ended in (True, False):
        shown, anew = _shown(decoder, [data], data, ended=ended)
        again, again_anew = _shown(decoder, cut_at(data, list(cuts)), data, ended=ended)
        if anew != again_anew:
            # What is wrong was found before it was seen that the text is no UTF-8.
            assert len(shown) == len(again) == 2
        elif decoder.name == "gzip" and shown[1] and again[1]:
            continue  # how a library words what is wrong, and what it gives before, depends on the cuts
        else:
            assert again == shown


def _shown(
    decoder: Decoder, pieces: list[bytes], data: bytes, *, ended: bool
) -> tuple[tuple[object, ...], bool]:
    """Return what is shown, and whether it was read anew in another character set than thought."""
    make = decoder.make
    assert make is not None
    given = Given(_ABOUTS.get(decoder.name, About()), data[:LOOK])
    found = outcome(lambda: make(given), pieces, ended=ended)
    if found[0] != "ReadAs":
        return found, False
    return outcome(lambda: make(given._replace(charset="latin-1")), pieces, ended=ended), True


def _any(data: bytes, cuts: Sequence[int]) -> None:
    seed = sum(data[:100])
    shown = render(
        data,
        content_type=_TYPES[seed % len(_TYPES)],
        content_encoding=_CODINGS[seed % len(_CODINGS)],
        mode="pretty" if seed % 3 else "auto",
        complete=bool(seed % 2),
        max_output=100_000,
    )
    for line in (*shown.lines[:1000], *shown.notes, shown.error):
        assert printable(line) == line


DECODING: dict[str, Callable[[bytes, Sequence[int]], None]] = {
    f"{PREFIX}any": _any,
    **{f"{PREFIX}{each.name}": partial(_decoder, each) for each in OFFERED if each.make is not None},
}
