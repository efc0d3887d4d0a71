"""The messages inside a body, found and told beside the relay: never in its way, never holding a byte.

`attach` looks at the heads and, where a body is a stream of messages, gives its `BodyTap` a
`MessageTap`. It works for any HTTP version: it needs the heads' fields and the payload, no framing.
Whatever goes wrong ends in one `MessagesStopped`, and the bytes go on.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.redoing import redoing, redoing_all
from soth_mitm.decode.undoing import CodingError, Undoing, undoing, undoing_all
from soth_mitm.errors import ProtocolError
from soth_mitm.model.events import Direction, MessageForm, Noted
from soth_mitm.model.fields import Fields
from soth_mitm.net import calls
from soth_mitm.net.held import Compression, HeldBody
from soth_mitm.net.slices import Work
from soth_mitm.net.telling import MessageTeller, numbers_of
from soth_mitm.proto.grpc import Base64, ToBase64
from soth_mitm.proto.http1 import Framing
from soth_mitm.proto.reframing import REFRAMING
from soth_mitm.proto.skipping import Pace, Skipper, skipper_of
from soth_mitm.proto.splitting import Item, Part, SplitError
from soth_mitm.proto.streams import splitter_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm.decode.redoing import Redoing
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.proto.grpc import Decompressor
    from soth_mitm.proto.http1 import RequestHead, ResponseHead
    from soth_mitm.proto.splitting import Splitter
    from soth_mitm.proto.streams import Stream

_NONE: Final = Framing.NONE
_NAMED: Final = frozenset({MessageForm.SSE, MessageForm.AWS})
"""Forms whose messages are called what the sender calls them."""
_RESPONSE: Final = Direction.RESPONSE
_STEP: Final = 8 * 1024
"""Most bytes that are looked through between two looks at the clock."""


def attach(
    tap: BodyTap,
    content_type: bytes,
    *,
    coding: bytes,
    path: bytes,
    raw: bytes,
    streamed: bool,
    resizable: bool = True,
) -> None:
    """Tell the messages of a body that is about to pass, if it is a stream of messages.

    `coding` is its Content-Encoding, `path` the request's path, `raw` the head as its event has it, and
    `streamed` says that no length of the body was given. Call it when the head's event is out.

    Where somebody decides about messages, the tap's `held` is set instead: connect it when the head has
    gone on, without a length. A body that is not `resizable` cannot go on without one.
    """
    if tap.direction is _RESPONSE:
        calls.attach(tap, content_type, coding=coding, path=path)
    stream = stream_of(content_type, path=path, streamed=streamed)
    if stream is not None:
        _follow(tap, stream, content_type, coding=coding, raw=raw, streamed=streamed, resizable=resizable)


def _follow(
    tap: BodyTap,
    stream: Stream,
    content_type: bytes,
    *,
    coding: bytes,
    raw: bytes,
    streamed: bool,
    resizable: bool,
) -> None:
    asks = (
        stream.sure
        and stream.form in REFRAMING
        and tap.asked is not None
        and tap.shared.chain.wants_messages(tap.asked, tap.direction)
    )
    if not tap.flow.told and not asks:
        return
    teller = MessageTeller(
        tap.shared, tap.flow, numbers_of(tap.flow), direction=tap.direction, capture=tap.capture
    )
    try:
        decoder = undoing(coding)
    except CodingError as error:
        if stream.sure:
            teller.start(stream.form, stream.detail)
            teller.stop(error.code, error.detail)
        if asks:
            tap.flow.emit(Noted("message_unasked", f"nobody is asked: {error.detail}"))
        return
    if asks and not resizable:
        tap.flow.emit(Noted("message_unasked", "nobody is asked: HTTP/1.0 keeps the length"))
        asks = False
    compression, decompressor = b"", None
    if stream.form is MessageForm.GRPC:
        compression, decompressor = _compression(stream, raw)
    codings = [coding.decode("ascii", "replace"), compression.decode("ascii", "replace")]
    how = ", ".join(filter(None, [stream.detail, *codings]))

    def hold(*, late: bool = False) -> HeldBody:
        return HeldBody(
            tap,
            stream,
            how=how,
            teller=teller,
            splitter=splitter_of(stream, content_type, keep=True, decompressor=decompressor, text=False),
            reframing=REFRAMING[stream.form],
            coder=_coder(stream, coding, decoder),
            compression=Compression.NONE
            if not compression
            else Compression.UNKNOWN
            if decompressor is None
            else Compression.KNOWN,
            late=late,
        )

    if asks:
        tap.held = hold()
        return
    keep = tap.capture and decoder is not None
    tap.messages = MessageTap(
        tap.shared,
        tap.flow,
        teller,
        lambda: splitter_of(stream, content_type, keep=keep, decompressor=decompressor),
        decoder=decoder,
    )
    tap.messages.begin(stream, how)
    # Of a body that is coded as a whole, no other could be coded to follow what has gone on.
    if stream.form in REFRAMING and decoder is None and stream.framing != "grpc-web-text" and streamed:
        tap.messages.hold = hold


def _coder(stream: Stream, coding: bytes, decoder: Undoing | None) -> tuple[Undoing, Redoing] | None:
    """Return what undoes and redoes the codings of a body, base64 among them; None where it has none."""
    text = stream.framing == "grpc-web-text"
    encoder = redoing(coding)
    if decoder is None or encoder is None:
        return (Base64(), ToBase64()) if text else None
    if text:
        return undoing_all([decoder, Base64()]), redoing_all([ToBase64(), encoder])
    return decoder, encoder


def attach_http1(tap: BodyTap, head: RequestHead | ResponseHead, *, path: bytes, minor: int = 1) -> None:
    """Do so for a message of HTTP/1 that goes on to a peer of HTTP/1.`minor`."""
    if head.framing is _NONE:
        return
    if tap.direction is _RESPONSE:
        calls.attach(tap, head.content_type, coding=head.content_encoding, path=path)
    streamed = head.length is None
    stream = stream_of(head.content_type, path=path, streamed=streamed)
    if stream is not None:
        resizable = minor > 0 or head.framing is not Framing.LENGTH
        coding, raw = head.content_encoding, head.raw
        _follow(
            tap, stream, head.content_type, coding=coding, raw=raw, streamed=streamed, resizable=resizable
        )


def _compression(stream: Stream, raw: bytes) -> tuple[bytes, Callable[[], Decompressor] | None]:
    """Return how the messages of a call may be compressed, and what undoes it, where that is known."""
    name = b"connect-content-encoding" if stream.framing == "connect" else b"grpc-encoding"
    if name not in raw.lower():
        return b"", None
    coding = Fields.parse(raw).get(name)
    try:
        if undoing(coding) is None:
            return b"", None
    except CodingError:
        return coding, None

    def make() -> Decompressor:
        decoder = undoing(coding)
        assert decoder is not None
        return decoder

    return coding, make


class MessageTap:
    """Finds and tells the messages of one direction's body."""

    __slots__ = (
        "_at", "_base", "_border", "_decoder", "_flow", "_form", "_how", "_hurried", "_make", "_over",
        "_pace", "_placed", "_private", "_shared", "_skipped", "_skipper", "_splitter", "_started", "_teller",
        "hold", "sure",
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
        self.sure = False
        """The body is a stream of messages, whatever is found in it."""
        self.hold: Callable[..., HeldBody] | None = None
        """Makes what has the messages decided about that follow; None where they cannot be taken out."""

    @property
    def can_join(self) -> bool:
        """Whether the messages that follow can be decided about, once one has ended."""
        return self.hold is not None and not self._over

    def give_way(self) -> HeldBody | None:
        """Return what has the rest decided about, where a message has just ended; it tells them then."""
        late, splitter = self._flow.late, self._splitter
        at_border = late is None and self._skipper is None and self._base + splitter.begun >= self._at
        if self.hold is None or self._over or not at_border:
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
        if not self._over:
            work = Work(self._look(data), size=len(data), drop=self._behind, hurry=self._hurry)
            self._shared.slices.do(self._flow, work)

    def ended(self) -> None:
        """The body is complete."""
        if not self._over:
            work = Work(self._last(), size=0, drop=self._behind, hurry=self._hurry)
            self._shared.slices.do(self._flow, work)

    # --- inside ---------------------------------------------------------------------------------

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
