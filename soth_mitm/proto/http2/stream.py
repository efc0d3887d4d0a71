"""One stream as an engine keeps it: what is open, what may be sent, what is still to be taken."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soth_mitm.proto.http2.hpack import Fields


class Stream:
    """Exists while either side may still send (RFC 9113 section 5.1)."""

    __slots__ = (
        "answered",
        "asked_bodiless",
        "ending",
        "expected",
        "head_came",
        "lagged",
        "local_done",
        "number",
        "owner",
        "queue",
        "queued",
        "receive_window",
        "remote_done",
        "send_window",
        "target",
        "trailers",
        "unannounced",
        "untaken",
    )

    def __init__(self, number: int, *, send_window: int, receive_window: int) -> None:
        self.number = number
        self.owner: Any = None
        """Whose stream it is, for the driver."""
        self.local_done = False
        """We have sent our last frame."""
        self.remote_done = False
        """The peer has."""
        self.head_came = False
        """The peer's head came, the final one of a response."""
        self.answered = False
        """A final response was begun, in either direction."""
        self.asked_bodiless = False
        """The request was a HEAD: a length of its response counts nothing."""
        self.expected = -1
        """Body bytes that the peer's Content-Length still promises; -1 where it promises none."""
        self.send_window = send_window
        self.receive_window = receive_window
        """What the peer may still send."""
        self.target = receive_window
        """How large its window is made."""
        self.untaken = 0
        """Flow-controlled bytes that came and were not taken yet."""
        self.unannounced = 0
        """Taken, but not given back to the peer yet."""
        self.lagged = False
        """Some of that had to wait for its next receiver."""
        self.queue: deque[bytes] = deque()
        self.queued = 0
        """Bytes that wait for room."""
        self.ending = False
        """Ends once the queue is empty."""
        self.trailers: tuple[Fields, tuple[int, ...]] | None = None
        """What it ends with then."""
