"""What all views have in common: bytes go in piece by piece, and safe text of many lines comes out.

Lines end in LF, the last one has no end. Cut differently, the same bytes give the same text. Each call
takes some milliseconds at most: a view that has more to say is `busy`, and says it when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Final

from soth_mitm.text import SafeText, printable_block

if TYPE_CHECKING:
    from soth_mitm.decode.flowing import Characters
    from soth_mitm.decode.folds import Folds

STEP: Final = 64 * 1024
"""Bytes that are fed at once to a view that is fast."""

SMALL_STEP: Final = 1024
"""Bytes that any view takes in some milliseconds, whatever they are: what is fed where others wait."""

ENOUGH: Final = 64 * 1024
"""Characters after which a view pauses."""

TURN_SECONDS: Final = 0.002
"""Time after which a view pauses."""


class NotThis(Exception):
    """The bytes are not what the view is for; the message says where and why."""


class ReadAs(Exception):
    """The body must be read from its start again, as another character set than thought."""

    def __init__(self, charset: str, note: str) -> None:
        super().__init__(note)
        self.charset = charset
        self.note = note


class View:
    """A body on its way to text."""

    step: int = STEP
    """Bytes that it takes in some milliseconds."""
    folds: Folds | None = None
    """What can be folded so far; None where there are no folds, paths and values."""
    error: str = ""
    """What is wrong with the body; the text shows it as far as that goes."""
    notes: tuple[str, ...] = ()
    """What a person should know besides."""
    characters: Characters | None = None
    """What makes characters of the bytes, where they are text."""
    busy: bool = False
    """There is more text of what was fed: `go_on` gives it, before the next bytes are fed."""

    def feed(self, data: bytes, *, final: bool = False) -> SafeText:
        """Return the text of the next bytes; `final` says that no more come.

        Raises:
            ReadAs: it is not in the character set that it seemed to be in.
            NotThis: it cannot be shown by this view.
        """
        raise NotImplementedError

    def go_on(self) -> SafeText:
        """Return more of the text while it is `busy`; raises like `feed`."""
        return SafeText("")

    def stop(self) -> SafeText:
        """Return what is to be said where no more bytes come although this is not the end."""
        return SafeText("")


class Stepped(View):
    """A view whose text is made by generators, of which as much is taken as there is time for."""

    def __init__(self) -> None:
        self._work: Iterator[str] = iter(())

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """Yield the text of the next bytes in small pieces, some of which may be empty."""
        raise NotImplementedError

    def rest(self) -> Iterator[str]:
        """Yield what is to be said where no more bytes come although this is not the end."""
        return iter(())

    def feed(self, data: bytes, *, final: bool = False) -> SafeText:
        """See `View`."""
        self._work = self.work(data, final=final)
        return self.go_on()

    def stop(self) -> SafeText:
        """See `View`."""
        self._work = self.rest()
        return self.go_on()

    def go_on(self) -> SafeText:
        """See `View`."""
        out: list[str] = []
        size = 0
        until = perf_counter() + TURN_SECONDS
        self.busy = True
        for text in self._work:
            out.append(text)
            size += len(text)
            if size > ENOUGH or perf_counter() >= until:
                break
        else:
            self.busy = False
        return printable_block("".join(out), as_json=True)


class Whole(Stepped):
    """A view of what can be told only when all of it is there, or as much as is kept of it."""

    most: int = 4 * 1024 * 1024
    """Bytes of the beginning that are kept."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()
        self.size = 0
        """Bytes so far."""

    def tell(self, data: bytes, *, whole: bool) -> Iterator[str]:
        """Yield the text of a body, of which `data` is all, or only the beginning."""
        raise NotImplementedError

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        self.size += len(data)
        self._kept += data[: self.most - len(self._kept)]
        return self.tell(bytes(self._kept), whole=len(self._kept) == self.size) if final else iter(())

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        return self.tell(bytes(self._kept), whole=False)
