"""A client's connection without a socket: what a session reads and writes is handed over in memory.

Nothing waits in it: what the session writes is taken at once, and what is to be read is handed over only
while the session reads.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from soth_mitm.net.session import ClientSession

_PIECE = 64 * 1024
"""Most bytes that are handed over at a time."""

Bytes = bytes | bytearray | memoryview


class Line(asyncio.Transport):
    """The transport of one session, and the client's end of it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, session: ClientSession, take: Callable[[bytes], None]
    ) -> None:
        super().__init__()
        self._loop = loop
        self._session = session
        self._take = take
        self._reading = True
        self._moved = asyncio.Event()
        self.gone = False
        """The session has closed it, or the client has hung up."""

    # --- the client's end -------------------------------------------------------------------------

    def open(self) -> None:
        """Begin."""
        self._session.connection_made(self)

    async def send(self, data: bytes) -> bool:
        """Hand bytes over as the session reads them; return False where it takes no more."""
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            while not self._reading and not self.gone:
                self._moved.clear()
                await self._moved.wait()
            if self.gone:
                return False
            self._session.get_buffer(len(piece))[: len(piece)] = piece
            self._session.buffer_updated(len(piece))
            if len(data) > _PIECE:
                await asyncio.sleep(0)
        return not self.gone

    def hang_up(self) -> None:
        """End the connection from the client's side."""
        if not self.gone:
            self._lost()

    def _lost(self) -> None:
        if not self.gone:
            self.gone = True
            self._moved.set()
            self._session.connection_lost(None)

    # --- what the session sees of it ----------------------------------------------------------------

    def write(self, data: Bytes) -> None:
        """Take what the session writes."""
        if not self.gone:
            self._take(bytes(data))

    def writelines(self, list_of_data: Iterable[Bytes]) -> None:
        """Take what the session writes."""
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing waits here."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: there is no buffer."""

    def pause_reading(self) -> None:
        """Let the client wait."""
        self._reading = False

    def resume_reading(self) -> None:
        """Let the client go on."""
        self._reading = True
        self._moved.set()

    def is_reading(self) -> bool:
        """Whether the client may send."""
        return self._reading

    def can_write_eof(self) -> bool:
        """Return False: it ends as a whole."""
        return False

    def is_closing(self) -> bool:
        """Whether it has ended, or is about to."""
        return self.gone

    def close(self) -> None:
        """End it from the session's side, once the session has returned."""
        self._loop.call_soon(self._lost)

    def abort(self) -> None:
        """End it likewise."""
        self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        """Return nothing that is known of a socket."""
        return default
