"""Payloads within payloads: a message of a stream, a part of a body, each shown by its own decoder."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode import registry
from soth_mitm.decode.hex_view import hex_lines
from soth_mitm.decode.image_view import image_lines
from soth_mitm.decode.sniff import LOOK
from soth_mitm.decode.views import SMALL_STEP, NotThis, ReadAs, View

if TYPE_CHECKING:
    from soth_mitm.decode.about import About
    from soth_mitm.decode.outline import Outline
    from soth_mitm.decode.registry import Decoder, Given

MOST_DEPTH: Final = 5
"""Payloads in payloads; what is deeper is shown as bytes."""

LONGEST: Final = 16 * 1024 * 1024
"""Bytes of one payload that are kept until it is complete."""

MOST_TEXT: Final = 8 * 1024 * 1024
"""Characters that one payload may take."""

MOST_HEX: Final = 1024
"""Bytes of one payload that are shown as bytes."""


class Kept:
    """The bytes of a payload that arrives in pieces, up to `LONGEST`."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        room = LONGEST - self.size
        self.size += len(data)
        if room > 0:
            self._pieces.append(data[:room])

    def take(self) -> tuple[bytes, bool]:
        """Return the bytes, and whether they are all; begin the next payload."""
        data, whole = b"".join(self._pieces), self.size <= LONGEST
        self._pieces.clear()
        self.size = 0
        return data, whole


def tell(
    outline: Outline, data: bytes, about: About, given: Given, *, whole: bool = True, at_root: bool = False
) -> Generator[None, None, Decoder]:
    """Write a payload into an outline, in steps; return what shows it.

    `given` is what the view around it was made with. `at_root` says that it is one of many values that
    stand one after the other, so that a path counts them.
    """
    choice = registry.choose(data[:LOOK], about, whole=whole and len(data) <= LOOK)
    decoder, charset, flaw = choice.decoder, "", ""
    if given.depth >= MOST_DEPTH:
        decoder = registry.HEX
    while decoder.make is not None:
        inner = given._replace(about=about, beginning=data[:LOOK], charset=charset, depth=given.depth + 1)
        view = decoder.make(inner)
        try:
            text = yield from _text_of(view, data, whole=whole)
        except ReadAs as again:
            charset = again.charset
        except NotThis as error:
            flaw = str(error)
            decoder = registry.instead_of(decoder, data[:LOOK])
        else:
            notes = ", ".join(filter(None, (flaw, *view.notes, view.error)))
            if at_root:
                outline.next_root()
            else:
                outline.note(notes)
            outline.block(text, view.folds)
            if at_root:
                outline.note(notes)
            return decoder
    if data:
        lines = image_lines(data, len(data)) if decoder.name == "image" else hex_lines(data[:MOST_HEX])
        outline.note(flaw)
        outline.block("\n".join(lines))
        if decoder.name == "hex" and len(data) > MOST_HEX:
            outline.say(f"# the first {MOST_HEX:,} of {len(data):,} bytes")
    return decoder


def _text_of(view: View, data: bytes, *, whole: bool) -> Generator[None, None, str]:
    parts: list[str] = []
    size = 0
    for start in range(0, max(len(data), 1), SMALL_STEP):
        final = whole and start + SMALL_STEP >= len(data)
        text: str = view.feed(data[start : start + SMALL_STEP], final=final)
        while True:
            parts.append(text)
            size += len(text)
            if size > MOST_TEXT:
                return "".join(parts)[:MOST_TEXT] + "…"
            if not view.busy:
                break
            yield
            text = view.go_on()
        yield
    if not whole:
        parts.append(view.stop())
        while view.busy:
            parts.append(view.go_on())
    return "".join(parts)
