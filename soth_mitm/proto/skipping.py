"""Pass over the messages of a body that there is no time to tell: count them, and find where one ends.

Much cheaper than finding each: a piece is split by the system's own code, and nothing is kept of it but
what is unfinished at its end, of which at most `HELD` bytes.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.aws_events import MESSAGE
from soth_mitm.proto.aws_prelude import SIZE, next_prelude, prelude_of
from soth_mitm.proto.ndjson import LABEL as LINE

HELD: Final = 64
"""Bytes of an unfinished line that are kept: enough to know whether it is blank, or data."""

_EMPTY: Final = re.compile(rb"\n[ \t\r]*\n")
CALM: Final = 1_000_000
"""Bytes a second that can be told beside everything else."""
WINDOW: Final = 0.1
"""Seconds over which that is measured."""
WAIT: Final = 1.0
"""Seconds after which telling is tried again all the same; twice as many each time."""
WAIT_MOST: Final = 60.0
LONG_AGO: Final = 10.0
"""Seconds of telling after which a stream counts as one that was never too fast."""


class Skipper(Protocol):
    """Counts what it is fed. `count` is of the messages that have ended."""

    count: int
    label: str
    """What a message is called of which the beginning has been told already."""

    def feed(self, data: bytes) -> int:
        """Take the next bytes; return the place in them behind the last message that ends there, or -1."""
        ...

    def finish(self) -> None:
        """Count what the end of the body completes."""
        ...


def skipper_of(form: MessageForm, *, inside: bool) -> Skipper | None:
    """Return what passes over messages of a form, from inside one or between two; None where none can."""
    if form is MessageForm.NDJSON:
        return LineSkipper(inside=inside)
    if form is MessageForm.AWS:
        return AwsSkipper(inside=inside)
    return EventSkipper(inside=inside) if form is MessageForm.SSE else None


class Pace:
    """When messages may be told again that came too fast: once less comes, or after a while that grows.

    So a stream that is always too fast costs little, and one that was so for a moment loses little.
    Times are in seconds.
    """

    __slots__ = ("_began", "_bytes", "_calm", "_ended", "_until", "_wait")

    def __init__(self) -> None:
        self._wait = self._until = self._began = 0.0
        self._ended = -LONG_AGO
        self._bytes = 0
        self._calm = False

    def begin(self, now: float) -> None:
        """Messages are passed over from now on."""
        again = now - self._ended < LONG_AGO
        self._wait = min(2 * self._wait, WAIT_MOST) if again else WAIT
        self._until = now + self._wait
        self._began, self._bytes, self._calm = now, 0, False

    def end(self, now: float) -> None:
        """Messages are told again."""
        self._ended = now

    def allows(self, now: float, size: int) -> bool:
        """Return whether they may be, when `size` more bytes have come."""
        if now - self._began >= WINDOW:
            self._calm = self._bytes < CALM * (now - self._began)
            self._began, self._bytes = now, 0
        self._bytes += size
        return self._calm or now >= self._until


class LineSkipper:
    """Lines that are not blank."""

    label = LINE

    def __init__(self, *, inside: bool) -> None:
        self.count = 0
        self._open = inside

    def feed(self, data: bytes) -> int:
        """See `Skipper`."""
        end = data.rfind(b"\n") + 1
        if end:
            first = data.find(b"\n")
            self.count += self._open or not _blank(data[:first])
            if _EMPTY.search(data, first, end) is None:
                self.count += data.count(b"\n", first + 1, end)
            else:
                self.count += sum(not _blank(line) for line in data[first + 1 : end - 1].split(b"\n"))
            self._open = False
        self._open = self._open or not _blank(data[end:])
        return end or -1

    def finish(self) -> None:
        """See `Skipper`."""
        self.count += self._open
        self._open = False


class EventSkipper:
    """Events of a `text/event-stream`: blocks with a line of `data`, each ended by an empty line."""

    label = "message"

    def __init__(self, *, inside: bool) -> None:
        self.count = 0
        self._data = inside
        """The block that is unfinished has data."""
        self._line = b""
        """The beginning of the line that is unfinished."""
        self._cr = False
        """The last byte was a CR, behind which a LF belongs to it."""

    def feed(self, data: bytes) -> int:
        """See `Skipper`."""
        lead = 1 if self._cr and data[:1] == b"\n" else 0
        self._cr = data[-1:] == b"\r" if data else self._cr
        place, end = lead, -1
        for piece in data[lead:].splitlines(keepends=True):
            line = piece.rstrip(b"\r\n")
            place += len(piece)
            if len(line) == len(piece):
                self._line = (self._line + line)[:HELD]
                break
            if line or self._line:
                whole = (self._line + line[:HELD]) if self._line else line
                self._data = self._data or whole == b"data" or whole.startswith(b"data:")
            else:
                self.count += self._data
                self._data = False
                end = place
            self._line = b""
        return end

    def finish(self) -> None:
        """See `Skipper`. What is unfinished is not an event."""


class AwsSkipper:
    """Messages of an AWS event stream, by the lengths that they tell; from inside one, up to the next."""

    label = MESSAGE

    def __init__(self, *, inside: bool) -> None:
        self.count = 0
        self._lost = inside
        """Where the next message begins is not known: `_head` holds the last bytes."""
        self._head = b""
        self._left = 0
        """Bytes of the message that is passing which have not come."""

    def feed(self, data: bytes) -> int:
        """See `Skipper`."""
        at, end = 0, -1
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                at += step
                self._left -= step
                if not self._left:
                    self.count += 1
                    end = at
                continue
            kept = len(self._head)
            window = self._head + (data[at:] if self._lost else data[at : at + SIZE - kept])
            place = next_prelude(window) if self._lost else 0
            if place < 0 or len(window) < SIZE:
                self._head = window[1 - SIZE :]
                break
            if self._lost:
                self.count += 1  # what it was lost in
                self._lost = False
                end = max(at + place - kept, 0) or -1
            found = prelude_of(window, place)
            if not found.true:
                self._lost, self._head = True, window[1:]
                at += len(window) - kept
                continue
            self._head = b""
            at += place + SIZE - kept
            self._left = found.total - SIZE
        return end

    def finish(self) -> None:
        """See `Skipper`."""
        self.count += bool(self._left or self._head or self._lost)


def _blank(line: bytes) -> bool:
    return not line.strip(b" \t\r")
