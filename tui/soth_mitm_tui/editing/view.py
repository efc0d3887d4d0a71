"""The base of the editor's views: each shows a part of the sheet, and changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.message import Message

from soth_mitm_tui.editing.raw import raw_of, take_raw
from soth_mitm_tui.widgets.guarded import Guarded

if TYPE_CHECKING:
    from textual.widget import Widget

    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.lines import Span


def without_added_end(text: str, before: str) -> str:
    """Return a text without the line end that editors add to a last line which had none `before`."""
    return text[:-1] if text.endswith("\n") and not before.endswith("\n") else text


class View(Guarded, Vertical):
    """One tab of the editor."""

    class Changed(Message):
        """The sheet has changed, or what is to say about the view."""

    NAME: ClassVar[str]
    title = "This view"

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(classes="edit-view")
        self.sheet = sheet
        self.most = most
        """Bytes that are edited in the app."""
        self.seen = -1
        """The sheet's revision that is shown; -1 for none yet."""

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Whether the view has a meaning for this message; `most` bytes are edited in the app."""
        raise NotImplementedError

    def show(self) -> None:
        """Show the sheet as it is, where it is not what this view made of it."""
        if self.seen != self.sheet.revision:
            with self.guard():
                self.load()
            self.seen = self.sheet.revision

    def load(self) -> None:
        """Take everything from the sheet."""
        raise NotImplementedError

    @property
    def front(self) -> Widget:
        """What takes the keys."""
        raise NotImplementedError

    def outside(self) -> tuple[bytes, str]:
        """Return what the person's own editor is given, and the suffix of the file.

        By itself that is the whole message, as text.
        """
        text, _ = raw_of(self.sheet, most=self.most)
        return text.encode("utf-8"), ".http"

    def take(self, data: bytes) -> None:
        """Take what the person's own editor has written.

        Raises:
            ValueError: it cannot be taken; its text says why.
        """
        before, wording = raw_of(self.sheet, most=self.most)
        text = without_added_end(data.decode("utf-8"), before)
        self.change(same="", **take_raw(self.sheet, text, wording))
        self.seen = -1

    def verdict(self) -> Span | None:
        """Say something about what is shown, where there is something to say."""
        return None

    async def settle(self) -> None:
        """Have all that was typed written into the sheet."""

    @property
    def as_text(self) -> str:
        """What is shown, where that is the message as a person reads it; empty for the message itself."""
        return ""

    def change(self, *, same: str = "", **parts: object) -> None:
        """Change parts of the sheet, and tell."""
        self.sheet.change(self.NAME, same=same and f"{self.NAME}.{same}", **parts)
        self.told()

    def trouble(self, words: str) -> None:
        """Say what keeps the view from writing what it holds into the sheet."""
        self.sheet.trouble(self.NAME, words)
        self.told()

    def told(self) -> None:
        """What the sheet holds now is what the view shows."""
        self.seen = self.sheet.revision
        self.post_message(self.Changed())
