"""The messages of one flow in columns: 100,000 of them take four megabytes, and none is held itself.

`MessageTable` has one entry a message: its number, direction, label, size and time, and where its payload
lies. `MessageFold` fills it from frames, and keeps what a person wants to know of the whole. Pure, and
tolerant: any frames in any order give a table and never an error.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from soth_mitm.model.events import (
    BodyChunk,
    Direction,
    MessageChunk,
    MessageForm,
    MessageSeen,
    MessagesSkipped,
    MessagesStarted,
    MessagesStopped,
    OriginalMessage,
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
from soth_mitm.proto.websocket.turns import Turn, TurnEnd, Turns
from soth_mitm.record.frames import Frame, decode_frame
from soth_mitm.record.payloads import Chunks, Slice
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

KINDS: Final = frozenset(
    (
        MessageChunk.KIND,
        MessagesStarted.KIND,
        MessagesSkipped.KIND,
        MessagesStopped.KIND,
        OriginalMessage.KIND,
    )
)


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


class _Chunk(msgspec.Struct):
    """What of a `BodyChunk` is needed."""

    direction: str = ""
    offset: int = 0
    data: bytes = b""


_heads: Final = msgspec.msgpack.Decoder(SeenHead)
_chunks: Final = msgspec.msgpack.Decoder(_Chunk)
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def head_of(payload: bytes, frame: Frame) -> SeenHead | None:
    """Return what a `MessageSeen` says besides its payload; None where it cannot be read."""
    try:
        return _heads.decode(payload[frame.start : frame.end])
    except _UNREADABLE:
        return None


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


class MessageFacts(msgspec.Struct):
    """What is known of the messages of one flow as a whole. Texts are as they came from the network."""

    started: dict[str, MessagesStarted] = {}
    """How the messages of each direction are framed."""
    stopped: dict[str, MessagesStopped] = {}
    skipped: int = 0
    """Messages that passed untold, because more came than could be told."""
    from_client: int = 0
    """Messages so far, those that are not kept any more included."""
    from_server: int = 0
    client_bytes: int = 0
    server_bytes: int = 0
    origins: dict[str, int] = {}
    """How many were changed, dropped or injected."""
    last_note: dict[str, str] = {}
    """Of each direction the last note that was not empty; of an event stream, the id."""
    close: tuple[str, str] | None = None
    """Who closed a WebSocket first, `request` or `response`, and code and reason."""
    last_ns: int = 0
    """When the last one came."""

    @property
    def count(self) -> int:
        """Messages of both directions."""
        return self.from_client + self.from_server

    @property
    def form(self) -> str:
        """What they are framed by; of two directions that differ, the server's."""
        for direction in ("response", "request"):
            if direction in self.started:
                return str(self.started[direction].form)
        return ""


class Coming(NamedTuple):
    """A message of which chunks are there, and not its end."""

    number: int
    direction: str
    size: int


