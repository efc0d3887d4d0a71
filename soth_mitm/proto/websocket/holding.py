"""Hold whole messages of one direction until somebody has decided about them, one after the other.

Pings and pongs never wait, not even inside a message that does: who sends them would take the connection
for dead. A close frame keeps its place, and so does what comes behind it. What nobody changed leaves as
it came, byte for byte, unless it is compressed and refers to a message that left otherwise: from there on
compressed messages are written anew.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.proto.websocket.opcodes import CLOSE, CONTINUATION, LABELS, OPCODES, PING, PONG
from soth_mitm.proto.websocket.reading import Item, Odd, Reading
from soth_mitm.proto.websocket.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.proto.websocket.extensions import Agreed
    from soth_mitm.proto.websocket.frames import Piece


class Held(NamedTuple):
    """A whole message that waits for a decision."""

    label: str
    data: bytes
    raw: bytes
    """Its frames as they came."""
    fragments: int
    compressed: bool
    odd: tuple[Item, ...] = ()
    """What breaks a rule in it."""


class Sent(NamedTuple):
    """Bytes to send on now, and what they say."""

    data: bytes
    items: tuple[Item, ...] = ()
    opaque: bool = False
    """Nothing can be read of them: this direction has broken the protocol."""
    own: tuple[str, bytes] | None = None
    """Label and payload of an injected message."""


class _Passing(NamedTuple):
    """Bytes that go on without being asked about."""

    raw: bytes
    items: tuple[Item, ...] = ()
    piece: Piece | None = None
    """The part of a message that is too long to be held; it may have to be written anew."""
    first: bool = False
    opaque: bool = False

    @property
    def data(self) -> bytes:
        """The payload that is kept for writing anew."""
        return self.piece.data if self.piece is not None else b""


class Holder:
    """Feed it what a side sends; `next` gives what goes on now, or the message to be decided about.

    `asks` says, when a message begins, whether to hold it at all; one that is not held passes as it comes.

    `reading` has to keep the raw bytes. At most `limit` bytes of payload and as many on the wire are
    held of a message; a longer one passes, and `too_long` counts it. `full` says that reading should
    stop, because as much waits behind the message that is asked about.
    """

    def __init__(
        self,
        reading: Reading,
        agreed: Agreed,
        *,
        from_client: bool,
        limit: int,
        asks: Callable[[], bool] = lambda: True,
    ) -> None:
        self._reading = reading
        self._asks = asks
        self.asked: Held | None = None
        """The message that is being decided about."""
        self.too_long = 0
        deflate = agreed.deflate
        self._takeover = deflate is not None and (
            deflate.client_takeover if from_client else deflate.server_takeover
        )
        self._writer = Writer(agreed, from_client=from_client)
        self._limit = 2 * limit
        self._queue: deque[Held | _Passing] = deque()
        self._waiting = 0
        """Bytes in the queue."""
        self._held = 0
        """Messages that wait for a decision."""
        self._at_once: deque[Sent] = deque()
        self._injected: deque[Sent] = deque()
        self._parts: list[tuple[Piece, tuple[Item, ...]]] = []
        """Of the message that is arriving, while it may still be held."""
        self._arriving = 0
        self._passing = False
        """The message that is arriving is too long to be held, or nobody asks about it."""
        self._diverged = False
        """A compressed message was changed or dropped: what refers to it has to be written anew."""
        self._message_open = self._frame_open = False
        """A message, or a frame, has been sent in part."""

    @property
    def full(self) -> bool:
        """Whether as much waits for the decision as may."""
        return self.asked is not None and self._waiting + self._arriving > self._limit

    @property
    def idle(self) -> bool:
        """Whether nothing waits for a decision, or behind one."""
        return self.asked is None and not self._queue

    @property
    def own_waiting(self) -> int:
        """How many bytes of injected messages wait for the end of one that is being sent."""
        return sum(len(own.data) for own in self._injected)

    # --- what comes -----------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take bytes. Once nothing can be read any more, they pass."""
        reader = self._reading.reader
        broken = reader.error
        if broken is not None:
            self._put(_Passing(data, opaque=True))
            return
        for piece in reader.feed(data):
            items: list[Item] = []
            self._reading.take(piece, items)
            self._take(piece, tuple(items))
        if reader.error is not None:
            self._let_arriving_pass()
            self._put(_Passing(reader.release(), opaque=True))

    def end(self) -> None:
        """No more will come: what arrived of a message passes as it is."""
        self._let_arriving_pass()
        self._put(_Passing(self._reading.reader.release(), tuple(self._reading.end())))

    def _take(self, piece: Piece, items: tuple[Item, ...]) -> None:
        if piece.opcode in (PING, PONG) and self._held and self._reading.close is None:
            self._at_once.append(Sent(piece.raw, items))
        elif piece.opcode >= CLOSE:
            self._put(_Passing(piece.raw, items))
        elif self._passing:
            self._put(_Passing(piece.raw, items, piece))
            self._passing = not piece.ended
        elif not self._parts and not self._asks():
            self._put(_Passing(piece.raw, items, piece, first=True))
            self._passing = not piece.ended
        else:
            self._hold(piece, items)

    def _hold(self, piece: Piece, items: tuple[Item, ...]) -> None:
        self._parts.append((piece, items))
        self._arriving += len(piece.raw) + len(piece.data)
        if self._arriving > self._limit:
            self.too_long += 1
            self._let_arriving_pass()
            self._passing = not piece.ended
        elif piece.ended:
            parts, self._parts, self._arriving = self._parts, [], 0
            self._put(
                Held(
                    LABELS[piece.opcode],
                    b"".join(part.data for part, _ in parts),
                    b"".join(part.raw for part, _ in parts),
                    sum(part.frame_ended for part, _ in parts),
                    piece.compressed,
                    tuple(item for _, said in parts for item in said if isinstance(item, Odd)),
                )
            )

    def _let_arriving_pass(self) -> None:
        parts, self._parts, self._arriving = self._parts, [], 0
        for number, (piece, items) in enumerate(parts):
            self._put(_Passing(piece.raw, items, piece, first=not number))

    def _put(self, entry: Held | _Passing) -> None:
        self._queue.append(entry)
        self._held += isinstance(entry, Held)
        self._waiting += len(entry.raw) + len(entry.data)

    # --- what goes on ---------------------------------------------------------------------------

    def next(self) -> Sent | Held | None:
        """Return what to send now, or the message to decide about; None while there is neither."""
        if self._at_once and not self._frame_open:
            return self._at_once.popleft()
        if self._injected and not self._message_open:
            return self._injected.popleft()
        if self.asked is not None or not self._queue:
            return None
        entry = self._queue.popleft()
        self._waiting -= len(entry.raw) + len(entry.data)
        if isinstance(entry, Held):
            self.asked = entry
            return entry
        return Sent(self._wire_of(entry), entry.items, entry.opaque)

    def _wire_of(self, entry: _Passing) -> bytes:
        piece = entry.piece
        if piece is None:
            return entry.raw
        self._message_open = not piece.ended
        if self._diverged and piece.compressed:
            opcode = piece.opcode if entry.first else CONTINUATION
            return self._writer.frame(opcode, piece.data, ended=piece.ended, compressed=True)
        self._frame_open = not piece.frame_ended
        return entry.raw

    # --- decisions ------------------------------------------------------------------------------

    def send_on(self) -> bytes:
        """Send the message that was asked about on; return its bytes, if they can be, as they came."""
        held = self._decided()
        if self._diverged and held.compressed:
            return self._writer.frame(OPCODES[held.label], held.data, compressed=True)
        return held.raw

    def change(self, data: bytes, *, label: str = "") -> bytes:
        """Send another payload in its place; return the bytes."""
        held = self._decided()
        self._diverge(held)
        return self._writer.frame(OPCODES[label or held.label], data, compressed=held.compressed)

    def drop(self) -> None:
        """Do not send it on."""
        self._diverge(self._decided())

    def write(self, label: str, data: bytes) -> bytes:
        """Return a message of one's own, to be sent before or after the one that is asked about."""
        return self._writer.frame(OPCODES[label], data)

    def inject(self, label: str, data: bytes) -> None:
        """Have `next` give a message of one's own, as soon as none is being sent."""
        self._injected.append(Sent(self.write(label, data), own=(label, data)))

    def _decided(self) -> Held:
        held, self.asked = self.asked, None
        self._held -= 1
        assert held is not None, "no message is asked about"
        return held

    def _diverge(self, held: Held) -> None:
        if held.compressed and self._takeover:
            self._diverged = True
