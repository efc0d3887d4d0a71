"""In the place of a body that cannot be edited as text here: what it is, and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from soth_mitm.decode.sniff import choose, essence
from soth_mitm.text import human_size, printable
from soth_mitm_tui.editing.body_view import SUFFIXES
from soth_mitm_tui.editing.view import View
from soth_mitm_tui.lines import BLANK, Line, line
from soth_mitm_tui.viewers.content import Joined
from soth_mitm_tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from soth_mitm.policy.editing.sheet import Sheet


class OutsideView(View):
    """Says that a body is too long, or no text; `$EDITOR` edits it all the same."""

    NAME: ClassVar[str] = "Body"
    title = "The body"

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self._lines = LineView()

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where there is a body that is too long, or no text."""
        if not sheet.has_body:
            return False
        return len(sheet.parts.data) > most or (sheet.text is None and not sheet.binary)

    def compose(self) -> ComposeResult:
        """Lay out the words."""
        yield self._lines

    @property
    def front(self) -> Widget:
        """The words."""
        return self._lines

    def load(self) -> None:
        """Say what it is."""
        self._lines.show(Joined(self._said()))

    def _said(self) -> list[Line]:
        sheet = self.sheet
        data = sheet.parts.data
        named = printable(essence(sheet.content_type), 60) or "a body without a type"
        long = len(data) > self.most
        why = f"more than the {human_size(self.most)} that are edited here" if long else "no text"
        coded = f"  It is edited coded: {sheet.coded_because}." if sheet.coded_because else ""
        what = f", {human_size(len(data))} bytes, {why}.{coded}"
        return [
            BLANK,
            line(("  ", "text"), (named, "strong"), (what, "text")),
            BLANK,
            *([] if long else [line(("  f6 ", "accent"), ("Hex edits its bytes", "text"))]),
            line(("  f4 ", "accent"), ("opens it in $EDITOR; the proxy goes on meanwhile", "text")),
        ]

    def outside(self) -> tuple[bytes, str]:
        """Return the body."""
        sheet = self.sheet
        text = choose(sheet.parts.data, sheet.content_type).kind != "hex"
        json = essence(sheet.content_type).endswith(b"json")
        suffix = SUFFIXES.get(essence(sheet.content_type), ".txt" if text else ".bin")
        return sheet.parts.data, ".json" if json else suffix

    def take(self, data: bytes) -> None:
        """Take another body."""
        self.change(data=data)
        self.seen = -1
