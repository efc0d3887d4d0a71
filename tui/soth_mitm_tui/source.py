"""Reading one flow out of the store for the detail: its view, and its bodies as they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm_tui.message import BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from soth_mitm.model.events import Direction
    from soth_mitm.record.view import FlowView, MessageView
    from soth_mitm.record.worker import Body, Mode, Worker

READ_SIZE: Final = 256 * 1024

MODES: Final[tuple[Mode, ...]] = ("auto", "pretty", "raw", "hex")


class FlowStore(Protocol):
    """What the detail needs of the record's store."""

    def view(self, flow: int, /) -> Awaitable[FlowView | None]: ...
    def body(
        self, flow: int, direction: Direction, /, start: int = 0, length: int = 65536
    ) -> Awaitable[bytes]: ...


class BodyReader:
    """One body: fetched as far as it has come, rendered when it grew or is wanted another way."""

    def __init__(self, store: FlowStore, worker: Worker, flow: int, direction: Direction) -> None:
        self._store, self._worker = store, worker
        self._flow, self._direction = flow, direction
        self._data = bytearray()
        self._rendered: Body | None = None
        self._made_of: tuple[int, Mode, bool] | None = None

    @property
    def size(self) -> int:
        """Bytes fetched so far."""
        return len(self._data)

    async def render(self, message: MessageView, mode: Mode) -> Body:
        """Return the body as far as it was recorded, at most `BODY_LIMIT` bytes of it."""
        wanted = min(message.captured_bytes, BODY_LIMIT)
        while len(self._data) < wanted:
            piece = await self._store.body(
                self._flow,
                self._direction,
                start=len(self._data),
                length=min(READ_SIZE, wanted - len(self._data)),
            )
            if not piece:
                break  # a gap in the record; what lies before it is shown
            self._data += piece
        whole = message.complete and len(self._data) >= message.body_bytes
        made_of = (len(self._data), mode, whole)
        if self._rendered is None or made_of != self._made_of:
            self._rendered = await self._worker.render(
                bytes(self._data),
                content_type=message.content_type,
                content_encoding=message.content_encoding,
                mode=mode,
                complete=whole,
            )
            self._made_of = made_of
        return self._rendered
