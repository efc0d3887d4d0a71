"""What one side of a WebSocket says: messages while they arrive, control frames, and what is odd in them."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.model.websocket import ERRORS, NO_STATUS, may_be_sent
from soth_mitm.proto.websocket.deflate import Deflate, Opaque
from soth_mitm.proto.websocket.frames import FrameReader, Piece
from soth_mitm.proto.websocket.opcodes import CLOSE, LABELS, TEXT

if TYPE_CHECKING:
    from wsproto.extensions import Extension

    from soth_mitm.proto.websocket.extensions import Agreed

_UTF8 = codecs.getincrementaldecoder("utf-8")


class Part(NamedTuple):
    """More payload of the message that is open."""

    data: bytes


class Ended(NamedTuple):
    """The message that was open ends, with its last payload bytes."""

    label: str
    """`text` or `binary`."""
    data: bytes
    size: int
    """All its payload bytes."""
    wire: int
    """Bytes on the wire, framing included."""
    fragments: int
    compressed: bool


class Control(NamedTuple):
    """A ping, pong or close; may come between the parts of a message."""

    label: str
    data: bytes
    wire: int
    note: str = ""
    """Code and reason of a close; the reason may hold hostile characters."""


class Odd(NamedTuple):
    """Something breaks a rule, and reading goes on."""

    code: str
    detail: str


Item = Part | Ended | Control | Odd


class Close(NamedTuple):
    """What a close frame says."""

    code: int
    """`NO_STATUS` where it has none."""
    reason: str


class Reading:
    """Reads one direction, and keeps no payload.

    Once `reader.error` is set, framing is lost for good and `feed` gives nothing any more.
    """

    def __init__(
        self, agreed: Agreed, *, from_client: bool, inflate_bytes: int, keep_raw: bool = False
    ) -> None:
        self.opaque = bool(agreed.unknown)
        """Payload is coded by an extension that is not known here."""
        extension: Extension | None = None
        if self.opaque:
            extension = Opaque()
        elif agreed.deflate is not None:
            extension = Deflate(agreed.deflate, from_client=from_client, limit=inflate_bytes)
        self.reader = FrameReader(from_client=from_client, extension=extension, keep_raw=keep_raw)
        self.close: Close | None = None
        """The close frame, once it has come."""
        self._size = self._wire = self._fragments = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self._open = self._over = False

    def feed(self, data: bytes) -> list[Item]:
        """Take bytes; return what they say."""
        items: list[Item] = []
        for piece in self.reader.feed(data):
            self.take(piece, items)
        return items

    def take(self, piece: Piece, items: list[Item]) -> None:
        """Add what a piece says to `items`."""
        if self.close is not None and not self._open:
            items.append(Odd("frame_after_close", ERRORS["frame_after_close"]))
        if piece.opcode >= CLOSE:
            note = self._closing(piece.data, items) if piece.opcode == CLOSE else ""
            items.append(Control(LABELS[piece.opcode], piece.data, piece.wire, note))
            return
        if piece.opcode == TEXT and not self.opaque:
            self._check_text(piece, items)
        self._open = True
        self._size += len(piece.data)
        self._wire += piece.wire
        self._fragments += piece.frame_ended
        if not piece.ended:
            items.append(Part(piece.data))
            return
        items.append(
            Ended(LABELS[piece.opcode], piece.data, self._size, self._wire, self._fragments, piece.compressed)
        )
        self._open = False
        self._size = self._wire = self._fragments = 0

    def end(self) -> list[Item]:
        """Take note that no more will come; the first time, this may be odd."""
        cut = not self._over and self.reader.error is None and not self.reader.between_messages
        self._over = True
        if not cut:
            return []
        return [Odd("message_cut", ERRORS["message_cut"])]

    def _check_text(self, piece: Piece, items: list[Item]) -> None:
        try:
            if not self._open and piece.ended:
                piece.data.decode("utf-8")
                return
            if not self._open:
                self._decoder = _UTF8()
            if self._decoder is not None:
                self._decoder.decode(piece.data, piece.ended)
        except UnicodeDecodeError as error:
            self._decoder = None
            items.append(Odd("invalid_utf8", f"text that is not UTF-8: {error.reason}"))

    def _closing(self, data: bytes, items: list[Item]) -> str:
        if self.close is not None:
            return ""
        if len(data) == 1:
            items.append(Odd("bad_close_payload", ERRORS["bad_close_payload"]))
        if len(data) < 2:
            self.close = Close(NO_STATUS, "")
            return ""
        code = int.from_bytes(data[:2], "big")
        if not may_be_sent(code):
            items.append(Odd("bad_close_code", f"code {code} must not be sent"))
        try:
            reason = data[2:].decode("utf-8")
        except UnicodeDecodeError:
            reason = data[2:].decode("utf-8", "backslashreplace")
            items.append(Odd("invalid_utf8", "the reason of a close is not UTF-8"))
        self.close = Close(code, reason)
        return f"{code} {reason}".rstrip()
