"""One direction of a stream while it is decided about: what is held of it, dropped, or goes another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.net.hold import Hold
from soth_mitm.proto.http1 import Body, End

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soth_mitm.model.events import Direction
    from soth_mitm.net.http2.held import HeldStream, Section
    from soth_mitm.proto.http1 import Item

_END = End(b"", b"")


class Side:
    """What is held is granted to its sender only where somebody asks for the body."""

    def __init__(
        self,
        direction: Direction,
        holds: dict[Direction, Hold],
        *,
        grant: Callable[[int], None],
        relay: Callable[[bytes, bool], None],
        trailers: Callable[[Section], None],
        dropped: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:
        self._direction = direction
        self._holds = holds
        self._grant = grant
        self._relay = relay
        self._trailers = trailers
        self._dropped = dropped
        self._ended = ended
        self._granting = False
        self.section: Section | None = None
        """The fields at its end, where they came while it was held."""
        self.discards = False
        """Another body goes on in its place."""
        self.way: HeldStream | None = None
        """What has its messages decided about, or shapes it, once the head has gone on."""

    def begin(self, *, limit: int, ended: bool) -> None:
        """Hold what comes from now on; with `ended`, nothing more does."""
        self._holds[self._direction] = hold = Hold(limit=limit, more=self._more, enough=self._enough)
        if ended:
            hold.add((_END,))

    def _more(self) -> None:
        self._granting = True
        hold = self._holds.get(self._direction)
        if hold is not None:
            self._grant(hold.size)

    def _enough(self) -> None:
        self._granting = False

    def takes_data(self, data: bytes, *, overhead: int, end: bool) -> bool:
        """Keep or drop a piece of the body; False leaves it to the exchange."""
        hold = self._holds.get(self._direction)
        if hold is None and not self.discards:
            return self.way is not None and self.way.takes_data(data, overhead=overhead, end=end)
        self._grant(overhead + (len(data) if hold is None or self._granting else 0))
        if hold is not None:
            body = (Body(b"", data),) if data else ()
            hold.add((*body, _END) if end else body)
            return True
        self._dropped(data)
        if end:
            self._ended()
        return True

    def takes_trailers(self, section: Section) -> bool:
        """Keep or drop the fields that end the message likewise."""
        hold = self._holds.get(self._direction)
        if hold is not None:
            self.section = section
            hold.add((_END,))
        elif self.discards:
            self._ended()
        else:
            return self.way is not None and self.way.takes_trailers(section)
        return True

    def let_go(self) -> Sequence[Item]:
        """Hold nothing any more; return what was held."""
        hold = self._holds.pop(self._direction, None)
        return hold.items if hold is not None else ()

    def discard(self, items: Sequence[Item]) -> bool:
        """Drop what was held, and what comes of it; return whether that was all."""
        self.discards = True
        for item in items:
            if isinstance(item, Body):
                self._dropped(item.data)
        return any(isinstance(item, End) for item in items)

    def replay(self, items: Sequence[Item]) -> None:
        """Send on what was held, as if it came now."""
        section = self.section
        ended = bool(items) and isinstance(items[-1], End)
        bodies = [item.data for item in items if isinstance(item, Body)]
        for position, data in enumerate(bodies):
            self._relay(data, ended and section is None and position + 1 == len(bodies))
        if ended and section is not None:
            self._trailers(section)
        elif ended and not bodies:
            self._relay(b"", True)
