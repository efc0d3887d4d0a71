"""The messages inside a body, found and told beside the relay: never in its way, never holding a byte.

`attach` looks at the heads and, where a body is a stream of messages, gives its `BodyTap` a
`messagetap.MessageTap`. It works for any HTTP version: it needs the heads' fields and the payload, no
framing. Whatever goes wrong ends in one `MessagesStopped`, and the bytes go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.redoing import redoing, redoing_all
from soth_mitm.decode.undoing import CodingError, Undoing, undoing, undoing_all
from soth_mitm.model.events import Direction, MessageForm, Noted
from soth_mitm.model.fields import Fields
from soth_mitm.net import calls
from soth_mitm.net.held import Compression, HeldBody
from soth_mitm.net.messagetap import MessageTap
from soth_mitm.net.telling import MessageTeller, numbers_of
from soth_mitm.proto.grpc import Base64, ToBase64
from soth_mitm.proto.http1 import Framing
from soth_mitm.proto.reframing import REFRAMING
from soth_mitm.proto.streams import splitter_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.decode.redoing import Redoing
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.proto.grpc import Decompressor
    from soth_mitm.proto.http1 import RequestHead, ResponseHead
    from soth_mitm.proto.streams import Stream

_NONE: Final = Framing.NONE
_RESPONSE: Final = Direction.RESPONSE


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
            kind=(content_type, coding),
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


def attach_replaced(tap: BodyTap, head: bytes, *, path: bytes, resizable: bool) -> None:
    """Do so for a body that goes in place of one that was no stream of messages."""
    content_type, coding = kind_of(head)
    stream = stream_of(content_type, path=path, streamed=False)
    if stream is not None:
        _follow(tap, stream, content_type, coding=coding, raw=head, streamed=False, resizable=resizable)


def kind_of(head: bytes) -> tuple[bytes, bytes]:
    """Return the content type and the coding that a head gives."""
    fields = Fields.of_head(head)
    return fields.get(b"content-type"), fields.get(b"content-encoding")


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
