"""What passes in one direction of a flow: counted, and told as events within the capture budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import StreamChunk
from soth_mitm.model.events import CHUNK_LIMIT, BodyChunk, Direction, Noted

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.calls import CallTap
    from soth_mitm.net.held import HeldBody
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.messagetap import MessageTap
    from soth_mitm.net.shaping import ShapedBody
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.subject import Subject


class BodyTap:
    """Counts a direction's wire and payload bytes, and tells the payload.

    Where `capture` is false (metadata-only), or beyond `limit` bytes, only sizes are told.
    """

    __slots__ = (
        "_hook", "_limit", "asked", "call", "capture", "data", "direction", "flow", "held", "late",
        "messages", "shaped", "shared", "wire",
    )  # fmt: skip

    def __init__(
        self,
        shared: Shared,
        flow: FlowLife,
        *,
        direction: Direction,
        capture: bool,
        limit: int,
        asked: Callable[[], Subject] | None = None,
    ) -> None:
        self.shared = shared
        self.flow = flow
        self.direction = direction
        self._hook = shared.hooks.chunk
        self._limit = limit
        self.asked = asked
        """Returns the exchange as expressions see it; None where it is no HTTP."""
        self.capture = capture
        self.messages: MessageTap | None = None
        """Finds messages in what passes, where it is a stream of them; `messages.attach` sets it."""
        self.call: CallTap | None = None
        """Follows the answer of a language model; `calls.attach` sets it."""
        self.held: HeldBody | None = None
        """Asks the handler about its messages before they pass; who relays the body connects it."""
        self.late = False
        """Somebody began to decide about such bodies when this one was passing already."""
        self.shaped: ShapedBody | None = None
        """What a rule has the body go through; around `held`, where that is there too."""
        self.data = 0
        """Payload bytes so far."""
        self.wire = 0
        """Wire bytes so far; counted by the owner, who sees the framing."""

    @property
    def through(self) -> HeldBody | ShapedBody | None:
        """What the body goes through on its way; None where it goes as it comes."""
        return self.shaped or self.held

    def passed(self, data: bytes) -> None:
        """Tell payload that goes on; events carry at most 64 KiB each."""
        offset = self.data
        self.data = after = offset + len(data)
        keep = self.capture and after <= self._limit
        if not keep and self.capture and offset <= self._limit:
            self.shared.limit_reached("capture_body_bytes", after, "the rest is forwarded, not recorded")
            self.flow.emit(Noted("capture_body", f"body recorded up to {offset} bytes"))
        emit, direction = self.flow.emit, self.direction
        if len(data) <= CHUNK_LIMIT:
            emit(BodyChunk(direction, offset, len(data), data if keep else b""))
        else:
            for start in range(0, len(data), CHUNK_LIMIT):
                part = data[start : start + CHUNK_LIMIT]
                emit(BodyChunk(direction, offset + start, len(part), part if keep else b""))
        if self.messages is not None:
            self.messages.passed(data)
        if self.call is not None:
            self.call.passed(data)
        if self._hook:
            chunk = StreamChunk(self.flow.number, direction, offset, data)
            self.shared.call_hook("on_stream_chunk", chunk, flow=self.flow)

    def keep_from_handler(self) -> None:
        """Leave it to somebody else to show the handler what passes."""
        self._hook = False

    def ended(self) -> None:
        """Note that the body is complete; its end is told after this."""
        if self.messages is not None:
            self.messages.ended()
