"""A body whose messages a handler is asked about, one at a time and in their order.

It takes the payload as it comes and gives back what goes on, for any HTTP version. What is in no
message goes on at once; of a message as much is held as `limits.message_bytes` allows, and a longer one
passes without being asked about. A coded body is decoded, and coded anew from its first byte on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from soth_mitm.decode.undoing import CodingError
from soth_mitm.hooks.decisions import Change, Drop, Inject, MessageDecision, NewMessage
from soth_mitm.hooks.messages import Message
from soth_mitm.model.events import HandlerActed, MessageForm, Noted
from soth_mitm.net.asking_message import HOOK, MessageRefused, ask
from soth_mitm.net.slices import SLICE
from soth_mitm.proto.splitting import Found, Item, Part, SplitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.decode.redoing import Redoing
    from soth_mitm.decode.undoing import Undoing
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.telling import MessageTeller
    from soth_mitm.proto.reframing import Reframing
    from soth_mitm.proto.splitting import Splitter
    from soth_mitm.proto.streams import Stream


class Compression(Enum):
    """How the messages themselves may be compressed."""

    NONE = 0
    KNOWN = 1
    UNKNOWN = 2


class Way(Protocol):
    """Where a held body comes from and goes to: one direction of an exchange."""

    def send(self, data: bytes) -> None:
        """Pass payload on."""
        ...

    def finish(self) -> None:
        """Pass the end of the body on."""
        ...

    def hold(self, hold: bool) -> None:
        """Take no more from the sender, or go on: all that came has been looked through."""
        ...

    def broken(self, code: str, detail: str) -> None:
        """End the flow: the rest of the body cannot be passed on."""
        ...

    def failed(self, error: Exception) -> None:
        """End the flow for a fault of ours."""
        ...

    def cut(self, detail: str) -> None:
        """End the flow here on purpose: what has passed arrives, and its end is missing."""
        ...


class HeldBody:
    """One direction's body. It runs once it is connected; until then its body is not expected."""

    def __init__(
        self,
        tap: BodyTap,
        stream: Stream,
        *,
        kind: tuple[bytes, bytes],
        how: str,
        teller: MessageTeller,
        splitter: Splitter,
        reframing: Reframing,
        coder: tuple[Undoing, Redoing] | None,
        compression: Compression,
        late: bool = False,
    ) -> None:
        self._tap = tap
        self.kind = kind
        """Content type and coding of the body."""
        self._shared = tap.shared
        self._flow = tap.flow
        self._stream = stream
        self._how = how
        self._late = late
        """Others have told already that messages follow, and the first of them."""
        self._teller = teller
        self._splitter = splitter
        self._reframing = reframing
        self._coder = coder
        self._opaque = compression is Compression.UNKNOWN
        self._placed = (
            coder is None and compression is not Compression.KNOWN and stream.form is not MessageForm.SSE
        )
        """Every payload lies in the body in one piece."""
        self._limit = tap.shared.config.limits.message_bytes
        self._url = ""
        self._way: Way | None = None
        self._task: asyncio.Task[None] | None = None
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._raw = bytearray()
        """What came, decoded, and has not gone on."""
        self._raw_at = 0
        self._parts: list[bytes] = []
        self._unasked = False
        """The message that is arriving is too long, and passes."""
        self._noted = False
        self._through = False
        """The body is no longer what it was taken for: its bytes pass."""

    resizes = True
    """Whether as much comes out as goes in is not known before the end."""

    def resized(self, head: bytes, detail: str) -> HandlerActed:
        """Return the event that says that the head goes on without a length."""
        return HandlerActed(HOOK, "hold", detail, forwarded=head)

    # --- what the exchange does -------------------------------------------------------------------

    def connect(self, way: Way, *, url: str) -> None:
        """Begin: the head has gone on, and the body follows."""
        self._way, self._url = way, url
        if not self._late:
            self._teller.start(self._stream.form, self._how)
        self._task = self._shared.tasks.spawn(self._run(way), f"{HOOK} for flow {self._flow.number}")

    def feed(self, data: bytes) -> None:
        """Take payload."""
        if self._way is not None:
            self._queue.append(data)
            self._way.hold(True)
            self._wake.set()

    def end(self) -> None:
        """Take note that the body is complete."""
        self._ended = True
        self._wake.set()

    def stop(self) -> None:
        """Take note that the flow is over: what is decided now does not matter."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self._way is not None:
            self._way.hold(False)

    # --- the way through ------------------------------------------------------------------------

    async def _run(self, way: Way) -> None:
        try:
            while not self._flow.closed:
                while self._queue:
                    await self._take(self._queue.popleft())
                if self._ended:
                    await self._finish(way)
                    return
                way.hold(False)
                self._wake.clear()
                if not self._queue and not self._ended:
                    await self._wake.wait()
        except (CodingError, SplitError) as error:
            # What came before went on, and nothing that comes after could be coded to follow it.
            self._teller.stop(error.code, error.detail)
            way.broken(error.code, error.detail)
        except Exception as error:
            way.failed(error)

    async def _take(self, data: bytes) -> None:
        pieces: Iterable[bytes] = (data,) if self._coder is None else self._coder[0].feed(data)
        began = perf_counter()
        for piece in pieces:
            if self._through:
                self._send(piece)
            else:
                await self._look(piece)
            if perf_counter() - began > SLICE:
                await asyncio.sleep(0)
                began = perf_counter()

    async def _look(self, piece: bytes) -> None:
        self._raw += piece
        began = perf_counter()
        try:
            for item in self._splitter.feed(piece):
                await self._item(item)
                if perf_counter() - began > SLICE:
                    await asyncio.sleep(0)
                    began = perf_counter()
        except SplitError as error:
            self._give_up(error)
            return
        self._send_up_to(self._splitter.begun)
        if self._unasked or len(self._raw) > self._limit:
            self._too_long()
            self._send_up_to(self._raw_at + len(self._raw))

    def _give_up(self, error: SplitError) -> None:
        """What follows is no message: it passes, and nobody is asked about it."""
        self._through = True
        self._teller.stop(error.code, error.detail)
        self._send_up_to(self._raw_at + len(self._raw))

    def _too_long(self) -> None:
        self._unasked = True
        for part in self._parts:
            self._tell_part(part)
        self._parts.clear()
        self._shared.limit_reached("message_bytes", self._limit, "the handler is not asked about the message")
        self._note("message_too_long", f"the handler is not asked beyond {self._limit} bytes")

    def _note(self, code: str, detail: str) -> None:
        if not self._noted and not self._flow.closed:
            self._noted = True
            self._flow.emit(Noted(code, detail))

    async def _finish(self, way: Way) -> None:
        if not self._through:
            try:
                for item in self._splitter.finish():
                    await self._item(item)
            except SplitError as error:
                self._teller.stop(error.code, error.detail)
            self._send_up_to(self._raw_at + len(self._raw))
        if self._flow.closed:
            return
        way.hold(False)
        if self._coder is not None:
            end = self._coder[1].finish()
            if end:
                way.send(end)
        way.finish()

    def _send_up_to(self, position: int) -> None:
        count = position - self._raw_at
        if count > 0:
            data = bytes(self._raw[:count])
            del self._raw[:count]
            self._raw_at = position
            self._send(data)

    def _drop_up_to(self, position: int) -> None:
        del self._raw[: position - self._raw_at]
        self._raw_at = position

    def _send(self, data: bytes) -> None:
        if data and self._way is not None and not self._flow.closed:
            self._way.send(data if self._coder is None else self._coder[1].feed(data))

    # --- messages -------------------------------------------------------------------------------

    async def _item(self, item: Item) -> None:
        if isinstance(item, Part):
            if self._unasked:
                self._tell_part(item.data)
            else:
                self._parts.append(item.data)
            return
        if not self._unasked and item.wire > self._limit:
            self._too_long()
        if item.damaged and not self._unasked:
            self._pass_damaged(item)
            return
        if item.compressed and self._opaque:
            self._note(
                "message_unasked", "the handler is not asked: how messages are compressed is not known here"
            )
            self._unasked = True
        if self._unasked:
            self._pass_unasked(item)
            return
        data = b"".join([*self._parts, item.data])
        self._parts.clear()
        self._send_up_to(item.start)
        await self._ask(item, data)

    def _pass_damaged(self, item: Found) -> None:
        for part in self._parts:
            self._tell_part(part)
        self._parts.clear()
        self._note("message_unasked", f"nobody is asked about what is damaged: {item.note}")
        self._pass_unasked(item)

    def _tell_part(self, data: bytes) -> None:
        if not self._placed:
            self._teller.part(data)

    def _pass_unasked(self, item: Found) -> None:
        at = self._tap.data - (self._raw_at - item.offset)
        self._send_up_to(item.end)
        self._unasked = False
        if self._placed:
            self._teller.lies(
                self._name(item.label), offset=at, size=item.size, wire=item.wire, note=item.note
            )
        else:
            self._teller.part(item.data)
            self._teller.end(self._name(item.label), compressed=item.compressed, note=item.note)

    async def _ask(self, item: Found, data: bytes) -> None:
        number = self._teller.reserve()
        message = Message(
            self._flow.number,
            self._tap.direction,
            form=self._stream.form,
            number=number,
            label=item.label,
            data=data,
            note=item.note,
            url=self._url,
        )
        cut = ""
        try:
            assert self._tap.asked is not None, "what is held belongs to an exchange"
            decision, cut = await ask(self._shared, self._flow, message, self._tap.asked)
            if self._flow.closed:
                return
            self._apply(item, data, decision, number)
        except MessageRefused:
            self._undecided(item, data, number)
        except ValueError as error:
            self._shared.handler_failed(HOOK, error, self._flow)
            self._undecided(item, data, number)
        if cut and self._way is not None and not self._flow.closed:
            self._way.cut(cut)

    def _undecided(self, item: Found, data: bytes, number: int) -> None:
        if self._shared.config.handler_fails == "closed":
            self._drop(item, data, number)
        else:
            self._pass(item, data, number)

    def _apply(self, item: Found, data: bytes, decision: MessageDecision, number: int) -> None:
        match decision:
            case Change():
                raw = bytes(self._raw[: item.end - self._raw_at])
                framed = self._reframing.changed(raw, decision.data, label=decision.label, note=decision.note)
                self._drop_up_to(item.end)
                self._send(framed)
                label = item.label if decision.label is None else decision.label or self._reframing.usual
                note = item.note if decision.note is None else decision.note
                self._teller.original(self._name(item.label), data, number=number, note=item.note)
                self._tell(label, decision.data, number, wire=len(framed), note=note, origin="changed")
            case Drop():
                self._drop(item, data, number)
            case Inject():
                self._inject(item, data, decision, number)
            case _:
                self._pass(item, data, number)

    def _inject(self, item: Found, data: bytes, decision: Inject, number: int) -> None:
        if decision.back:
            raise ValueError("only a WebSocket has a way back to the message's sender")
        frame = self._reframing.new
        before = [(own, frame(own.data, label=own.label, note=own.note)) for own in decision.before]
        after = [(own, frame(own.data, label=own.label, note=own.note)) for own in decision.after]
        for own, framed in before:
            self._own(own, framed)
        self._pass(item, data, number, followed=bool(after))
        for own, framed in after:
            self._own(own, framed)

    def _own(self, own: NewMessage, framed: bytes) -> None:
        self._send(framed)
        label = own.label or self._reframing.usual
        self._tell(label, own.data, 0, wire=len(framed), note=own.note, origin="injected")

    def _pass(self, item: Found, data: bytes, number: int, *, followed: bool = False) -> None:
        at = self._tap.data + item.offset - self._raw_at
        raw = bytes(self._raw[: item.end - self._raw_at])
        self._drop_up_to(item.end)
        self._send(self._reframing.ended(raw) if followed else raw)
        if self._coder is None and item.offset >= 0:
            self._teller.lies(
                self._name(item.label),
                offset=at,
                size=item.size,
                number=number,
                wire=item.wire,
                compressed=item.compressed,
                note=item.note,
            )
        else:
            self._tell(item.label, data, number, wire=item.wire, note=item.note, compressed=item.compressed)

    def _drop(self, item: Found, data: bytes, number: int) -> None:
        self._drop_up_to(item.end)
        self._tell(
            item.label,
            data,
            number,
            wire=item.wire,
            note=item.note,
            origin="dropped",
            compressed=item.compressed,
        )

    def _name(self, label: str) -> str:
        """Return what a message is called in its event: of a metadata-only flow no word of the sender's."""
        private = self._stream.form in (MessageForm.SSE, MessageForm.AWS) and not self._teller.capture
        return "event" if private else label

    def _tell(
        self,
        label: str,
        data: bytes,
        number: int,
        *,
        wire: int,
        note: str,
        origin: str = "",
        compressed: bool = False,
    ) -> None:
        self._teller.whole(
            self._name(label),
            data,
            number=number,
            wire=wire if self._coder is None else 0,
            note=note,
            origin=origin,
            compressed=compressed,
        )
