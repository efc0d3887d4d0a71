"""What the client asked in the older era of MCP, kept until the stream of results is printed. Bounded."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.about import ASKED_MOST
from soth_mitm.decode.coding import undo
from soth_mitm.decode.llm.mcp import MOST_CALLS, calls_of, endpoint_of, together

if TYPE_CHECKING:
    from soth_mitm.export.collect import Exchange
    from soth_mitm.export.rows import FlowRow

MOST_PLACES: Final = 64
"""Endpoints whose requests are kept; those that were asked longest ago go first."""

Place = tuple[str, int, bytes]


def asked_of(exchange: Exchange) -> bytes:
    """Return a small request, its coding undone; empty where it is none."""
    request = exchange.request
    if not request.complete or not 0 < request.body_bytes <= ASKED_MOST:
        return b""
    return undo(request.shown, request.coding, limit=ASKED_MOST).data


class CallsBefore:
    """The requests by the place that they were sent to."""

    def __init__(self) -> None:
        self._places: OrderedDict[Place, deque[bytes]] = OrderedDict()

    def ended(self, row: FlowRow, exchange: Exchange) -> None:
        """Take a flow that has ended."""
        request = exchange.request
        if row.method != "POST" or not request.content_type.startswith(b"application/json"):
            return
        calls = calls_of(asked_of(exchange)) if exchange.response.body_bytes <= len(_ACCEPTED) else []
        if not calls:
            return
        place = row.host, row.port, exchange.path
        kept = self._places.setdefault(place, deque(maxlen=MOST_CALLS))
        self._places.move_to_end(place)
        kept.extend(calls)
        if len(self._places) > MOST_PLACES:
            self._places.popitem(last=False)

    def of_stream(self, row: FlowRow, exchange: Exchange) -> bytes:
        """Return what was sent to the endpoint that a stream begins with, as `About.asked` has it."""
        if not exchange.response.content_type.startswith(b"text/event-stream"):
            return b""
        endpoint = endpoint_of(exchange.response.shown)
        return together(self._places.get((row.host, row.port, endpoint), ())) if endpoint else b""


_ACCEPTED: Final = b"Accepted\r\n"
"""The most that a server of the older era says to a request itself."""
