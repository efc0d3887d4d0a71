"""The messages of one flow in columns: 100,000 of them take four megabytes, and none is held itself.

`MessageTable` has one entry a message: its number, direction, label, size and time, and where its payload
lies. What is appended need not make sense; it gives a table all the same.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from soth_mitm.model.events import (
    Direction,
)
from soth_mitm.model.messageflags import (
    COMPRESSED,
    CUT,
    LIES,
    ORIGIN_SHIFT,
    ORIGINS,
    PARTED,
    REQUEST,
    origin_of,
)
from soth_mitm.record.payloads import Slice
from soth_mitm.text import printable

LABELS: Final = 4096
"""Different labels that are kept of one flow; what comes beyond is called `MORE_LABELS`."""

LABEL_CHARS: Final = 80
MORE_LABELS: Final = "(another label)"

DROP_AT_ONCE: Final = 1024
"""Messages beyond the limit before the oldest are dropped: they go together, as that moves all others."""

RATE_NS: Final = 10_000_000_000
"""The time whose messages say how many come a second."""

_LARGEST: Final = 2**63 - 1
_MOST_START: Final = 2**32 - 1
_NOWHERE: Final = Slice(0, 0)


class SeenHead(msgspec.Struct, omit_defaults=True):
    """A `MessageSeen` without its payload, which is then not even copied."""

    direction: str = ""
    number: int = 0
    label: str = ""
    size: int = 0
    offset: int = -1
    compressed: bool = False
    note: str = ""
    origin: str = ""
    cut: bool = False
    fragments: int = 1
    wire: int = 0


class Entry(NamedTuple):
    """One message, as far as a list shows it."""

    position: int
    number: int
    direction: Direction
    label: str
    """Printable, at most `LABEL_CHARS` characters."""
    size: int
    mono_ns: int
    gap_ns: int
    """Since the message before it; 0 for the first that is kept."""
    compressed: bool
    cut: bool
    origin: str


class Place(NamedTuple):
    """Where a message is told, and where its payload lies."""

    block: int
    frame: int
    """Offset of the frame of its `MessageSeen`."""
    slices: Sequence[Slice]
    """Of its payload, as far as it was recorded without a gap."""


class Original(NamedTuple):
    """A message as it came, in whose place another went on."""

    label: str
    """Display text."""
    size: int
    note: str
    """Display text."""
    slices: Sequence[Slice]


class MessageTable:
    """The messages by position: the first ever is 0, and there are `dropped` up to `end`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.dropped = 0
        """Messages at the head that are not kept any more."""
        self.labels: list[str] = []
        self._label_ids: dict[str, int] = {}
        self._numbers = array("Q")
        self._flags = array("B")
        self._label_of = array("H")
        self._sizes = array("q")
        self._times = array("q")
        self._blocks = array("q")
        self._frames = array("I")
        # Of a payload that lies in one chunk of the body, which most do.
        self._lie_blocks = array("I")
        self._lie_frames = array("I")
        self._lie_starts = array("I")
        self._parts: dict[int, Sequence[Slice]] = {}
        self.originals: dict[int, Original] = {}
        """By position, the messages as they came in whose places others went on."""

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def widest_label(self) -> int:
        """The characters of the longest label so far."""
        return max(map(len, self.labels), default=0)

    @property
    def end(self) -> int:
        """One more than the position of the last message."""
        return self.dropped + len(self._numbers)

    def append(
        self, head: SeenHead, *, mono_ns: int, block: int, frame: int, slices: Sequence[Slice] | None = None
    ) -> None:
        """Add a message at the end; the oldest go where there are too many.

        `slices` are those of its payload where that is not in its own event.
        """
        flags = REQUEST if head.direction == "request" else 0
        if head.compressed:
            flags |= COMPRESSED
        if head.cut:
            flags |= CUT
        if head.origin in ORIGINS:
            flags |= ORIGINS.index(head.origin) << ORIGIN_SHIFT
        lies = _NOWHERE
        if slices is not None:
            if len(slices) == 1 and slices[0].start <= _MOST_START:
                flags |= LIES
                lies = slices[0]
            else:
                flags |= PARTED
                self._parts[self.end] = slices
        label = self._label_ids.get(head.label)
        number, size = head.number, head.size
        if not (0 <= number <= _LARGEST and 0 <= size <= _LARGEST):
            number, size = (max(0, min(each, _LARGEST)) for each in (number, size))
        self._numbers.append(number)
        self._flags.append(flags)
        self._label_of.append(self._label_id(head.label) if label is None else label)
        self._sizes.append(size)
        self._times.append(mono_ns)
        self._blocks.append(block)
        self._frames.append(frame)
        self._lie_blocks.append(lies.block)
        self._lie_frames.append(lies.frame)
        self._lie_starts.append(lies.start)
        if len(self._numbers) >= self.most + DROP_AT_ONCE:
            self._drop(len(self._numbers) - self.most)

    def _label_id(self, label: str) -> int:
        if len(self.labels) > LABELS:
            return LABELS
        number = len(self.labels)
        self.labels.append(printable(label, LABEL_CHARS) if number < LABELS else MORE_LABELS)
        if number < LABELS:
            self._label_ids[label] = number
        return number

    def _drop(self, count: int) -> None:
        for column in (
            self._numbers, self._flags, self._label_of, self._sizes, self._times, self._blocks, self._frames,
            self._lie_blocks, self._lie_frames, self._lie_starts,
        ):  # fmt: skip
            del column[:count]
        self.dropped += count
        if self._parts:
            self._parts = {at: parts for at, parts in self._parts.items() if at >= self.dropped}
        if self.originals:
            self.originals = {at: each for at, each in self.originals.items() if at >= self.dropped}

    # --- reading ----------------------------------------------------------------------------------

    def entry(self, position: int) -> Entry:
        """Return one message.

        Raises:
            IndexError: there is none at this position, or no longer.
        """
        at = self._at(position)
        flags, mono_ns = self._flags[at], self._times[at]
        return Entry(
            position,
            self._numbers[at],
            Direction.REQUEST if flags & REQUEST else Direction.RESPONSE,
            self.labels[self._label_of[at]],
            self._sizes[at],
            mono_ns,
            max(mono_ns - self._times[at - 1], 0) if at else 0,
            bool(flags & COMPRESSED),
            bool(flags & CUT),
            origin_of(flags),
        )

    def size(self, position: int) -> int:
        """Return the payload bytes of a message; 0 where there is none at this position."""
        at = position - self.dropped
        return self._sizes[at] if 0 <= at < len(self._sizes) else 0

    def place(self, position: int) -> Place:
        """Return where a message and its payload lie; raises IndexError like `entry`."""
        at = self._at(position)
        flags, size, block, frame = self._flags[at], self._sizes[at], self._blocks[at], self._frames[at]
        slices: Sequence[Slice]
        if flags & PARTED:
            slices = self._parts.get(position, ())
        elif flags & LIES:
            start = self._lie_starts[at]
            slices = (Slice(self._lie_blocks[at], self._lie_frames[at], start, start + size),)
        else:
            slices = (Slice(block, frame),) if size else ()
        return Place(block, frame, slices)

    def _at(self, position: int) -> int:
        at = position - self.dropped
        if not 0 <= at < len(self._numbers):
            raise IndexError(f"no message at {position}: there are {self.dropped} up to {self.end}")
        return at

    def select(self, start: int, stop: int, judge: Judge) -> list[int]:
        """Return the positions from `start` up to `stop` that a judge of columns wants.

        About 0.5 µs a message: call it for a few thousand at a time.
        """
        base = self.dropped
        first, last = max(start, base) - base, min(stop, self.end) - base
        wanted_labels = [judge.wants_label(label) for label in self.labels]
        flags, labels, sizes, times = self._flags, self._label_of, self._sizes, self._times
        wants = judge.wants
        found: list[int] = []
        for at in range(first, last):
            if wanted_labels[labels[at]]:
                gap = times[at] - times[at - 1] if at else 0
                if wants(flags[at], sizes[at], gap):
                    found.append(at + base)
        return found

    def rate(self, now_ns: int) -> float:
        """Return how many messages a second came in the ten seconds before `now_ns`.

        Where the first one came within them, it is since then, but for a second at least.
        """
        recent = len(self._times) - bisect_right(self._times, now_ns - RATE_NS)
        if not recent:
            return 0.0
        since = RATE_NS if recent < len(self._times) else max(now_ns - self._times[0], 1_000_000_000)
        return recent * 1e9 / since

    @property
    def span_ns(self) -> int:
        """The time from the first message that is kept to the last."""
        return max(self._times[-1] - self._times[0], 0) if self._times else 0


class Judge(Protocol):
    """What a filter asks of the columns; `policy.filters.messages.MessageFilter` is one."""

    def wants_label(self, label: str, /) -> bool: ...
    def wants(self, flags: int, size: int, gap_ns: int, /) -> bool: ...