class MessageFold:
    """Fills a table from the frames of one flow, and may go on as more come.

    A frame that was taken before, told by its `seq`, is passed over.
    """

    def __init__(self, *, most: int) -> None:
        self.table = MessageTable(most)
        self.facts = MessageFacts()
        self.seq = 0
        self.turn: Turn | None = None
        """The turn of a WebSocket that goes on, or the last one."""
        self._turns = Turns()
        self._parts: dict[int, Chunks] = {}
        self._coming: dict[str, int] = {}
        self._bodies: dict[str, Chunks] = {}
        self._original: tuple[int, Original] | None = None
        """The number of a message, and what came, until what went on in its place is told."""

    def take(self, payload: bytes, frame: Frame, block: int) -> bool:
        """Take one frame of the flow; return whether anything changed."""
        if frame.seq <= self.seq:
            return False
        self.seq = frame.seq
        kind = frame.kind
        if kind == MessageSeen.KIND:
            self._seen(payload, frame, block)
        elif kind == BodyChunk.KIND:
            self._body_chunk(payload, frame, block)
            return False
        elif kind in KINDS:
            event = decode_frame(payload, frame)
            body = event.body if event is not None else None
            if isinstance(body, MessagesStarted):
                self.facts.started[body.direction] = body
                self._bodies[body.direction] = Chunks()
            elif isinstance(body, MessagesSkipped):
                self.facts.skipped += body.count
            elif isinstance(body, MessagesStopped):
                self.facts.stopped[body.direction] = body
                self._bodies.pop(body.direction, None)
            elif isinstance(body, MessageChunk):
                self._chunk(frame, block, body)
            elif isinstance(body, OriginalMessage):
                self._came(frame, block, body)
                return False
        else:
            return False
        return True

    def _body_chunk(self, payload: bytes, frame: Frame, block: int) -> None:
        """Take note of bytes of a body in which messages may lie."""
        if not self._bodies:
            return
        try:
            chunk = _chunks.decode(payload[frame.start : frame.end])
        except _UNREADABLE:
            return
        chunks = self._bodies.get(chunk.direction)
        if chunks is not None:
            chunks.add(block, frame.offset, chunk.offset, len(chunk.data))

    def _chunk(self, frame: Frame, block: int, body: MessageChunk) -> None:
        before = self._coming.get(body.direction)
        if before is not None and before != body.number:
            self._parts.pop(before, None)  # its end was lost
        self._coming[body.direction] = body.number
        chunks = self._parts.setdefault(body.number, Chunks())
        chunks.add(block, frame.offset, body.offset, len(body.data))

    def _came(self, frame: Frame, block: int, body: OriginalMessage) -> None:
        before = self._original
        slices = before[1].slices if before is not None and before[0] == body.number and body.offset else ()
        if body.data:
            slices = (*slices, Slice(block, frame.offset))
        label, note = printable(body.label, LABEL_CHARS), printable(body.note, 200)
        self._original = body.number, Original(label, body.size, note, slices)

    def _seen(self, payload: bytes, frame: Frame, block: int) -> None:
        head = head_of(payload, frame)
        if head is None:
            return
        parts = self._parts.pop(head.number, None) if self._parts else None
        if parts is not None and self._coming.get(head.direction) == head.number:
            del self._coming[head.direction]
        slices: Sequence[Slice] | None = None
        if parts is not None:
            slices = parts.slices(0, head.size)
        elif head.offset >= 0:
            chunks = self._bodies.get(head.direction)
            slices = chunks.slices(head.offset, head.size) if chunks is not None else ()
            if chunks is not None:
                chunks.forget_before(head.offset + head.size)
        if self._original is not None and self._original[0] == head.number:
            self.table.originals[self.table.end] = self._original[1]
            self._original = None
        self.table.append(head, mono_ns=frame.mono_ns, block=block, frame=frame.offset, slices=slices)
        facts = self.facts
        if head.direction == "request":
            facts.from_client += 1
            facts.client_bytes += head.size
        else:
            facts.from_server += 1
            facts.server_bytes += head.size
        if head.origin:
            facts.origins[head.origin] = facts.origins.get(head.origin, 0) + 1
        if head.note:
            facts.last_note[head.direction] = head.note
        if facts.form == MessageForm.WEBSOCKET:
            self._websocket(head, frame.mono_ns)
        facts.last_ns = frame.mono_ns

    def _websocket(self, head: SeenHead, mono_ns: int) -> None:
        if head.label in ("text", "binary"):
            direction = Direction.REQUEST if head.direction == "request" else Direction.RESPONSE
            self._turns.message(direction, head.number, size=head.size, at_ns=mono_ns)
            self.turn = self._turns.open
        elif head.label == "close":
            self.turn = self._turns.finish(TurnEnd.CLOSE) or self.turn
            if self.facts.close is None:
                self.facts.close = head.direction, head.note

    @property
    def coming(self) -> list[Coming]:
        """The messages that are on their way, as far as they have come."""
        return [
            Coming(number, direction, self._parts[number].size)
            for direction, number in self._coming.items()
            if number in self._parts
        ]
