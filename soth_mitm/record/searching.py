"""Search in a document: in the lines as a person sees them, or in the bytes behind a hex dump."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.decode.hex_view import WIDTH
from soth_mitm.record.serving import SLICE_SECONDS, Job, Refused
from soth_mitm.record.spool import CUT, PIECE

if TYPE_CHECKING:
    from soth_mitm.record.sheet import Sheet

WINDOW: Final = 128 * 1024
"""Bytes that are searched at once, up to the end of a line."""

OVERLAP: Final = 4 * 1024
"""What of a line without end is searched twice: the longest match that is sure to be found."""

TELL_SECONDS: Final = 0.1

_CHECK_EVERY: Final = 64
_CUT_BYTES: Final = CUT.encode()
_HEX_PAIRS = re.compile(r"[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2})*")
_HEX_START = 10
_HEX_ASCII = _HEX_START + WIDTH * 3 + 3


class Match(NamedTuple):
    """Where a match stands. One that goes on in the next line ends with this one."""

    line: int
    start: int
    end: int


class Found(NamedTuple):
    """What a search has found since it last said so, and how far it is."""

    matches: list[Match]
    matched: int
    """All matches so far, those without a place included."""
    searched: int
    """Bytes that were searched."""
    size: int
    """Bytes that there are by now."""
    done: bool


def search(sheet: Sheet, pattern: str, *, regex: bool, case: bool, most: int) -> Job:
    """Search all of a sheet, also what is still on its way; a job that yields and returns `Found`."""
    if sheet.kind == "hex":
        return _run(_Bytes(sheet, pattern, regex=regex, case=case), most)
    compiled = _compiled(pattern, regex=regex, case=case)
    return _run(_Text(sheet, compiled, plain="" if regex else pattern, case=case), most)


def _compiled(pattern: str, *, regex: bool, case: bool) -> re.Pattern[str]:
    try:
        return re.compile(
            pattern if regex else re.escape(pattern), (0 if case else re.IGNORECASE) | re.MULTILINE
        )
    except (re.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None)
        where = f" at column {at + 1}" if at is not None else ""
        raise Refused(f"not a valid regular expression{where}: {getattr(error, 'msg', error)}") from None


def _run(seeker: _Text | _Bytes, most: int) -> Job:
    new: list[Match] = []
    count = 0
    told = started = perf_counter()
    sheet = seeker.sheet
    while True:
        for match in seeker.window(places=count < most):
            count += 1
            if match is not None and count <= most:
                new.append(match)
            if not count % _CHECK_EVERY and perf_counter() - started > SLICE_SECONDS:
                yield None
                started = perf_counter()
        if seeker.at_end and sheet.info().settled:
            return Found(new, count, seeker.searched, seeker.total, True)
        now = perf_counter()
        if now - told > TELL_SECONDS:
            yield Found(new, count, seeker.searched, seeker.total, False)
            new, told = [], now
        else:
            yield None
        started = perf_counter()


class _Text:
    """Goes through the lines window by window."""

    def __init__(self, sheet: Sheet, pattern: re.Pattern[str], *, plain: str, case: bool) -> None:
        self.sheet = sheet
        self.searched = 0
        self._pattern = pattern
        self._plain = plain if case else plain.lower()
        self._case = case
        self._version = sheet.info().version
        self._skip = 0

    @property
    def total(self) -> int:
        """Bytes there are."""
        return self.sheet.lines.size

    @property
    def at_end(self) -> bool:
        """Whether all there is was searched."""
        return self.searched >= self.total

    def window(self, *, places: bool) -> Iterator[Match | None]:
        """Yield the matches of the next window that were not in the one before, None without `places`."""
        lines = self.sheet.lines
        if self._version != self.sheet.info().version:
            raise Refused("the text was read anew in another character set; search again")
        start = self.searched
        data = lines.read(start, WINDOW)
        more = start + len(data) < lines.size or not self.sheet.info().settled
        end = data.rfind(b"\n") + 1
        if not more:
            self.searched = start + len(data)
            end = limit = len(data)
        elif end:
            self.searched, limit = start + end, end
        elif len(data) < WINDOW:
            return
        else:
            # A line without end: what a match could begin with is looked at again.
            end = len(data)
            limit = data.rfind(_CUT_BYTES, 0, len(data) - OVERLAP) + 1 or len(data)
            self.searched = start + limit
        yield from self._matches(data[:end], start, limit, places=places)

    def _matches(self, data: bytes, start: int, limit: int, *, places: bool) -> Iterator[Match | None]:
        cuts = _CUT_BYTES in data
        text = data.decode("utf-8", "ignore")
        plain = text.replace(CUT, "") if cuts else text
        lines = _Places(text, self.sheet.lines.line_at(start)) if places else None
        keep = len(data[:limit].decode("utf-8", "ignore").replace(CUT, ""))
        skip, self._skip = self._skip, 0
        for first, last in self._spans(plain, skip):
            if first < keep and last > first:
                self._skip = max(last - keep, 0)
                yield lines.match(first, last) if lines is not None else None

    def _spans(self, text: str, start: int) -> Iterator[tuple[int, int]]:
        """Yield where matches stand; plain words are found ten times as fast as by an expression."""
        folded = text if self._case else text.lower()
        if not self._plain or len(folded) != len(text):
            for match in self._pattern.finditer(text, start):
                yield match.span()
            return
        size = len(self._plain)
        at = folded.find(self._plain, start)
        while at >= 0:
            yield at, at + size
            at = folded.find(self._plain, at + size)


class _Places:
    """Turns characters of a window, its cuts left out, into lines and columns."""

    def __init__(self, text: str, line: int) -> None:
        self._starts = [0]
        removed = 0
        for end in re.finditer(r"[\n\x1f]", text):
            if end.group() == CUT:
                removed += 1
            self._starts.append(end.end() - removed)
        self._line = line

    def match(self, first: int, last: int) -> Match:
        """Return the place of a match of characters `first` up to `last`."""
        at = bisect_right(self._starts, first) - 1
        start = self._starts[at]
        return Match(self._line + at, first - start, min(last - start, PIECE))


class _Bytes:
    """Goes through the bytes behind a hex dump."""

    def __init__(self, sheet: Sheet, pattern: str, *, regex: bool, case: bool) -> None:
        self.sheet = sheet
        self.searched = 0
        flags = (0 if case else re.IGNORECASE) | re.DOTALL
        try:
            if regex:
                self._pattern = re.compile(pattern.encode("utf-8", "surrogatepass"), flags)
            elif _HEX_PAIRS.fullmatch(pattern):
                plain = re.escape(pattern.encode())
                self._pattern = re.compile(re.escape(bytes.fromhex(pattern)) + b"|" + plain)
            else:
                self._pattern = re.compile(re.escape(pattern.encode("utf-8", "surrogatepass")), flags)
        except (re.error, OverflowError, RecursionError) as error:
            raise Refused(f"not a valid regular expression: {error}") from None

    @property
    def total(self) -> int:
        """Bytes there are."""
        return self.sheet.decoded_bytes

    @property
    def at_end(self) -> bool:
        """Whether all there is was searched."""
        return self.searched >= self.total

    def window(self, *, places: bool) -> Iterator[Match | None]:
        """Yield the matches of the next window, None without `places`."""
        start = self.searched
        data = self.sheet.body(start, WINDOW + OVERLAP)
        limit = len(data) if start + len(data) >= self.total else WINDOW
        self.searched = start + limit
        for match in self._pattern.finditer(data):
            first, last = match.span()
            if first < limit and last > first:
                if not places:
                    yield None
                    continue
                line, column = divmod(start + first, WIDTH)
                stop = min(column + last - first, WIDTH)
                yield Match(line, _HEX_ASCII + column, _HEX_ASCII + stop)
