"""The first line of a message as a form: what is asked of whom, or how it is answered."""

from __future__ import annotations

import re
from http.client import responses
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.containers import Horizontal
from textual.widgets import Input, Label

from soth_mitm.policy.editing.escapes import escaped
from soth_mitm.policy.editing.sheet import address, status_of
from soth_mitm_tui.editing.view import View

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from soth_mitm.policy.editing.sheet import Sheet

_WHOLE: Final = re.compile(r"(https?://[^\s/?#]+)([/?][^\s#]*)?(?:#\S*)?")

REQUEST: Final = (
    ("method", "Method", "GET, POST, or any other token"),
    ("place", "To", "https://host, or http://host:port"),
    ("target", "Target", "/path?query; a whole URL fills both"),
)
RESPONSE: Final = (
    ("status", "Status", "200 to 599"),
    ("reason", "Reason", "in words; HTTP/2 has none"),
)
EVENT: Final = (("label", "Event", "its type; empty for message"), ("note", "Id", "its id; empty for none"))


def usual_reason(status: str) -> str:
    """Return the usual words for a status; empty where there are none."""
    number = status_of(status)
    return "" if number is None else responses.get(number, "")


class Field(Input):
    """A line of text; a paste of several lines shows where they end, rather than losing them."""

    def __init__(self, part: str, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, compact=True, classes="edit-field")
        self.part = part

    def _on_paste(self, event: events.Paste) -> None:
        if event.text:
            start, stop = self.selection
            self.replace(escaped(event.text.strip("\r\n").encode("utf-8", "surrogatepass")), start, stop)
        event.stop()
        event.prevent_default()


class LineForm(View):
    """The parts of the first line; of an event its type and id."""

    NAME: ClassVar[str] = "Line"
    title = "The first line"

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        rows = REQUEST if sheet.is_request else RESPONSE if sheet.is_response else EVENT
        self._names = {part: name for part, name, _ in rows}
        self.fields = {part: Field(part, placeholder) for part, _, placeholder in rows}
        self._usual = ""

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where there is a first line, or an event."""
        return not sheet.is_message or sheet.is_event

    def compose(self) -> ComposeResult:
        """Lay out the fields, one below the other."""
        for part, field in self.fields.items():
            with Horizontal(classes="edit-row"):
                yield Label(self._names[part], classes="edit-name", markup=False)
                yield field

    @property
    def front(self) -> Widget:
        """The field that is edited most."""
        return self.fields["target" if self.sheet.is_request else next(iter(self.fields))]

    def load(self) -> None:
        """Show the parts."""
        for part, field in self.fields.items():
            value = str(getattr(self.sheet.parts, part))
            if field.value != value:
                with self.prevent(Input.Changed):
                    field.value = value

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the next field."""
        event.stop()
        self.screen.focus_next()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        field = event.input
        if not isinstance(field, Field) or event.value != field.value:
            return
        whole = _WHOLE.fullmatch(event.value) if field.part == "target" else None
        if whole is not None and not self.sheet.parts.as_typed and address(whole[1]) is not None:
            target = whole[2] or "/"
            self.change(same="target", place=whole[1], target=f"/{target}" if target[:1] == "?" else target)
            self.load()
            field.cursor_position = len(field.value)
        elif field.part == "status":
            self._status(event.value)
        else:
            self.change(same=field.part, **{field.part: event.value})

    def _status(self, text: str) -> None:
        """Take another status; a reason that was the usual one of the old status becomes that of this one."""
        usual = usual_reason(self.sheet.parts.status) or self._usual
        if usual and self.sheet.parts.reason == usual:
            self._usual = usual_reason(text) or usual
            self.change(same="status", status=text, reason=self._usual)
            self.load()
        else:
            self.change(same="status", status=text)
