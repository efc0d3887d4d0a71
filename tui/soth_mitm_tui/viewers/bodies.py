"""The bodies of the flow that is shown: opened when looked at, and read on as they grow."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.record.document import WorkerError
from soth_mitm.text import printable
from soth_mitm_tui.lines import Line, heading, line
from soth_mitm_tui.message import body_end, body_heading, tint_for
from soth_mitm_tui.viewers.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from soth_mitm.decode.about import About
    from soth_mitm.record.bodies import BodyRefs
    from soth_mitm.record.document import BodyOf, Document, Documents, Mode
    from soth_mitm.record.view import MessageView
    from soth_mitm_tui.message import Shown
    from soth_mitm_tui.messages.page import PayloadBody
    from soth_mitm_tui.viewers.content import Part

MODES: Final[tuple[Mode, ...]] = ("auto", "pretty", "raw", "hex")

PATIENCE: Final = 0.15
"""Seconds that a page waits for its body before it is shown without."""


_Key = tuple[str, int]
"""A direction and whether codings are left alone, or `message` and its position."""


class AsItCame(NamedTuple):
    """A body whose type and codings are not looked at."""

    refs: BodyRefs
    body_bytes: int
    complete: bool
    content_type: bytes = b""
    content_encoding: bytes = b""


class How(NamedTuple):
    """How a body is to be shown."""

    about: About | None = None
    """What is known of it besides its content type."""
    decoder: str = ""
    """The decoder that the person has chosen; empty where the type and the looks decide."""


PLAIN: Final = How()


class _Open(NamedTuple):
    mode: Mode
    force: bool
    decoder: str
    asked: bytes
    """What it answers: once more of that is known, the body is laid out anew."""
    done: asyncio.Event
    result: list[Window | str]
    """The body, or why it cannot be read; empty until it is known."""


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
        self._open: dict[_Key, _Open] = {}
        self._used: list[Window] = []
        self._waiting = False
        self.force = False
        """Lay out even what is large."""

    def forget(self) -> None:
        """Let go of the bodies: another flow is looked at."""
        self.force = False
        for key in list(self._open):
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        for window in self._open.pop(key).result:
            if isinstance(window, Window):
                self._start(_close(window.document))

    def begin(self) -> None:
        """Begin a page: what the one before has shown is not looked at any more."""
        self._used.clear()
        self._waiting = False

    @property
    def unsettled(self) -> bool:
        """Whether more of what is shown is on its way."""
        return self._waiting or any(not window.document.info.settled for window in self._used)

    @property
    def busy(self) -> bool:
        """Whether lines that are in sight are being read."""
        return any(window.busy for window in self._used)

    async def parts(self, message: MessageView, mode: Mode, how: How = PLAIN) -> list[Part | list[Line]]:
        """Return the heading of a body, the body, and what is to be said at its end.

        What takes long to open is said to be on its way; asked again, it is there.
        """
        return await self._parts((message.direction, 0), message, message, mode, how, title="Body")

    async def as_they_came(self, message: MessageView, mode: Mode) -> list[Part | list[Line]]:
        """Return the same of the bytes of a body, whose type and codings are not looked at."""
        body = AsItCame(message.refs, message.body_bytes, message.complete)
        return await self._parts((message.direction, 1), body, message, mode, PLAIN, title="Body")

    async def payload(
        self, body: PayloadBody, position: int, mode: Mode, how: How = PLAIN
    ) -> list[Part | list[Line]]:
        """Return the payload of a message, like a body; that of another one is let go of."""
        key: _Key = ("message", position)
        for other in [each for each in self._open if each[0] == "message" and each != key]:
            self._drop(other)
        return await self._parts(key, body, body, mode, how, title="Payload")

    async def talk(
        self, body: PayloadBody, flow: int, mode: Mode, how: How = PLAIN
    ) -> list[Part | list[Line]]:
        """Return what both sides of a WebSocket have said, like a body."""
        return await self._parts(("talk", flow), body, body, mode, how, title="Conversation")

    async def _parts(
        self, key: _Key, body: BodyOf, message: Shown, mode: Mode, how: How, *, title: str
    ) -> list[Part | list[Line]]:
        as_it_came = isinstance(body, AsItCame)
        opened = self._opened(key, body, mode, how)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(opened.done.wait(), PATIENCE)
        window = opened.result[0] if opened.result else None
        try:
            if isinstance(window, Window):
                await window.update(body)
        except WorkerError as error:
            window = printable(str(error))
        if window is None:
            self._waiting = True
            return [[heading(title, "reading…")], [], []]
        if not isinstance(window, Window):
            return [[heading(title), line((f"  ✕ {window}", "bad"), indent=4)], [], []]
        self._used.append(window)
        info = window.document.info
        window.tint = tint_for(info.kind, message.content_type)
        return [
            body_heading(message, info, mode, as_it_came=as_it_came, title=title),
            window,
            body_end(message, info),
        ]

    def _opened(self, key: _Key, body: BodyOf, mode: Mode, how: How) -> _Open:
        known = self._open.get(key)
        asked = how.about.asked if how.about is not None else b""
        if known is not None and known[:4] == (mode, self.force, how.decoder, asked):
            return known
        if known is not None:
            self._drop(key)
        opened = self._open[key] = _Open(mode, self.force, how.decoder, asked, asyncio.Event(), [])
        self._start(self._do_open(key, body, opened, how.about))
        return opened

    async def _do_open(self, key: _Key, body: BodyOf, opened: _Open, about: About | None) -> None:
        result: Window | str
        try:
            document = await self._documents.open(
                body, mode=opened.mode, force=opened.force, about=about, decoder=opened.decoder
            )
            result = Window(document, start=self._start, changed=self._changed)
        except WorkerError as error:
            result = printable(str(error))
        opened.result.append(result)
        opened.done.set()
        if self._open.get(key) is not opened and isinstance(result, Window):
            await _close(result.document)


async def _close(document: Document) -> None:
    await document.close()
