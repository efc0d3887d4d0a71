"""Both directions of one WebSocket, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction
from soth_mitm.model.reasons import CloseReason
from soth_mitm.proto.websocket.reading import Item, Odd, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.proto.websocket.extensions import Agreed
    from soth_mitm.proto.websocket.reading import Close

_HARMLESS = frozenset({"frame_after_close", "message_cut"})
"""What is odd, but not why a connection failed."""


class Observer:
    """Looks at the bytes of both directions; what carries them (HTTP/1.1, an HTTP/2 stream) does not matter.

    Feed it all that passes after the handshake; it gives back what was said. It never raises for what
    the network sent: a direction that cannot be read any more has a `failure`.
    """

    def __init__(self, agreed: Agreed, *, inflate_bytes: int, keep_raw: bool = False) -> None:
        self._up, self._down = (
            Reading(agreed, from_client=from_client, inflate_bytes=inflate_bytes, keep_raw=keep_raw)
            for from_client in (True, False)
        )
        self.closed: Close | None = None
        """What the first close frame said."""
        self.error = ""
        """Code of the first rule that was broken."""

    def side(self, direction: Direction) -> Reading:
        """Return what reads a direction."""
        return self._up if direction is Direction.REQUEST else self._down

    def feed(self, direction: Direction, data: bytes) -> list[Item]:
        """Take bytes that pass in a direction; return what they say."""
        items = self.side(direction).feed(data)
        self.note(direction, items)
        return items

    def note(self, direction: Direction, items: Iterable[Item]) -> None:
        """Take note of what was said in a direction, for the outcome."""
        side = self.side(direction)
        if self.closed is None:
            self.closed = side.close
        if self.error:
            return
        for item in items:
            if type(item) is Odd and item.code not in _HARMLESS:
                self.error = item.code
                return
        if side.reader.error is not None:
            self.error = side.reader.error.code

    @property
    def handshake_done(self) -> bool:
        """Whether both sides have said goodbye."""
        return self._up.close is not None and self._down.close is not None

    def outcome(self) -> tuple[CloseReason, str] | None:
        """Return reason and detail for the flow's end; None where it was cut without a goodbye."""
        if self.error:
            return CloseReason.WEBSOCKET_ERROR, self.error
        if self.closed is not None:
            return CloseReason.WEBSOCKET_COMPLETED, f"{self.closed.code} {self.closed.reason}".rstrip()
        return None
