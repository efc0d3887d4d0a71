"""The messages of one direction's body, found and told behind what passes."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.undoing import CodingError, Undoing
from soth_mitm.errors import ProtocolError
from soth_mitm.model.events import MessageForm
from soth_mitm.net.slices import Work
from soth_mitm.proto.skipping import Pace, Skipper, skipper_of
from soth_mitm.proto.splitting import Found, Item, Part, SplitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm.net.held import HeldBody
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.net.telling import MessageTeller
    from soth_mitm.proto.splitting import Splitter
    from soth_mitm.proto.streams import Stream

_NAMED: Final = frozenset({MessageForm.SSE, MessageForm.AWS})
"""Forms whose messages are called what the sender calls them."""
_STEP: Final = 8 * 1024
"""Most bytes that are looked through between two looks at the clock."""


class MessageTap:
    """Finds and tells the messages of one direction's body."""

    __slots__ = (
        "_ahead", "_at", "_base", "_border", "_cut", "_decoder", "_flow", "_form", "_how", "_hurried",
        "_make", "_over", "_pace", "_placed", "_private", "_shared", "_skipped", "_skipper", "_splitter",
        "_started", "_teller", "hold", "sure",
    )  # fmt: skip

    def __init__(
        self,
        shared: Shared,
        flow: FlowLife,
        teller: MessageTeller,
        make: Callable[[], Splitter],
        *,
        decoder: Undoing | None,
    ) -> None:
        self._shared = shared
        self._flow = flow
        self._teller = teller
        self._make = make
        self._splitter = make()
        self._at = 0
        """Where the next piece begins, in the body with its coding undone."""
        self._base = 0
        """Where what the splitter was fed begins."""
        self._hurried = False
        self._skipper: Skipper | None = None
        """Counts what passes untold, while more comes than can be told."""
        self._skipped = 0
        """Bytes that it was fed."""
        self._border = False
        """They ended where a message does."""
        self._pace = Pace()
        self._decoder = decoder
        self._placed = decoder is None
        """Payload lies in the body as it is told."""
        self._private = not teller.capture
        self._form = MessageForm.JSON
        self._how = ""
        self._started = False
        self._over = False
        self._ahead: tuple[list[Item], Exception | None] | None = None
        """What was found in a piece that has not passed yet, and what is wrong behind that."""
        self._cut = False
        """The piece that passes is one up to where a message ends."""
        self.sure = False
        """The body is a stream of messages, whatever is found in it."""
        self.hold: Callable[..., HeldBody] | None = None
        """Makes what has the messages decided about that follow; None where they cannot be taken out."""

    @property
    def endless(self) -> bool:
        """Whether it may go on for as long as it likes; what is sent in calls is short, as most calls are."""
        return self.sure and self._form is not MessageForm.GRPC

    @property
    def can_join(self) -> bool:
        """Whether the messages that follow can be decided about, once one has ended."""
        return self.hold is not None and not self._over

    def border_in(self, data: bytes, least: int) -> int:
        """Return where in a piece that is about to pass a message ends; -1 where none does.

        What comes before `least` is not looked for. `passed` has to follow, with what lies before that
        place, or else with all of the piece; nothing passes of an empty one.
        """
        if self.hold is None or self._over or self._flow.late is not None or not data:
            return -1
        if self._skipper is not None:
            place = self._skipper.feed(data)
            self._ahead, self._cut = ([], None), place >= max(least, 1)
            self._skipped += place if self._cut else len(data)
            self._border = place == len(data)
            return place if self._cut else -1
        if not least and self._at_border:
            return 0
        found: list[Item] = []
        self._ahead = found, None
        try:
            for item in self._splitter.feed(data):
                found.append(item)
                place = item.end + self._base - self._at if isinstance(item, Found) else -1
                if place >= max(least, 1):
                    self._cut = True
                    return place + (data[place - 1 : place + 1] == b"\r\n")
        except Exception as error:  # told where it belongs: behind what was found before
            self._ahead = found, error
        return -1

    @property
    def _at_border(self) -> bool:
        return self._cut or (self._skipper is None and self._base + self._splitter.begun >= self._at)

    def give_way(self) -> HeldBody | None:
        """Return what has the rest decided about, where a message has just ended; it tells them then."""
        late = self._flow.late is not None and not self._cut
        if self.hold is None or self._over or late or not self._at_border:
            return None
        self._over = True
        return self.hold(late=True)

    def begin(self, stream: Stream, how: str) -> None:
        """Tell that messages follow, where that is sure; otherwise once the first is found."""
        self._form, self._how, self.sure = stream.form, how, stream.sure
        if stream.sure:
            self._start()

    def passed(self, data: bytes) -> None:
        """Look through payload that has just gone on."""
        if self._ahead is not None:
            self._tell_ahead(data, *self._ahead)
        elif not self._over:
            work = Work(self._look(data), size=len(data), drop=self._behind, hurry=self._hurry)
            self._shared.slices.do(self._flow, work)

    def ended(self) -> None:
        """The body is complete."""
        if not self._over:
            work = Work(self._last(), size=0, drop=self._behind, hurry=self._hurry)
            self._shared.slices.do(self._flow, work)

    # --- inside ---------------------------------------------------------------------------------

    def _tell_ahead(self, data: bytes, found: list[Item], error: Exception | None) -> None:
        """Tell what was looked for before a piece passed: little, for it was looked for one message."""
        self._ahead = None
        self._at += len(data)
        try:
            for item in found:
                self._tell(item)
            if self._cut and self._skipper is not None:
                self._tell_skipped(self._skipper.count)
            if error is not None:
                raise error
        except Exception as fault:
            self._fault(fault)

    def _look(self, data: bytes) -> Iterator[None]:
        try:
            for piece in self._pieces(data):
                if self._over:
                    return
                left = piece
                if self._skipper is not None or (self._hurried and self._begin_skipping()):
                    left = self._skip(piece)
                for item in self._splitter.feed(left) if left else ():
                    self._tell(item)
                    yield
                self._at += len(piece)
                yield
            if self._skipper is not None:
                return
            for item in self._splitter.pause():
                self._tell(item)
                yield
            self._over = self._over or self._splitter.over
        except Exception as error:
            self._fault(error)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        if self._decoder is None and len(data) <= _STEP:
            yield data
            return
        decoded = (data,) if self._decoder is None else self._decoder.feed(data)
        for piece in decoded:
            for start in range(0, len(piece), _STEP):
                yield piece[start : start + _STEP]

    def _last(self) -> Iterator[None]:
        try:
            if self._skipper is not None:
                self._skipper.finish()
                self._tell_skipped(self._skipper.count)
            elif not self._over:
                for item in self._splitter.finish():
                    self._tell(item)
                    yield
        except Exception as error:
            self._fault(error)
        self._over = True

    # --- what there is no time for -----------------------------------------------------------------

    def _hurry(self) -> None:
        """Pass over messages, where they can be, from the next piece on until nothing waits any more."""
        self._hurried = True

    def _begin_skipping(self) -> bool:
        self._hurried = False
        late, teller = self._flow.late, self._teller
        if late is None or late.caught_up or not self._started:
            return False
        skipper = skipper_of(self._form, inside=self._base + self._splitter.begun < self._at)
        if skipper is None:
            return False
        if teller.told_in_part:
            skipper.count = -1  # for it is told, if not all of it
        teller.give_up(skipper.label)
        limits = self._shared.config.limits
        self._shared.limit_reached(
            "message_backlog_bytes", limits.message_backlog_bytes, "messages of a flow are passed over"
        )
        self._skipper, self._skipped, self._border = skipper, 0, False
        self._pace.begin(perf_counter())
        return True

    def _skip(self, piece: bytes) -> bytes:
        """Count what passes; return what is told of a piece again, from where a message begins."""
        skipper, late = self._skipper, self._flow.late
        assert skipper is not None
        may = self._pace.allows(perf_counter(), len(piece)) and (late is None or late.caught_up)
        place = 0 if may and self._border else skipper.feed(piece)
        if place < 0 or not may:
            self._skipped += len(piece)
            self._border = place == len(piece)
            return b""
        self._skipped += place
        self._pace.end(perf_counter())
        self._tell_skipped(skipper.count)
        self._splitter, self._base = self._make(), self._at + place
        return piece[place:]

    def _tell_skipped(self, count: int) -> None:
        self._skipper = None
        if count > 0:
            self._teller.skip(count, self._skipped)

    def _start(self) -> None:
        self._started = True
        self._teller.start(self._form, self._how)

    def _tell(self, item: Item) -> None:
        teller = self._teller
        if not self._started:
            self._start()
        if isinstance(item, Part):
            teller.part(item.data)
            return
        # What an event is called is the sender's own words.
        label = "event" if self._private and self._form in _NAMED else item.label
        wire = item.wire if self._placed else 0
        if item.in_parts:
            teller.part(item.data)
            teller.end(label, wire=wire, compressed=item.compressed, note=item.note)
        elif self._private or (self._placed and item.offset >= 0):
            teller.lies(
                label,
                offset=self._base + item.offset if item.offset >= 0 else -1,
                size=item.size,
                wire=wire,
                compressed=item.compressed,
                note=item.note,
            )
        else:
            teller.whole(label, item.data, wire=wire, compressed=item.compressed, note=item.note)

    def _fault(self, error: Exception) -> None:
        self._over = True
        if isinstance(error, (SplitError, CodingError)):
            if self._started:
                self._teller.stop(error.code, error.detail)
            return
        code = error.code if isinstance(error, ProtocolError) else "internal_error"
        self._teller.stop(code, f"{type(error).__name__}: {error}")
        self._shared.internal_error(
            f"the messages of flow {self._flow.number}", f"{type(error).__name__}: {error}"
        )

    def _behind(self) -> None:
        self._over = True
        if self._skipper is not None:
            self._tell_skipped(self._skipper.count)
        self._teller.stop("messages_behind", "more came than could be told beside everything else")
