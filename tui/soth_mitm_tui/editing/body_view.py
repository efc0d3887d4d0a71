"""The body as text: coloured, and where it is JSON checked while it is typed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from soth_mitm.decode.sniff import JSON_START, choose, essence
from soth_mitm.policy.editing.jsoncheck import JsonCheck
from soth_mitm.policy.editing.oneline import LayingOut, Writer
from soth_mitm.policy.editing.wording import Wording
from soth_mitm_tui.editing.text_editor import TextEditor, plain_tint
from soth_mitm_tui.editing.view import View, without_added_end
from soth_mitm_tui.tint import code_tint, json_tint, markup_tint

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.timer import Timer
    from textual.widget import Widget

    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.editing.text_editor import Tint
    from soth_mitm_tui.lines import Span

SLICE: Final = 400
"""Tokens of JSON that are judged at once; some 1 ms."""

SUFFIXES: Final = {
    b"text/html": ".html",
    b"text/xml": ".xml",
    b"application/xml": ".xml",
    b"text/css": ".css",
    b"text/javascript": ".js",
    b"application/javascript": ".js",
    b"application/graphql": ".graphql",
    b"text/csv": ".csv",
    b"text/markdown": ".md",
    b"application/yaml": ".yaml",
}
"""How files of a type are called, so that an editor knows what it is."""

_BETWEEN: Final = 0.002


class BodyView(View):
    """Edits the body as text. JSON on one line is laid out here, and sent on one line again."""

    NAME: ClassVar[str] = "Body"
    title = "The body"

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self.editor = TextEditor()
        self._wording = Wording()
        self._line: Writer | None = None
        """Writes JSON on one line, as it came; None where it did not."""
        self._laying: LayingOut | None = None
        self._check: JsonCheck | None = None
        self._timer: Timer | None = None

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where the body is text that is not too long."""
        if not sheet.has_body or len(sheet.parts.data) > most:
            return False
        return sheet.text is not None

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield self.editor

    @property
    def front(self) -> Widget:
        """The text."""
        return self.editor

    @property
    def is_json(self) -> bool:
        """Whether the body should be JSON."""
        data, named = self.sheet.parts.data, self.sheet.content_type
        if essence(named).endswith((b"/json", b"+json")):
            return bool(data.strip())
        plain = self.sheet.is_message or essence(named) in (b"", b"text/plain")
        return plain and JSON_START.match(data) is not None

    def load(self) -> None:
        """Show the body; JSON on one line is laid out."""
        text = self.sheet.text
        if text is None:
            return
        self._wording = text.wording
        self.editor.tint = self._tint()
        if self._timer is not None:
            self._timer.stop()
        self._line, self._laying = None, None
        if not self.is_json or "\n" in text.text:
            self._show(text.text)
            return
        self._laying = LayingOut(text.text)
        self._unfold(text.text)

    def _unfold(self, text: str) -> None:
        """Lay a long line out, a slice at a time."""
        laying = self._laying
        if laying is None:
            return
        if not laying.step(SLICE):
            if not self.editor.read_only:
                self.editor.show_text("")
                self.editor.read_only = True
            self._timer = self.set_timer(_BETWEEN, partial(self._unfold, text))
            return
        self._laying, self._timer = None, None
        self._line = Writer(laying.style) if laying.style is not None else None
        self._show(laying.text if self._line is not None else text)

    def _show(self, text: str) -> None:
        self.editor.show_text(text)
        self.editor.read_only = False
        self._judge()

    def _tint(self) -> Tint:
        kind = choose(self.sheet.parts.data, self.sheet.content_type).kind
        named = essence(self.sheet.content_type)
        if self.is_json:
            return json_tint
        if kind == "markup":
            return markup_tint
        return code_tint if b"script" in named or b"css" in named else plain_tint

    def outside(self) -> tuple[bytes, str]:
        """Return the text as it is laid out here."""
        held = self.sheet.text
        text = held.text if self.editor.read_only and held is not None else self.editor.text
        suffix = ".json" if self.is_json else SUFFIXES.get(essence(self.sheet.content_type), ".txt")
        return text.encode("utf-8", "surrogatepass"), suffix

    def take(self, data: bytes) -> None:
        """Take another text."""
        self.editor.put(without_added_end(data.decode("utf-8"), self.editor.text))

    def on_text_editor_edited(self, event: TextEditor.Edited) -> None:
        """Write what is typed into the sheet."""
        event.stop()
        self._judge()
        self._write()

    def _write(self) -> None:
        text = self.editor.text
        check = self._check
        if self._line is not None and check is not None and check.done and check.fault is None:
            text = self._line.write(self.editor.buffer.lines)
        try:
            data = self._wording.write(text)
        except ValueError as error:
            self.trouble(str(error))
            return
        self.sheet.trouble(self.NAME, "")
        self.change(same="text", data=data)

    # --- JSON

    def _judge(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.editor.mark(None)
        self._check = JsonCheck(self.editor.text) if self.is_json or self._check is not None else None
        self._go_on()

    def _go_on(self) -> None:
        check = self._check
        if check is None:
            return
        if not check.step(SLICE):
            self._timer = self.set_timer(_BETWEEN, self._go_on)
            return
        self._timer = None
        fault = check.fault
        self.editor.mark(self.editor.buffer.spot(fault.offset) if fault else None)
        if self._line is not None and self.seen >= 0:
            self._write()
        self.post_message(self.Changed())

    def verdict(self) -> Span | None:
        """Say whether it is JSON, and where it is not."""
        check = self._check
        if self.editor.read_only:
            return ("JSON · laying it out", "muted")
        if check is None:
            return None
        if not check.done:
            return ("JSON · checking", "muted")
        if check.fault is not None:
            return (f"JSON · {check.fault}", "bad")
        note = " · sent on one line, as it came" if self._line is not None else ""
        return (f"JSON · valid{note}", "good")

    def lay_out(self) -> str:
        """Lay JSON out anew; return why that cannot be done."""
        if self._check is None or self._check.fault is not None or not self._check.done:
            return "Only JSON without a fault can be laid out"
        self._line = None
        self._laying = LayingOut(self.editor.text)
        self._lay_on(self.editor.text)
        return ""

    def _lay_on(self, text: str) -> None:
        laying = self._laying
        if laying is None or self.editor.text != text:
            return  # it is another text by now
        if not laying.step(SLICE):
            self.set_timer(_BETWEEN, partial(self._lay_on, text))
            return
        self._laying = None
        self.editor.put(laying.text)
