"""The bodies of the flow that is shown: opened when looked at, and read on as they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.record.document import WorkerError
from soth_mitm_tui.lines import Line, line
from soth_mitm_tui.message import body_end, body_heading, tint_for
from soth_mitm_tui.viewers.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from soth_mitm.model.events import Direction
    from soth_mitm.record.bodies import BodyRefs
    from soth_mitm.record.document import Document, Documents, Mode
    from soth_mitm.record.view import MessageView
    from soth_mitm_tui.viewers.content import Part

MODES: Final[tuple[Mode, ...]] = ("auto", "pretty", "raw", "hex")


class AsItCame(NamedTuple):
    """A body whose type and codings are not looked at."""

    refs: BodyRefs
    body_bytes: int
    complete: bool
    content_type: bytes = b""
    content_encoding: bytes = b""


class _Open(NamedTuple):
    mode: Mode
    force: bool
    window: Window


class Bodies:
    """Gives the bodies of one flow as parts of a page.

    `start` runs a coroutine beside everything else, `changed` is called when lines have come.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        start: Callable[[Coroutine[None, None, None]], object],
        changed: Callable[[], None],
    ) -> None:
        self._documents = documents
        self._start, self._changed = start, changed
        self._open: dict[tuple[Direction, bool], _Open] = {}
        self.force = False
        """Lay out even what is large."""

    def forget(self) -> None:
        """Let go of the bodies: another flow is looked at."""
        self.force = False
        for each in self._open.values():
            self._start(_close(each.window.document))
        self._open.clear()

    @property
    def unsettled(self) -> bool:
        """Whether more of what is shown is on its way."""
        return any(not each.window.document.info.settled for each in self._open.values())

    @property
    def busy(self) -> bool:
        """Whether lines that are in sight are being read."""
        return any(each.window.busy for each in self._open.values())

    async def parts(
        self, message: MessageView, mode: Mode, *, as_it_came: bool = False
    ) -> list[Part | list[Line]]:
        """Return the heading of a body, the body, and what is to be said at its end.

        `as_it_came` leaves content codings as they are.
        """
        body = AsItCame(message.refs, message.body_bytes, message.complete) if as_it_came else message
        try:
            window = await self._window(message.direction, body, mode, as_it_came=as_it_came)
            await window.update(body)
        except WorkerError as error:
            return [[line((f"  ✕ {error}", "bad"), indent=4)]]
        info = window.document.info
        window.tint = tint_for(info.kind, message.content_type)
        return [
            body_heading(message, info, mode, as_it_came=as_it_came),
            window,
            body_end(message, info),
        ]

    async def _window(
        self, direction: Direction, body: MessageView | AsItCame, mode: Mode, *, as_it_came: bool
    ) -> Window:
        key = direction, as_it_came
        known = self._open.get(key)
        if known is not None and known[:2] == (mode, self.force):
            return known.window
        if known is not None:
            del self._open[key]
            self._start(_close(known.window.document))
        document = await self._documents.open(body, mode=mode, force=self.force)
        window = Window(document, start=self._start, changed=self._changed)
        self._open[key] = _Open(mode, self.force, window)
        return window


async def _close(document: Document) -> None:
    await document.close()
