"""Frames of our own for one direction: changed, injected and written anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsproto.frame_protocol import FrameProtocol, Opcode

from soth_mitm.proto.websocket.deflate import Deflate

if TYPE_CHECKING:
    from soth_mitm.proto.websocket.extensions import Agreed


class _Frames(FrameProtocol):
    def frame(self, opcode: int, data: bytes, *, ended: bool) -> bytes:
        """Return a frame; what goes to the server is masked."""
        return bytes(self._serialize_frame(Opcode(opcode), data, ended))


class Writer:
    """Writes what a side could have sent.

    A compressed message is one stream with the compressed ones that this wrote before, and never refers
    to anything else: it can be read after whatever the peer itself compressed.
    """

    def __init__(self, agreed: Agreed, *, from_client: bool) -> None:
        self._plain = _Frames(from_client, [])
        self._deflated: _Frames | None = None
        if agreed.deflate is not None and not agreed.unknown:
            deflate = Deflate(agreed.deflate, from_client=from_client, limit=0)
            if deflate.can_write:
                self._deflated = _Frames(from_client, [deflate])

    @property
    def compresses(self) -> bool:
        """Whether a compressed message can be written."""
        return self._deflated is not None

    def frame(self, opcode: int, data: bytes, *, ended: bool = True, compressed: bool = False) -> bytes:
        """Return a frame: a message, or the first or next part of one (`opcode` 0) that has not `ended`."""
        frames = self._deflated if compressed and self._deflated is not None else self._plain
        return frames.frame(opcode, data, ended=ended)
