"""A body of MessagePack, Protocol Buffers or gRPC as a text, which is written as bytes while it is typed."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Final

from soth_mitm.policy.editing.binary.codec import FORMATS, Texted
from soth_mitm.policy.editing.binary.lexing import Misread
from soth_mitm.record.retyping import retyped
from soth_mitm.record.worker import WorkerError
from soth_mitm_tui.editing.text_editor import TextEditor
from soth_mitm_tui.editing.view import View, without_added_end
from soth_mitm_tui.tint import tree_tint

if TYPE_CHECKING:
    from collections.abc import Generator

    from textual.app import ComposeResult
    from textual.timer import Timer
    from textual.widget import Widget

    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.lines import Span

HERE: Final = 512
"""Bytes up to which a body is made a text in the app; that takes 2 ms."""

SLICE: Final = 0.003
"""Seconds that a text is read at once."""

_BETWEEN: Final = 0.002


class BinaryView(View):
    """Edits a binary body as a text; what is not touched keeps its bytes."""

    NAME: ClassVar[str] = "Body"
    title = "The body"
    app: SothApp

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self.editor = TextEditor()
        self._made: Texted | None = None
        self._steps: Generator[None, None, bytes] | None = None
        """Reads what was typed; None once that is done."""
        self._read = ""
        self._timer: Timer | None = None

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where the body has such a format, and is not too long."""
        return sheet.has_body and len(sheet.parts.data) <= most and bool(sheet.binary)

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield self.editor

    @property
    def front(self) -> Widget:
        """The text."""
        return self.editor

    # --- from bytes

    def load(self) -> None:
        """Make a text of the body, in another process where that takes long."""
        self._stop()
        self._made = None
        self.editor.tint = tree_tint
        self.editor.read_only = True
        data, protos = self.sheet.parts.data, self.app.config.proto
        work = partial(retyped, data, self.sheet.about, self.sheet.binary, protos)
        if len(data) <= HERE and not protos:
            self._show(work())
        else:
            self.editor.show_text("")
            self.run_worker(self._make(work), exclusive=True, group="binary", exit_on_error=False)

    async def _make(self, work: partial[Texted]) -> None:
        try:
            made = await self.app.worker.run(work)
        except WorkerError as error:
            made = Texted("", retyped(b"", self.sheet.about, "msgpack", ()).codec, str(error))
        if work.args[0] == self.sheet.parts.data:
            self._show(made)
            self.post_message(self.Changed())

    def _show(self, made: Texted) -> None:
        self._made = made
        typed = self.sheet.parts.typed
        self.editor.show_text(typed or made.text)
        self.editor.read_only = bool(made.why)
        if typed:
            self._judge()

    # --- to bytes

    def on_text_editor_edited(self, event: TextEditor.Edited) -> None:
        """Write what is typed into the sheet."""
        event.stop()
        self._judge()

    def _judge(self) -> None:
        self._stop()
        if self._made is None or self._made.why:
            return
        self._read = self.editor.text
        self._steps = self._made.codec.reading(self._read)
        self._go_on()

    def _stop(self) -> None:
        self._steps = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _go_on(self) -> None:
        """Read on for a moment."""
        self._timer = None
        self._slice()
        if self._steps is not None:
            self._timer = self.set_timer(_BETWEEN, self._go_on)
            self.post_message(self.Changed())

    def _slice(self) -> None:
        until = perf_counter() + SLICE
        try:
            while self._steps is not None and perf_counter() < until:
                next(self._steps)
        except StopIteration as ended:
            self._stop()
            self._wrote(ended.value)
        except Misread as error:
            self._stop()
            fault = error.fault(self._read)
            self.editor.mark(self.editor.buffer.spot(fault.offset))
            self.sheet.hold(self.NAME, self._read, str(fault))
            self.told()

    def _wrote(self, data: bytes) -> None:
        self.editor.mark(None)
        self.sheet.trouble(self.NAME, "")
        self.change(same="text", data=data, typed="")

    async def settle(self) -> None:
        """See `View`."""
        while self._steps is not None:
            self._slice()
            await asyncio.sleep(0)

    # --- what is said, and the person's own editor

    def verdict(self) -> Span | None:
        """Say what it is, and whether there is a text of it."""
        name = FORMATS.get(self.sheet.binary, "")
        if self._made is None:
            return (f"{name} · making a text of it", "muted")
        if self._made.why:
            return (f"{name}, but no text can be made of it: {self._made.why} · f6 edits its bytes", "warn")
        if self._steps is not None:
            return (f"{name} · reading what is typed", "muted")
        known = f" · message {self._made.known}" if self._made.known else ""
        return (f"{name}{known} · {len(self.sheet.parts.data):,} bytes", "good")

    @property
    def as_text(self) -> str:
        """See `View`."""
        return self.editor.text

    def outside(self) -> tuple[bytes, str]:
        """Return the text; the bytes where there is none."""
        if self._made is None or self._made.why:
            return self.sheet.parts.data, ".bin"
        return self.editor.text.encode("utf-8", "surrogatepass"), ".txt"

    def take(self, data: bytes) -> None:
        """Take another text, or other bytes."""
        if self._made is None or self._made.why:
            self.change(data=data, typed="")
            self.seen = -1
        else:
            self.editor.put(without_added_end(data.decode("utf-8"), self.editor.text))
