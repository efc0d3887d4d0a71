"""Bodies in a store that holds nothing else, for the tests of what reads them."""

from __future__ import annotations

from pathlib import Path

from soth_mitm.errors import DumpError
from soth_mitm.model.events import BodyChunk, Direction, Event
from soth_mitm.record.bodies import BodyRef, BodyRefs
from soth_mitm.record.format import BLOCK_HEADER_SIZE, finish_block
from soth_mitm.record.frames import append_frame
from soth_mitm.record.pieces import BlockPlace

CHUNK = 64 * 1024


class Body:
    """A message with a body that can grow, its chunks in blocks of one file, or of memory."""

    def __init__(
        self,
        data: bytes = b"",
        *,
        path: Path | None = None,
        content_type: bytes = b"text/plain",
        content_encoding: bytes = b"",
        complete: bool = True,
    ) -> None:
        self.content_type = content_type
        self.content_encoding = content_encoding
        self.complete = complete
        self.body_bytes = 0
        self.refs = BodyRefs()
        self.path = path
        self._places: list[tuple[int, int]] = []
        self._blocks: list[bytes] = []
        self.grow(data)

    def grow(self, data: bytes, *, complete: bool | None = None) -> None:
        """Add bytes, as chunks of 64 KiB, each in a block of its own."""
        for at in range(0, len(data), CHUNK):
            self._chunk(data[at : at + CHUNK])
        if complete is not None:
            self.complete = complete

    def _chunk(self, data: bytes) -> None:
        buffer = bytearray(BLOCK_HEADER_SIZE)
        body = BodyChunk(Direction.RESPONSE, self.body_bytes, len(data), data)
        append_frame(buffer, Event(1, 1, 1, 1, 0, 0, body))
        number = len(self._places)
        offset = 0
        if self.path is not None:
            finish_block(buffer, flags=0, frames=1, first_seq=1, last_seq=1)
            with self.path.open("ab") as file:
                offset = file.tell()
                file.write(buffer)
        else:
            self._blocks.append(bytes(buffer[BLOCK_HEADER_SIZE:]))
        self._places.append((offset, len(buffer)))
        self.refs.append(BodyRef(number, 0, len(data), self.body_bytes, 0))
        self.body_bytes += len(data)

    def place_of(self, number: int) -> BlockPlace | None:
        """See `BlockSource`."""
        return None if self.path is None else BlockPlace(str(self.path), *self._places[number])

    def read_block(self, number: int) -> bytes:
        """See `BlockSource`."""
        if number >= len(self._blocks):
            raise DumpError("it lies in a file, and must not be read here")
        return self._blocks[number]
