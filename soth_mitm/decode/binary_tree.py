"""Formats of tagged bytes as trees, read item by item as they come.

What breaks the rules ends the tree: the lines before it stand, a line says where and why, and what
follows is shown as bytes. What ends too early says so.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, TypeVar

from soth_mitm.decode.hex_view import WIDTH, hex_lines
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Stepped

T = TypeVar("T")

MOST_DEPTH: Final = 500
"""Containers in containers; what is deeper is shown as bytes."""

HELD: Final = 64 * 1024
"""Bytes of one string that are looked at; the rest of it is passed over."""

PAUSE: Final = 64
"""Items after which a view may pause."""

HEX_REST: Final = 64 * 1024
"""Bytes behind an error that are shown."""


class Broken(Exception):
    """The bytes break the rules of the format at `at`, an index into what was fed."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


class BinaryTree(Stepped):
    """A view of items one after the other. Subclasses read them."""

    format: str = ""
    """Its name, as a person knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.outline = Outline(many=True)
        self.folds = self.outline.folds
        self.skip = 0
        """Bytes of a long string that are still to be passed over."""
        self._held = b""
        self._base = 0
        """Offset of the first held byte."""
        self._begun = False
        self._rest = -1
        """Bytes behind an error so far; -1 where there was none."""

    def items(self, data: bytes, *, final: bool) -> Generator[None, None, int]:
        """Read the items that are complete, in steps; return where the first that is not begins.

        May return early with `skip` set, where the rest of one need not be looked at.

        Raises:
            Broken: the bytes break the rules.
        """
        raise NotImplementedError

    def missing(self) -> str:
        """Say what is open where no more comes, such as `inside a map`; empty where nothing is."""
        return ""

    def ended(self) -> None:
        """Write what belongs behind the last item of a body that is complete."""

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        if self._rest >= 0:
            self._show_rest(data, final=final)
        else:
            for _ in self._read(data, final=final):
                yield self.outline.take()
        if final:
            self.outline.finish()
        yield self.outline.take()

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        if self._rest >= 0:
            self._show_rest(b"", final=True)
        elif self._held or self.skip or self.missing():
            self.outline.leave()
            self.outline.say(f"# what was recorded ends here, at byte {self._base + len(self._held):,}")
        self.outline.finish()
        yield self.outline.take()

    def _read(self, data: bytes, *, final: bool) -> Iterator[None]:
        data = self._held + data if self._held else data
        while True:
            skipped = min(self.skip, len(data))
            self.skip -= skipped
            data = data[skipped:]
            self._base += skipped
            try:
                at = yield from self.items(data, final=final)
            except Broken as broken:
                self._break(data, broken, final=final)
                return
            self._begun |= at > 0
            data = data[at:]
            self._base += at
            if not self.skip or not data:
                break
        self._held = data
        if final and (self._held or self.skip or self.missing()):
            self._ended_early()
        elif final:
            self.ended()

    def _ended_early(self) -> None:
        where = self.missing()
        if self._held or self.skip:
            where = f"in a value {where}".rstrip()
        self.error = f"not complete: it ends at byte {self._base + len(self._held):,}, {where}"
        if not self._begun:
            raise NotThis(f"not {self.format}: {self.error.removeprefix('not complete: ')}")
        rest, self._held = self._held, b""
        self.outline.leave()
        self.outline.say(f"# it ends here, {where}")
        if rest:
            self._rest = 0
            self._show_rest(rest, final=True)

    def _break(self, data: bytes, broken: Broken, *, final: bool) -> None:
        at = self._base + broken.at
        if not at:
            raise NotThis(f"not {self.format}: {broken.why}")
        self.error = f"not {self.format} from byte {at:,} on: {broken.why}"
        self.outline.leave()
        self.outline.say(f"# byte {at:,}: {broken.why}; what follows is shown as bytes")
        self._base = at
        self._held = b""
        self._rest = 0
        self._show_rest(data[broken.at :], final=final)

    def _show_rest(self, data: bytes, *, final: bool) -> None:
        data, self._held = self._held + data, b""
        room = HEX_REST - self._rest
        shown = data[:room]
        if not final:
            shown = shown[: len(shown) // WIDTH * WIDTH]
            self._held = data[len(shown) : room]
        for line in hex_lines(shown, self._base + self._rest):
            self.outline.say(line)
        self._rest += len(shown)
        if len(data) > room > 0:
            self.outline.say("# … the rest is not shown; hex has all of it")
            self._rest = HEX_REST


def read_all(reading: Generator[None, None, T]) -> T:
    """Read without a pause; return what the reading returns."""
    while True:
        try:
            next(reading)
        except StopIteration as end:
            found: T = end.value
            return found
