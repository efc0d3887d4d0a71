"""The bodies of the flow that is shown: opened when looked at, and read on as they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.record.worker import WorkerError
from soth_mitm_tui.lines import Line, line
from soth_mitm_tui.message import body_end, body_heading, tint_for
from soth_mitm_tui.source import BodyReader, FlowStore
from soth_mitm_tui.viewers.content import Tinted

if TYPE_CHECKING:
    from soth_mitm.model.events import Direction
    from soth_mitm.record.view import MessageView
    from soth_mitm.record.worker import Mode, Worker
    from soth_mitm_tui.viewers.content import Part

MODES: Final[tuple[Mode, ...]] = ("auto", "pretty", "raw", "hex")


class Bodies:
    """Gives the bodies of one flow as parts of a page."""

    def __init__(self, store: FlowStore, worker: Worker) -> None:
        self._store, self._worker = store, worker
        self._readers: dict[tuple[Direction, bool], BodyReader] = {}

    def forget(self) -> None:
        """Let go of the bodies: another flow is looked at."""
        self._readers.clear()

    @property
    def size(self) -> int:
        """Bytes of the largest body that is open."""
        return max((reader.size for reader in self._readers.values()), default=0)

    async def parts(
        self, flow: int, message: MessageView, mode: Mode, *, as_it_came: bool = False
    ) -> list[Part | list[Line]]:
        """Return the heading of a body, the body, and what is to be said at its end.

        `as_it_came` leaves content codings as they are.
        """
        key = (message.direction, as_it_came)
        reader = self._readers.get(key)
        if reader is None:
            reader = self._readers[key] = BodyReader(self._store, self._worker, flow, message.direction)
        try:
            body = await reader.render(message, mode)
        except WorkerError as error:
            return [[line((f"  ✕ {error}", "bad"), indent=4)]]
        tint = tint_for(body, message.content_type)
        return [body_heading(message, body, mode), Tinted(body.lines, tint), body_end(message, body)]
