"""Frames of one direction, piece by piece as they arrive (RFC 6455 section 5), over wsproto's decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wsproto.frame_protocol import FrameDecoder, ParseFailed, XorMaskerSimple

from soth_mitm.proto.websocket.deflate import Deflate, Opaque
from soth_mitm.proto.websocket.opcodes import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LABELS,
    PING,
    PONG,
    TEXT,
    CodecError,
)

if TYPE_CHECKING:
    from wsproto.extensions import Extension

_FIN, _RSV, _RSV1, _OPCODE = 0x80, 0x70, 0x40, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_CONTROL_MOST = 125
_SIXTY_FOUR_BITS = 127
_SIXTEEN_BITS = 126
_STEP = 4096
"""Most wire bytes that are decompressed at once: what they expand to has to fit into memory."""
_SHORTEST = 2
_SHORT = 1024
"""Up to this size, one large number is unmasked faster than four strides of bytes."""
_WHOLE = {0x81: TEXT, 0x82: BINARY, 0x89: PING, 0x8A: PONG}
_WHOLE_DEFLATED = {**_WHOLE, 0xC1: TEXT, 0xC2: BINARY}
"""First bytes of frames that are messages of their own."""


class Piece(NamedTuple):
    """A frame, or as much of it as one read brought. Control frames always come whole."""

    opcode: int
    """Of the message: a continuation has the one of its first frame."""
    data: bytes
    """Payload, unmasked and decompressed."""
    wire: int
    """Bytes on the wire since the piece before."""
    frame_ended: bool
    """The last piece of its frame."""
    ended: bool
    """The last piece of its message."""
    compressed: bool
    raw: bytes = b""
    """The bytes on the wire, where they were asked for."""


def _unmasked(key: bytes, data: bytes) -> bytes:
    size = len(data)
    if size > _SHORT:
        return bytes(XorMaskerSimple(key).process(bytearray(data)))
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(mask, "little")).to_bytes(size, "little")


class FrameReader(FrameDecoder):
    """Reads the frames that one side sends.

    What is kept between two calls is at most a frame's header or one control frame. With `keep_raw`
    each piece carries its bytes on the wire.
    """

    def __init__(
        self, *, from_client: bool, extension: Extension | None = None, keep_raw: bool = False
    ) -> None:
        super().__init__(client=not from_client, extensions=[extension] if extension is not None else [])
        self.error: CodecError | None = None
        """Why nothing is read any more."""
        self.unread = 0
        """Of the bytes that were fed, how many of the last ones are in no piece because of an `error`."""
        self._from_client = from_client
        self._keep_raw = keep_raw
        self._raw = bytearray()
        self._any_bit = isinstance(extension, Opaque)
        self._deflate = extension if isinstance(extension, Deflate) else None
        self._whole = _WHOLE if self._deflate is None else _WHOLE_DEFLATED
        self._message = 0
        """Opcode of the message that is open; 0 while none is."""
        self._compressed = False
        self._control = 0
        """Opcode of the control frame that is being read; 0 where it is a data frame."""
        self._waiting = 0
        """Wire bytes since the last piece."""
        self._fed = 0
        """Of the bytes that are being fed, how many have been taken."""

    @property
    def between_messages(self) -> bool:
        """Whether what was fed ended with a whole message, so that another one could come here."""
        return self.behind == 0

    @property
    def behind(self) -> int | None:
        """How many bytes came behind the last whole message; None inside one, or after an `error`."""
        return None if self._message or self.error is not None else self._waiting

    def feed(self, data: bytes) -> list[Piece]:
        """Take bytes; return the pieces that they brought. After an `error`, none."""
        pieces: list[Piece] = []
        if self.error is not None:
            return pieces
        self._fed = 0
        try:
            if not self._waiting and self.header is None:
                self._short_cut(data, pieces)
            step = _STEP if self._deflate is not None else len(data)
            while self._fed < len(data):
                part = data[self._fed : self._fed + step]
                self._fed += len(part)
                self._waiting += len(part)
                if self._keep_raw:
                    self._raw += part
                self.receive_bytes(part)
                while (piece := self._next()) is not None:
                    pieces.append(piece)
        except CodecError as error:
            self.error = error
            self.unread = self._waiting + len(data) - self._fed
            if self._keep_raw:
                self._raw += data[self._fed :]
        return pieces

    def release(self) -> bytes:
        """Hand out the bytes that are in no piece, where `keep_raw` kept them."""
        raw = bytes(self._raw)
        self._raw.clear()
        return raw

    def _short_cut(self, data: bytes, pieces: list[Piece]) -> None:
        """Read unfragmented messages that are there as a whole, as most are.

        Gives what wsproto's way gives, in a third of the time. Whatever is unusual is left to that.
        """
        position, end = 0, len(data)
        while end - position >= _SHORTEST:
            opcode = self._whole.get(data[position])
            size = data[position + 1]
            if (
                opcode is None
                or (self._message and opcode < CLOSE)
                or (size >= _MASKED) is not self._from_client
            ):
                break
            begin = position + 2
            size &= _LENGTH
            if size >= _SIXTEEN_BITS:
                size = int.from_bytes(data[begin : begin + 2], "big") if size == _SIXTEEN_BITS else 0
                begin += 2
                if size < _SIXTEEN_BITS or opcode >= CLOSE:
                    break
            begin += 4 * self._from_client
            after = begin + size
            compressed = bool(data[position] & _RSV1)
            if after > end or (compressed and size > _STEP):
                break
            payload = data[begin:after]
            if self._from_client and size:
                payload = _unmasked(data[begin - 4 : begin], payload)
            if compressed and self._deflate is not None:
                payload = self._deflate.message(payload)
            raw = data[position:after] if self._keep_raw else b""
            pieces.append(Piece(opcode, payload, after - position, True, True, compressed, raw))
            self._fed = position = after

    def _next(self) -> Piece | None:
        frame = self.process_buffer()
        if frame is None:
            return None
        data = frame.payload
        assert isinstance(data, bytes)
        left = len(self.buffer)
        wire, self._waiting = self._waiting - left, left
        raw = b""
        if self._keep_raw:
            raw = bytes(self._raw[:wire])
            del self._raw[:wire]
        if self._control:
            return Piece(self._control, data, wire, True, True, False, raw)
        ended = frame.frame_finished and frame.message_finished
        piece = Piece(self._message, data, wire, frame.frame_finished, ended, self._compressed, raw)
        if ended:
            self._message = 0
        return piece

    def parse_header(self) -> bool:
        """Read a frame's header for wsproto, judged first, so that each defect has its own code."""
        head = self.buffer.buffer
        if len(head) < 2:
            return False
        first, second = head[0], head[1]
        opcode = first & _OPCODE
        self._judge(opcode, first & _RSV, whole=bool(first & _FIN))
        if opcode >= CLOSE and second & _LENGTH > _CONTROL_MOST:
            raise CodecError("control_too_long")
        if bool(second & _MASKED) is not self._from_client:
            raise CodecError("client_frame_unmasked" if self._from_client else "server_frame_masked")
        try:
            if not super().parse_header():
                return False
        except ParseFailed:
            overflow = second & _LENGTH == _SIXTY_FOUR_BITS and head[2] & 0x80
            raise CodecError("payload_length_overflow" if overflow else "payload_length_padded") from None
        self._control = opcode if opcode >= CLOSE else 0
        if opcode in (TEXT, BINARY):
            self._message = opcode
            self._compressed = self._deflate is not None and bool(first & _RSV1)
        return True

    def _judge(self, opcode: int, bits: int, *, whole: bool) -> None:
        if opcode and opcode not in LABELS:
            raise CodecError("reserved_opcode", f"opcode 0x{opcode:X} means nothing")
        if bits and not self._any_bit:
            usable = _RSV1 if self._deflate is not None and opcode in (TEXT, BINARY) else 0
            if bits & ~usable:
                raise CodecError("reserved_bits")
        if opcode >= CLOSE:
            if not whole:
                raise CodecError("fragmented_control_frame")
        elif opcode == CONTINUATION:
            if not self._message:
                raise CodecError("unexpected_continuation")
        elif self._message:
            raise CodecError("unfinished_message")
