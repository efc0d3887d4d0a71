"""Messages within a flow, told as events: numbered, cut to size, within the capture budget.

Whoever finds messages (frames of a WebSocket, events of a stream, calls of gRPC) hands them to a
`MessageTeller`, one a direction. It never raises into its caller for what the network sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import (
    CHUNK_LIMIT,
    Body,
    Direction,
    MessageChunk,
    MessageForm,
    MessageSeen,
    MessagesSkipped,
    MessagesStarted,
    MessagesStopped,
    OriginalMessage,
)
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.net.talks import TalkTap

LABEL_LIMIT = 80
NOTE_LIMIT = 200
FOLLOWED = 1024 * 1024
"""Bytes of a message that are kept for what follows the conversation, which reads no longer one."""


class Numbers:
    """Counts the messages of one flow, both directions together."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0
        """Number of the latest message; 0 while there was none."""

    def next(self) -> int:
        """Return the number of the next message."""
        self.last += 1
        return self.last


def numbers_of(flow: FlowLife) -> Numbers:
    """Return what counts a flow's messages."""
    if flow.numbers is None:
        flow.numbers = Numbers()
    return flow.numbers


class MessageTeller:
    """Tells the messages of one direction.

    A long message is told while it arrives: `part` as often as there is more, then `end`. One that is
    there at once, or comes between the parts of another (a ping), is told by `whole`; one that lies in
    the body as it is by `lies`. Where `capture` is false (metadata-only) no payload and no note is told.
    """

    __slots__ = (
        "_budget", "_direction", "_flow", "_held", "_label", "_limit", "_number", "_numbers", "_offset",
        "_originals", "_shared", "_shown", "_size", "_text", "capture", "stopped", "talk",
    )  # fmt: skip

    def __init__(
        self, shared: Shared, flow: FlowLife, numbers: Numbers, *, direction: Direction, capture: bool
    ) -> None:
        limits = shared.config.limits
        self._shared = shared
        self._flow = flow
        self._numbers = numbers
        self._direction = direction
        self._limit = limits.message_bytes
        self._budget = limits.capture_body_bytes
        """Payload bytes that may still be told."""
        self._originals = limits.capture_body_bytes
        """Bytes that may still be told of messages in whose place others went on."""
        self.capture = capture
        self.talk: TalkTap | None = None
        """What follows the conversation with a language model that these may be the messages of."""
        self._text: list[bytes] = []
        """For that, the message that is arriving."""
        self.stopped = False
        self._label, self._shown = "", printable("")
        """The last label, and what is told of it: most streams have few."""
        self._number = 0
        """Number of the message that is arriving, once a part of it is told."""
        self._held: list[bytes] = []
        self._size = 0
        self._offset = 0
        """How much of the message that is arriving is told."""

    @property
    def arriving(self) -> int:
        """Payload bytes so far of the message that is arriving."""
        return self._size

    @property
    def told_in_part(self) -> bool:
        """Whether chunks of the message that is arriving are told."""
        return self._offset > 0

    def start(self, form: MessageForm, detail: str = "") -> None:
        """Tell that messages follow."""
        self._emit(MessagesStarted(self._direction, form, printable(detail, NOTE_LIMIT)))

    def part(self, data: bytes) -> None:
        """Take the next payload bytes of the message that is arriving."""
        if self.talk is not None and self._size <= FOLLOWED:
            self._text.append(data)
        before = self._size
        self._size = before + len(data)
        if not self.capture or before >= self._limit or not self._budget:
            return
        room = self._limit - before
        self._held.append(data if len(data) <= room else data[:room])
        if self._size - self._offset > CHUNK_LIMIT:
            self._tell_held(whole_chunks=True)

    def end(
        self,
        label: str,
        *,
        wire: int = 0,
        fragments: int = 1,
        compressed: bool = False,
        note: str = "",
        origin: str = "",
    ) -> None:
        """Tell the end of the message that has arrived."""
        size, data = self._size, b""
        if self._offset:
            self._tell_held(whole_chunks=False)
        else:
            data = self._within_budget(b"".join(self._held))
        if size > self._limit:
            self._shared.limit_reached("message_bytes", size, "the rest of the message goes on untold")
        told, number = self._offset + len(data), self._number
        self._number = self._size = self._offset = 0
        self._held.clear()
        self._seen(
            label,
            number=number,
            size=size,
            data=data,
            wire=wire,
            fragments=fragments,
            compressed=compressed,
            note=note,
            origin=origin,
            cut=told < size,
        )
        if self.talk is not None:
            text = b"".join(self._text)
            self._text.clear()
            self._follow(label, text, origin)

    def _follow(self, label: str, text: bytes, origin: str) -> None:
        """Show a message to what follows the conversation, once it is told."""
        talk = self.talk
        if talk is not None and talk.over:
            self.talk = None
        elif talk is not None and label == "text" and origin != "dropped":
            talk.said(text, sent=self._direction == Direction.REQUEST)

    def reserve(self) -> int:
        """Return the number of a message that is told later, by `whole`."""
        return self._numbers.next()

    def whole(
        self,
        label: str,
        data: bytes,
        *,
        number: int = 0,
        wire: int = 0,
        fragments: int = 1,
        compressed: bool = False,
        note: str = "",
        origin: str = "",
    ) -> None:
        """Tell a message that is there at once; one that is arriving meanwhile stays what it is."""
        if len(data) <= CHUNK_LIMIT and len(data) <= self._limit:
            told = self._within_budget(data) if self.capture else b""
            self._seen(
                label,
                number=number,
                size=len(data),
                data=told,
                wire=wire,
                fragments=fragments,
                compressed=compressed,
                note=note,
                origin=origin,
                cut=len(told) < len(data),
            )
        else:
            arriving = self._number, self._held, self._size, self._offset
            talk, self.talk = self.talk, None
            self._number, self._held, self._size, self._offset = number, [], 0, 0
            self.part(data)
            self.end(label, wire=wire, fragments=fragments, compressed=compressed, note=note, origin=origin)
            self._number, self._held, self._size, self._offset = arriving
            self.talk = talk
        if self.talk is not None:
            self._follow(label, data, origin)

    def original(self, label: str, data: bytes, *, number: int, note: str = "") -> None:
        """Tell a message as it came, before `whole` tells the one that went on in its place."""
        told = data if self.capture and len(data) <= self._originals else b""
        self._originals -= len(told)
        label, note = printable(label, LABEL_LIMIT), printable(note, NOTE_LIMIT) if self.capture else ""
        for start in range(0, len(told) or 1, CHUNK_LIMIT):
            piece = told[start : start + CHUNK_LIMIT]
            self._emit(OriginalMessage(self._direction, number, label, len(data), start, piece, note))

    def lies(
        self,
        label: str,
        *,
        offset: int,
        size: int,
        number: int = 0,
        wire: int = 0,
        compressed: bool = False,
        note: str = "",
        origin: str = "",
    ) -> None:
        """Tell a message whose payload lies in the body, as it is, from `offset` on."""
        if label != self._label:
            self._label, self._shown = label, printable(label, LABEL_LIMIT)
        if self.stopped:
            return
        capture = self.capture
        self._flow.tell(  # here and not by `_seen`: most messages are told by this
            MessageSeen(
                self._direction,
                number or self._numbers.next(),
                self._shown,
                size,
                b"",
                offset if capture else -1,
                wire,
                1,
                compressed,
                printable(note, NOTE_LIMIT) if note and capture else "",
                origin,
            )
        )

    def give_up(self, label: str) -> None:
        """End the message that is arriving, cut: the rest of it is not told. Does nothing where none is."""
        if self._offset:
            self._tell_held(whole_chunks=False)
            number, size = self._number, self._size
            self._seen(label, number=number, size=size, cut=True)
        self._number = self._size = self._offset = 0
        self._held.clear()

    def skip(self, count: int, size: int) -> None:
        """Tell that so many messages have passed untold, in so many bytes."""
        self._numbers.last += count
        self._emit(MessagesSkipped(self._direction, count, size))

    def stop(self, code: str, detail: str = "") -> None:
        """Tell that no more messages are told; what is called later does nothing."""
        if not self.stopped:
            if code == "inflate_limit":
                self._shared.counters.hit("message_inflate_bytes")
            self._emit(MessagesStopped(self._direction, code, printable(detail, NOTE_LIMIT)))
            self.stopped = True
        self._held.clear()

    # --- inside ---------------------------------------------------------------------------------

    def _seen(
        self,
        label: str,
        *,
        size: int,
        data: bytes = b"",
        offset: int = -1,
        number: int = 0,
        wire: int = 0,
        fragments: int = 1,
        compressed: bool = False,
        note: str = "",
        origin: str = "",
        cut: bool = False,
    ) -> None:
        if label != self._label:
            self._label, self._shown = label, printable(label, LABEL_LIMIT)
        self._emit(
            MessageSeen(
                self._direction,
                number or self._numbers.next(),
                self._shown,
                size,
                data,
                offset,
                wire,
                fragments,
                compressed,
                printable(note, NOTE_LIMIT) if note and self.capture else "",
                origin,
                cut and self.capture,
            )
        )

    def _tell_held(self, *, whole_chunks: bool) -> None:
        """Tell the payload that is held, in chunks; with `whole_chunks` the last, short one stays."""
        data = b"".join(self._held)
        self._held.clear()
        number = self._number = self._number or self._numbers.next()
        stop = len(data) - len(data) % CHUNK_LIMIT if whole_chunks else len(data)
        for start in range(0, stop, CHUNK_LIMIT):
            piece = self._within_budget(data[start : min(start + CHUNK_LIMIT, stop)])
            if not piece:
                return
            self._emit(MessageChunk(self._direction, number, self._offset, piece))
            self._offset += len(piece)
        if stop < len(data):
            self._held.append(data[stop:])

    def _within_budget(self, data: bytes) -> bytes:
        """Return the payload where it may be told; none may be after the first that may not."""
        if len(data) <= self._budget:
            self._budget -= len(data)
            return data
        self._shared.limit_reached("capture_body_bytes", self._budget, "messages are told without payload")
        self._budget = 0
        return b""

    def _emit(self, body: Body) -> None:
        if not self.stopped:
            self._flow.tell(body)
