"""A document as a part of a page: the lines around what is in sight, read while the person looks."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.cache import LRUCache

from soth_mitm.decode.conversation_view import THOUGHT
from soth_mitm.decode.outline import NAMED, NOTE
from soth_mitm.record.document import WorkerError
from soth_mitm.text import printable
from soth_mitm_tui.lines import Subject, line
from soth_mitm_tui.viewers.content import Tint, plain, tinted
from soth_mitm_tui.viewers.folding import MOST_CLOSED, Folding

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from soth_mitm.record.document import BodyOf, Document, Fold, Found
    from soth_mitm.text import SafeText
    from soth_mitm_tui.lines import Line, Span
    from soth_mitm_tui.viewers.hits import Query

KEPT_LINES: Final = 2048
"""Lines of a document that are kept; one has 4,000 characters at most."""

AT_ONCE: Final = 128
"""Lines that are asked for at once."""

AROUND: Final = 96
"""Lines above and below what is in sight that are read before they are looked at."""

LOOK_BACK: Final = 5000
"""Lines before the current one among which what is around it is looked for."""

FOLDS_AT_ONCE: Final = 2000
"""Lines whose folds are asked for at once."""

OPEN: Final = "▾ "
SHUT: Final = "▸ "
_ENDS: Final = {"{": "}", "[": "]"}
_THINGS: Final = {"{": "member", "[": "item"}

READING_SECONDS: Final = 0.1
"""How often a search looks whether all of the body has been read."""

PIECE: Final = 4000
"""A line of so many characters goes on in the next one."""


class _Kept(NamedTuple):
    text: SafeText
    opens: bool
    """Something begins here that can be folded."""


class Window:
    """Reads lines when they are wanted, nearest first, and calls `changed` when some have come."""

    def __init__(
        self,
        document: Document,
        *,
        start: Callable[[Coroutine[None, None, None]], object],
        changed: Callable[[], None],
    ) -> None:
        self.document = document
        self.tint: Tint = plain
        self._start, self._changed = start, changed
        self.folding = Folding()
        self._kept: LRUCache[int, _Kept] = LRUCache(KEPT_LINES)
        self._version = 0
        self._count = 0
        self._captured = 0
        self._wanted = (0, 0)
        # A document is asked for one thing after the other: it may have to hand itself over first.
        self._lock = asyncio.Lock()
        self.trouble = ""
        """Why lines could not be read; tried again when more has come."""
        self.busy = False
        """Whether lines that are in sight are on their way."""

    def __len__(self) -> int:
        return self._count - self.folding.hidden

    def __getitem__(self, row: int) -> Line | None:
        number = self.folding.line_of(row)
        kept = self._kept.get(number)
        if kept is None:
            return line((f"  ✕ {self.trouble}", "bad"), indent=4) if self.trouble else None
        text = kept.text
        if kept.opens:
            return self._opening(number, text)
        made = tinted(text, self.tint)
        if self.is_tree:
            value = scalar(text.strip().removeprefix(THOUGHT), notes=self._look == "tree")
            made = made._replace(subject=Subject("Value", value))
        return made._replace(goes_on=True) if len(text) == PIECE else made

    def _opening(self, number: int, text: SafeText) -> Line:
        """Return a line on which something opens that can be folded."""
        fold = self.folding.closed_at(number)
        if fold is None:
            return tinted(text, self.tint, OPEN)
        made = tinted(text, self.tint, SHUT)
        bracket = NOTE.sub("", text)[-1:]
        rest: tuple[Span, ...]
        if bracket in _ENDS:
            count = f"{fold.children:,} {_THINGS[bracket]}{'' if fold.children == 1 else 's'}"
            rest = ((f" {count} ", "accent"), (_ENDS[bracket], "muted"))
        else:
            hidden = fold.end - fold.line
            rest = ((f"  {hidden:,} line{'' if hidden == 1 else 's'}", "accent"),)
        return made._replace(spans=(*made.spans, *rest))

    @property
    def _look(self) -> str:
        return self.document.info.look

    @property
    def is_tree(self) -> bool:
        """Whether it has folds, paths and values."""
        return self.document.info.has_folds

    # --- how far it is

    async def update(self, message: BodyOf) -> None:
        """Take what has come since; the new lines are there, as far as they are a screenful."""
        before = self._count
        self.trouble = ""
        self._captured = message.refs.captured
        async with self._lock:
            info = await self.document.follow(message)
        if info.version != self._version:
            self._version = info.version
            self._kept.clear()
            self.folding.open_all()
            before = 0
        elif before:
            self._kept.discard(before - 1)  # it may have grown
        self._count = info.lines
        first = max(before - 1, 0)
        if info.lines > first + AT_ONCE and before:
            first = info.lines - AT_ONCE
        await self._read(first, min(info.lines, first + AT_ONCE))

    # --- reading

    def want(self, first: int, stop: int) -> None:
        """See `Asking`."""
        self._wanted = first, stop
        if not self.busy and not self.trouble and self._next() is not None:
            self.busy = True
            self._start(self._load())

    def _next(self) -> tuple[int, int] | None:
        """Return the lines to be read next: those in sight, then those below, then those above."""
        first, stop = self._wanted
        line_of = self.folding.line_of
        for low, high in ((first, stop), (stop, stop + AROUND), (first - AROUND, first)):
            low, high = max(low, 0), min(high, len(self))
            for row in range(low, high):
                number = line_of(row)
                if number not in self._kept:
                    # Up to the next line that is folded away, or the end of what is wanted.
                    last = min(row + AT_ONCE, high)
                    while line_of(last - 1) - number != last - 1 - row:
                        last = row + (last - row + 1) // 2
                    return number, number + last - row
        return None

    async def _load(self) -> None:
        try:
            while (wanted := self._next()) is not None:
                if not await self._read(*wanted):
                    break
                self._changed()
        except WorkerError as error:
            self.trouble = printable(str(error))
            self._changed()
        finally:
            self.busy = False

    async def _read(self, first: int, stop: int) -> bool:
        """Read lines; False where there were none, although there should be."""
        while first < stop:
            version = self._version
            async with self._lock:
                lines = await self.document.lines(first, stop - first)
                opens: set[int] = set()
                if self._look == "tree":
                    opens = {fold.line for fold in await self.document.folds(first, len(lines))}
            if version != self._version:
                return True
            if not lines:
                return False
            brackets = self._look == "json"
            for number, text in enumerate(lines, first):
                self._kept[number] = _Kept(text, number in opens or (brackets and text[-1:] in _ENDS))
            first += len(lines)
        return True

    async def fetch(self, row: int) -> None:
        """Read the lines from a row on."""
        number = self.folding.line_of(row)
        await self._read(number, min(number + AT_ONCE, self._count))

    # --- folds and values

    async def fold_around(self, number: int) -> str:
        """Open or close what begins on a line, or what is around it; return why that cannot be done."""
        if self.folding.open(number):
            return ""
        async with self._lock:
            fold = await self.document.fold_at(number)
            if fold is None:
                first = max(number - LOOK_BACK, 0)
                folds = await self.document.folds(first, number - first)
                fold = next((each for each in reversed(folds) if each.end >= number), None)
        if fold is None:
            return "There is nothing to fold on this line"
        if fold.end < 0:
            return "Its end has not come yet"
        self.folding.close([fold])
        return ""

    async def fold_all(self) -> None:
        """Close everything one level below the top, or open all where something is closed."""
        if len(self.folding):
            self.folding.open_all()
            return
        async with self._lock:
            outermost = await self.document.fold_at(0)
        at, inside = 0, self._count
        if outermost is not None and not 0 <= outermost.end < inside - 1:
            at = 1
        while at < inside and len(self.folding) < MOST_CLOSED:
            async with self._lock:
                folds = await self.document.folds(at, FOLDS_AT_ONCE)
            outer: list[Fold] = []
            for fold in folds:
                if fold.line >= at and fold.end > fold.line:
                    outer.append(fold)
                    at = fold.end + 1
            self.folding.close(outer)
            at = max(at, (folds[-1].line + 1) if folds and not outer else at)
            if not folds or not outer:
                at += FOLDS_AT_ONCE

    async def path_at(self, row: int) -> str:
        """Return where a row stands in the document; empty where that is nothing to say."""
        if not self.is_tree:
            return ""
        async with self._lock:
            return await self.document.path_at(self.folding.line_of(row))

    async def value_at(self, row: int) -> str:
        """Return the whole value at a row, as JSON."""
        async with self._lock:
            return await self.document.value_at(self.folding.line_of(row))

    # --- searching

    async def search(self, query: Query, reading: Callable[[float], None]) -> AsyncGenerator[Found, None]:
        """Search all of the document, once it is there; `reading` is told how much of it is."""
        document = self.document
        async with self._lock:
            info = await document.refresh()
        while not info.settled:
            reading(info.taken_bytes / max(self._captured, 1))
            await asyncio.sleep(READING_SECONDS)
            async with self._lock:
                info = await document.refresh()
        found_so_far = document.search(query.text, regex=query.regex, case=query.case)
        async with contextlib.aclosing(found_so_far):
            async for found in found_so_far:
                yield found


_MEMBER: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*": )?(.*?),?')


def scalar(text: str, *, notes: bool = False) -> str:
    """Return the value on a line of a tree, without its name; empty for one that goes on below.

    `notes` says that it is no JSON, but a tree whose names may be anything and whose lines have notes.
    """
    if notes:
        text = NOTE.sub("", text)
        name = NAMED.match(text)
        value = text[name.end() :] if name else text
        value = value.removesuffix(",")
    else:
        match = _MEMBER.fullmatch(text)
        value = match[1] if match else ""
    return "" if value[-1:] in _ENDS or value[:1] in ("}", "]") else value
