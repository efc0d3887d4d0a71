"""What the process for documents does: keeps sheets, and answers about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from soth_mitm.decode.views import STEP
from soth_mitm.errors import DumpError
from soth_mitm.record.folding import Fold, Structure
from soth_mitm.record.pieces import ChunksAt, Gap, Piece, bytes_at
from soth_mitm.record.serving import SLICE_SECONDS, Job, Refused
from soth_mitm.record.sheet import DocumentInfo, Order, Sheet

MOST_SHEETS: Final = 16
"""Documents that are open at once; the one that was not asked about for longest is closed."""

FIRST_SECONDS: Final = 0.05
"""How long the first answer about a body waits for its first lines."""


class Reading:
    """A `Service`: each method below that has no underscore is a request."""

    def __init__(
        self, *, step: int = STEP, slice_seconds: float = SLICE_SECONDS, pictures: bool = True
    ) -> None:
        """`step` is how many bytes are laid out at once at most; `pictures` says that images are drawn."""
        self._sheets: dict[int, Sheet] = {}
        self._step = step
        self._slice_seconds = slice_seconds
        self._pictures = pictures

    def call(self, method: str, args: tuple[Any, ...]) -> object:
        """See `Service`."""
        answer: object = getattr(self, method)(*args)
        return answer

    def work(self) -> bool:
        """See `Service`."""
        busy = False
        for sheet in list(self._sheets.values()):
            busy |= sheet.work(self._slice_seconds)
        return busy

    # --- requests ---------------------------------------------------------------------------------

    def open(self, number: int, order: Order) -> None:
        """Begin a document."""
        self._sheets[number] = Sheet(order, step=self._step, pictures=self._pictures)
        while len(self._sheets) > MOST_SHEETS:
            self.close(next(iter(self._sheets)))

    def give(self, number: int, piece: Piece) -> None:
        """Add the next bytes of its body."""
        sheet = self._sheets.get(number)
        if sheet is None:
            return
        if isinstance(piece, Gap):
            sheet.complete(piece.note)
        elif isinstance(piece, bytes):
            sheet.give(iter((piece,)))
        else:
            sheet.give(_read(sheet, piece))

    def complete(self, number: int) -> None:
        """Say that no more bytes come."""
        sheet = self._sheets.get(number)
        if sheet is not None:
            sheet.complete()

    def info(self, number: int, first: bool = False) -> DocumentInfo:
        """Say how far it has come; `first` gives it a moment to come somewhere."""
        sheet = self._sheet(number)
        if first:
            sheet.work(FIRST_SECONDS)
        return sheet.info()

    def lines(self, number: int, start: int, count: int) -> list[str]:
        """Return lines of it."""
        return list(self._sheet(number).lines_from(start, count))

    def line_of(self, number: int, offset: int) -> int:
        """Return about which line shows a decoded byte."""
        return self._sheet(number).line_of(offset)

    def fold_at(self, number: int, line: int) -> Fold | None:
        """Return what opens at a line."""
        return Structure(self._sheet(number)).fold_at(line)

    def folds(self, number: int, start: int, count: int) -> list[Fold]:
        """Return what opens in a range of lines."""
        return Structure(self._sheet(number)).folds(start, count)

    def path_at(self, number: int, line: int) -> str:
        """Return the path of the value at a line."""
        return Structure(self._sheet(number)).path_at(line)

    def value_at(self, number: int, line: int) -> str:
        """Return the value at a line."""
        return Structure(self._sheet(number)).value_at(line)

    def search(self, number: int, pattern: str, regex: bool, case: bool, most: int) -> Job:
        """Search all of it; see `searching.search`."""
        from soth_mitm.record.searching import search

        return search(self._sheet(number), pattern, regex=regex, case=case, most=most)

    def close(self, number: int) -> None:
        """End a document."""
        sheet = self._sheets.pop(number, None)
        if sheet is not None:
            sheet.close()

    def _sheet(self, number: int) -> Sheet:
        sheet = self._sheets.pop(number, None)
        if sheet is None:
            raise Refused("this body was closed, because many others were opened since; open it again")
        self._sheets[number] = sheet  # now the youngest
        return sheet


def _read(sheet: Sheet, piece: tuple[ChunksAt, ...]) -> Iterator[bytes]:
    try:
        yield from bytes_at(piece)
    except DumpError as error:
        sheet.complete(f"the rest cannot be read: {error}")
