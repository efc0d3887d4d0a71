"""One body as lines, made bit by bit: what a process for documents keeps of each.

Bytes as they passed go in; their codings are undone into one temporary file, and what a person reads
of them is written into another. Each step takes a few milliseconds, so that lines can be asked for
while the rest is on its way. Memory does not grow with the body.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from soth_mitm.decode import registry, sniff
from soth_mitm.decode.hex_view import WIDTH, hex_lines
from soth_mitm.decode.image_view import LOOK, image_lines, svg_facts
from soth_mitm.decode.registry import Choice, Given, Look
from soth_mitm.decode.unpacking import Unpacker
from soth_mitm.decode.views import STEP, NotThis, ReadAs, View
from soth_mitm.record.schemas import load
from soth_mitm.record.serving import SLICE_SECONDS
from soth_mitm.record.spool import LINES_BYTES, LineSpool, Scratch
from soth_mitm.text import SafeText, human_size, printable

if TYPE_CHECKING:
    from soth_mitm.decode.about import About

Mode = Literal["auto", "pretty", "raw", "hex"]

LARGEST_TEXT: Final = 8
"""How much larger the lines may be than the most bytes that are shown."""

_HEX_LINE: Final = 80


class Order(NamedTuple):
    """What is to be made of a body."""

    about: About
    content_encoding: bytes
    mode: Mode
    force: bool
    """Lay out even what is larger than `pretty_bytes`."""
    most_bytes: int
    """Decoded bytes that are shown at most."""
    pretty_bytes: int
    """Decoded bytes up to which structure is laid out."""
    expected_bytes: int = 0
    """How many bytes the body has at least, as far as that is known."""
    decoder: str = ""
    """The decoder that a person has chosen; empty where the type and the looks decide."""
    protos: tuple[str, ...] = ()
    """Prepared descriptor sets; see `schemas`."""


class DocumentInfo(NamedTuple):
    """How far a document has come."""

    kind: str
    """What the lines show: the name of a decoder."""
    lines: int
    """Lines so far; the last may still grow."""
    notes: tuple[SafeText, ...]
    """What was done to get there, and what a person should know."""
    error: SafeText
    """What is wrong with the body; the lines show it as far as that goes."""
    truncated: bool
    """There is more than will be shown."""
    taken_bytes: int
    """Bytes of the body, as it passed, that have been read."""
    decoded_bytes: int
    """Bytes once the content codings were undone."""
    shown_bytes: int
    """How many of those are in the lines by now."""
    settled: bool
    """All that has been recorded is in the lines."""
    version: int
    """Raised when earlier lines changed: what was read of them is out of date."""
    look: Look = "plain"
    """How the lines are to be coloured and folded."""

    @property
    def has_folds(self) -> bool:
        """Whether there are folds, paths and values."""
        return self.look in ("json", "tree")


_NOTHING: Final = Choice(registry.DECODERS["empty"])


class Sheet:
    """A body on its way to lines."""

    def __init__(self, order: Order, *, step: int = STEP, pictures: bool = True) -> None:
        """`step` is how many bytes are laid out at once at most; `pictures` says that images are drawn."""
        self.order = order
        self._step = step
        self._pictures = pictures
        self._picture: list[str] | None = None
        self._picture_flaw = ""
        self.lines = LineSpool()
        self.decoder = _NOTHING.decoder
        self._body = Scratch()
        self._unpacker = Unpacker(b"" if order.mode == "hex" else order.content_encoding)
        self._sources: deque[Iterator[bytes]] = deque()
        self._unpacking: Iterator[bytes] = iter(())
        self._taken = 0
        self._truncated = False
        self._complete = False
        self._drained = False
        self._said_all = False
        self._over = False
        self._busy = False
        self._gap = ""
        self._choice = _NOTHING
        self._chosen_by: tuple[int, bool] = (0, False)
        """How many bytes the decoder was chosen by, and whether they were all."""
        self.view: View | None = None
        """What makes text of the bytes; None for hex."""
        self._refusal = ""
        self._refused: set[str] = set()
        """Names of the decoders that could not show it."""
        self._too_large = False
        self._read_as: ReadAs | None = None
        self._rendered = 0
        self._version = 0
        # How many lines there were when so many bytes had been rendered.
        self._offsets = array("Q", [0])
        self._counts = array("Q", [0])

    # --- what goes in -----------------------------------------------------------------------------

    def give(self, source: Iterator[bytes]) -> None:
        """Add the next bytes of the body, which are taken when there is time."""
        self._sources.append(source)
        self._busy = True

    def complete(self, gap: str = "") -> None:
        """Say that no more bytes come; `gap` says why, where that is not their end. The first gap stays."""
        self._complete = self._busy = True
        self._gap = self._gap or gap

    # --- work -------------------------------------------------------------------------------------

    def work(self, seconds: float = SLICE_SECONDS) -> bool:
        """Go on for so long; return whether there is more to do."""
        if not self._busy:
            return False
        until = perf_counter() + seconds
        while self._render() or self._unpack():
            if perf_counter() >= until:
                return True
        self._busy = False
        return False

    def _unpack(self) -> bool:
        """Take one more piece of the body; return whether there was one."""
        if self._drained:
            return False
        piece = next(self._unpacking, None)
        while piece is None and self._sources:
            data = next(self._sources[0], None)
            if data is None:
                self._sources.popleft()
                continue
            self._taken += len(data)
            self._unpacking = self._unpacker.feed(data)
            piece = next(self._unpacking, None)
        if piece is None:
            self._drained = self._complete
            return self._drained
        room = self.order.most_bytes - self.decoded_bytes
        if len(piece) > room:
            piece = piece[:room]
            self._truncated = self._drained = True
            self._sources.clear()
            self._unpacking = iter(())
        self._body.append(piece)
        return True

    def _render(self) -> bool:
        """Make lines of the next bytes; return whether there was something to do."""
        if self._rendered <= sniff.LOOK and self._rendered < self.decoded_bytes:
            self._choose()
        view = self.view
        if view is None or self._over:
            return False
        if not (view.busy or self.decoder.cheap or self._may_lay_out()):
            self._begin()
            return True
        try:
            return self._write(view)
        except ReadAs as again:
            self._read_as = again
        except NotThis as error:
            self._refusal = self._refusal or str(error)
            self._refused.add(self.decoder.name)
        self._begin()
        return True

    def _write(self, view: View) -> bool:
        """Write the next lines of a view."""
        if view.busy:
            self.lines.write(view.go_on())
            self._over = self._said_all and not view.busy
            return True
        data = self.body(self._rendered, min(view.step, self._step))
        last = self._drained and self._rendered + len(data) == self.decoded_bytes
        cut = self._truncated or bool(self._gap)
        if not (data or last):
            return False
        if data or not cut:
            self.lines.write(view.feed(data, final=last and not cut))
        else:
            self.lines.write(view.stop())
        self._rendered += len(data)
        self._said_all = last and not (cut and data)
        if self.lines.size > self.order.most_bytes * LARGEST_TEXT:
            self._truncated = self._said_all = True
            self._over = True
        self._over |= self._said_all and not view.busy
        self._offsets.append(self._rendered)
        self._counts.append(self.lines.ended_lines)
        return True

    def _choose(self) -> None:
        """Choose how to show the body by its beginning; begin again where that changed it."""
        size = min(self.decoded_bytes, sniff.LOOK)
        whole = self._drained and not self._truncated and self.decoded_bytes == size
        if self._chosen_by == (size, whole):
            return
        self._chosen_by = size, whole
        choice = self._chosen(self.body(0, sniff.LOOK), whole=whole)
        if choice != self._choice:
            self._choice = choice
            self._read_as = None
            self._refusal = ""
            self._refused.clear()
            self._begin()

    def _chosen(self, beginning: bytes, *, whole: bool) -> Choice:
        order = self.order
        if order.mode == "hex":
            return Choice(registry.HEX)
        if order.mode == "raw":
            return registry.as_it_stands(beginning, order.about)
        bold = order.mode == "pretty"
        return registry.choose(beginning, order.about, whole=whole, wanted=order.decoder, bold=bold)

    def _begin(self) -> None:
        if self._rendered:
            self._version += 1
        self.lines.clear()
        self._rendered = 0
        self._over = self._said_all = False
        self._offsets, self._counts = array("Q", [0]), array("Q", [0])
        self.decoder = self._choice.decoder
        while self.decoder.name in self._refused or not (self.decoder.cheap or self._may_lay_out()):
            self.decoder = registry.instead_of(self.decoder, self.body(0, sniff.LOOK))
        make = self.decoder.make
        charset = self._read_as.charset if self._read_as else ""
        given = Given(self.order.about, self.body(0, sniff.LOOK), charset, load(self.order.protos))
        self.view = make(given) if make is not None else None

    def _may_lay_out(self) -> bool:
        most = self.order.pretty_bytes
        if not self.order.force and max(self.decoded_bytes, self.order.expected_bytes) > most:
            self._too_large = True
        return not self._too_large

    # --- what comes out ---------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """The name of the decoder that is used by now."""
        return self.decoder.name

    @property
    def decoded_bytes(self) -> int:
        """Bytes once the content codings were undone, so far."""
        return self._body.size

    def body(self, start: int, length: int) -> bytes:
        """Return decoded bytes."""
        return self._body.read(start, length)

    def __len__(self) -> int:
        """Return the number of lines so far."""
        if self.kind == "hex":
            return -(-self.decoded_bytes // WIDTH)
        if self.kind == "image":
            return len(self._image_lines())
        return len(self.lines) if self.lines.size else 0

    def info(self) -> DocumentInfo:
        """Say how far it has come."""
        hexed = self.kind in ("hex", "image")
        return DocumentInfo(
            self.kind,
            len(self),
            tuple(printable(note) for note in self._notes()),
            printable(self._error()),
            self._truncated,
            self._taken,
            self.decoded_bytes,
            self.decoded_bytes if hexed else self._rendered,
            not self._busy,
            self._version,
            self.decoder.look,
        )

    def _notes(self) -> Iterator[str]:
        codings = self._unpacker.codings
        if codings:
            first = "first " if self._truncated else ""
            names = "+".join(codings)
            yield f"{names} {human_size(self._taken)} → {first}{human_size(self.decoded_bytes)}"
        if self._choice.reason:
            yield self._choice.reason
        if self.order.about.media_type == b"image/svg+xml":
            yield svg_facts(self.body(0, sniff.LOOK)) or "SVG, but no svg tag near its beginning"
        if self._too_large:
            yield f"larger than {human_size(self.order.pretty_bytes)}: shown as it is; press p to lay it out"
        if self.view is not None:
            yield from self.view.notes
        characters = self.view.characters if self.view is not None else None
        if self._read_as:
            yield self._read_as.note
        elif characters is not None and characters.note:
            yield characters.note
        if self._gap:
            yield self._gap
        if self._picture_flaw:
            yield self._picture_flaw

    def _error(self) -> str:
        error = self._unpacker.error
        missing = self._unpacker.missing
        if not error and missing and self._drained and not self._truncated and not self._gap:
            error = f"{missing} ends too early"
        return error or self._refusal or (self.view.error if self.view is not None else "")

    def lines_from(self, start: int, count: int) -> list[SafeText]:
        """Return up to `count` lines, fewer where they would be more than `LINES_BYTES`."""
        if start < 0 or count <= 0:
            return []
        if self.kind == "hex":
            count = min(count, LINES_BYTES // _HEX_LINE)
            return hex_lines(self.body(start * WIDTH, count * WIDTH), start * WIDTH)
        if self.kind == "image":
            return self._image_lines()[start : start + count]
        return self.lines.lines(start, count) if self.lines.size else []

    def _image_lines(self) -> list[SafeText]:
        return image_lines(self.body(0, LOOK), self.decoded_bytes) + self._drawn()

    def _drawn(self) -> list[SafeText]:
        """Return the picture of an image that is all there, with a line of room before it."""
        if not self._pictures or not self._drained or self._truncated or self._gap:
            return []
        if self._picture is None:
            from soth_mitm.decode.picture import MOST_BYTES, NoPicture, picture_lines

            try:
                self._picture = ["", *picture_lines(self.body(0, MOST_BYTES + 1))]
            except NoPicture as why:
                self._picture, self._picture_flaw = [], str(why)
        return [SafeText(line) for line in self._picture]

    def line_of(self, offset: int) -> int:
        """Return about which line shows the decoded byte at `offset`."""
        if self.kind == "hex":
            return min(offset, max(self.decoded_bytes - 1, 0)) // WIDTH
        at = bisect_right(self._offsets, offset) - 1
        start, line = self._offsets[at], self._counts[at]
        if at + 1 == len(self._offsets):
            return max(len(self) - 1, 0)
        lines = self._counts[at + 1] - line
        if self.kind == "text":
            return line + min(self.body(start, offset - start).count(b"\n"), lines)
        return line + lines * (offset - start) // max(self._offsets[at + 1] - start, 1)

    def close(self) -> None:
        """Let the files go."""
        self._body.close()
        self.lines.close()
