"""The whole message as one text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from soth_mitm.text import human_size
from soth_mitm_tui.editing.raw import raw_of, take_raw
from soth_mitm_tui.editing.text_editor import TextEditor, plain_tint
from soth_mitm_tui.editing.view import View, without_added_end
from soth_mitm_tui.tint import json_tint

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm.policy.editing.wording import Wording
    from soth_mitm_tui.lines import Span


class RawView(View):
    """Edits all at once. A body that is no text, or too long, is left out and stays as it is."""

    NAME: ClassVar[str] = "Raw"
    title = "The message"

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self.editor = TextEditor()
        self.editor.tint = self._tint
        self._wording: Wording | None = None

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where there is a head."""
        return not sheet.is_message

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield self.editor

    @property
    def front(self) -> Widget:
        """The text."""
        return self.editor

    def load(self) -> None:
        """Write the message anew."""
        text, self._wording = raw_of(self.sheet, most=self.most)
        cursor = self.editor.buffer.cursor
        self.editor.show_text(text)
        self.editor.buffer.go(cursor)

    @staticmethod
    def _tint(text: str) -> tuple[Span, ...]:
        if text[:1] in ("{", "[", " ", '"', "}", "]"):
            return json_tint(text)
        name, colon, value = text.partition(": ")
        if not colon or not name or " " in name or "<" in name:
            return plain_tint(text)
        return ((name, "key"), (colon, "muted"), (value, "text"))

    def outside(self) -> tuple[bytes, str]:
        """Return the text as it is here."""
        return self.editor.text.encode("utf-8", "surrogatepass"), ".http"

    def take(self, data: bytes) -> None:
        """Take another text."""
        self.editor.put(without_added_end(data.decode("utf-8"), self.editor.text))

    def on_text_editor_edited(self, event: TextEditor.Edited) -> None:
        """Read what is typed."""
        event.stop()
        try:
            parts = take_raw(self.sheet, self.editor.text, self._wording)
        except ValueError as error:
            self.trouble(str(error))
            return
        self.sheet.trouble(self.NAME, "")
        self.change(same="text", **parts)

    def verdict(self) -> Span | None:
        """Say where the body is, when it is not here."""
        sheet = self.sheet
        if self._wording is not None or not (sheet.has_body and sheet.parts.data):
            note = "" if sheet.has_body else " · the body streams on, and is not held"
            return (f"\\xNN is a byte, \\\\ a backslash before such{note}", "muted")
        return (f"the body, {human_size(len(sheet.parts.data))} bytes, is no short text: it stays", "muted")
