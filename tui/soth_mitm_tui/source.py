"""What the detail needs of the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.record.pieces import BlockSource

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from soth_mitm.model.events import Direction
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.view import FlowView


class FlowStore(BlockSource, Protocol):
    """What the detail needs of the record's store."""

    def view(self, flow: int, /) -> Awaitable[FlowView | None]: ...
    def messages(self, flow: int, /) -> MessageLog: ...
    def body(
        self, flow: int, direction: Direction, /, start: int = 0, length: int = 65536
    ) -> Awaitable[bytes]: ...
