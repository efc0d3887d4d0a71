"""permessage-deflate (RFC 7692) for one direction, as somebody who looks on has to read it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import FrameDecoder, FrameProtocol, Opcode, RsvBits

from soth_mitm.proto.websocket.opcodes import BINARY, CLOSE, TEXT, CodecError

if TYPE_CHECKING:
    from wsproto.frame_protocol import CloseReason

    from soth_mitm.proto.websocket.extensions import DeflateParams

_TAIL = b"\x00\x00\xff\xff"
RATIO = 100
"""Times that messages may expand for ever; ten times what text does."""
GRANT = 4096
"""Bytes that a message may have whatever its size: of equal ones little more than a reference is sent."""
_WINDOW = -15
"""The largest window reads what any smaller one wrote."""
_SMALLEST_WRITTEN = 9
"""zlib cannot write raw deflate with a window of 256 bytes."""


class Deflate(PerMessageDeflate):
    """Reads what one side sends, and writes to the other: one of these a direction.

    Mends what makes wsproto's own lose its way: a control frame between the fragments of a compressed
    message, a message that ends in a final block, a window of 2^8. What expands to more than `RATIO`
    times its bytes and `GRANT` a message may do so for `limit` bytes, not longer.

    Raises:
        CodecError: `inflate_failed`, `inflate_limit`.
    """

    def __init__(self, params: DeflateParams, *, from_client: bool, limit: int) -> None:
        super().__init__(
            client_no_context_takeover=not params.client_takeover,
            server_no_context_takeover=not params.server_takeover,
            client_max_window_bits=max(_SMALLEST_WRITTEN, params.client_bits),
            server_max_window_bits=max(_SMALLEST_WRITTEN, params.server_bits),
        )
        self._enabled = True
        self.takeover = params.client_takeover if from_client else params.server_takeover
        bits = params.client_bits if from_client else params.server_bits
        self.can_write = bits >= _SMALLEST_WRITTEN
        self._limit = limit
        self._inflate: zlib._Decompress | None = None
        self._room = limit
        self._fed = False
        """Bytes of the message that is open were decompressed."""
        self._reading = False
        """The frame that is being read belongs to a compressed message."""
        self._compressed = False
        """The message that is open is compressed."""

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Note what the frame is. May be called twice for one, where its mask is still missing."""
        if opcode < CLOSE:
            if opcode in (TEXT, BINARY):
                self._compressed = rsv.rsv1
            self._reading = self._compressed
        else:
            self._reading = False
        return RsvBits(True, False, False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Decompress what belongs to a compressed message."""
        return self._inflated(data) if self._reading and data else data

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """Decompress what the end of the message stands for."""
        if not fin or not self._reading:
            return None
        rest = self.message(b"")
        self._reading = self._compressed = False
        if not self.takeover:
            self._inflate = None
        return rest

    def message(self, data: bytes) -> bytes:
        """Decompress a message that is there as a whole."""
        self._room = min(self._limit, self._room + GRANT)
        whole = self._inflated(data) if data else data
        if self._fed:  # a message without a byte breaks RFC 7692 section 7.2.3.6, but some say "" so
            whole += self._inflated(_TAIL)
            self._fed = False
        if not self.takeover:
            self._inflate = None
        return whole

    def _inflated(self, data: bytes) -> bytes:
        out = b""
        self._fed = True
        self._room = min(self._limit, self._room + RATIO * len(data))
        while True:
            if self._inflate is None:
                self._inflate = zlib.decompressobj(_WINDOW)
            try:
                piece = self._inflate.decompress(data, self._room + 1)
            except zlib.error as error:
                raise CodecError("inflate_failed", f"zlib says: {error}") from error
            self._room -= len(piece)
            if self._room < 0:
                raise CodecError("inflate_limit")
            out = out + piece if out else piece
            if not self._inflate.eof:
                return out
            # A final block ends the stream, not the message; who wrote it has begun anew as well.
            data = self._inflate.unused_data
            self._inflate = None
            if not data:
                return out


class Opaque(Extension):
    """Stands for extensions that are not known here: any reserved bit may be theirs."""

    name = "opaque"

    def enabled(self) -> bool:
        """Return that it is in use."""
        return True

    def offer(self) -> bool | str:
        """Offer nothing: nobody shakes hands with it."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Let every bit pass."""
        return RsvBits(True, True, True)
