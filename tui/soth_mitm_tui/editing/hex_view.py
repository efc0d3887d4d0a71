"""Bytes that are typed: digits write over, insert puts a byte in, delete takes one out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.message import Message
from textual.strip import Strip

from soth_mitm_tui.editing.text_editor import laid_over
from soth_mitm_tui.editing.view import View
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.lines import Span

ROW: Final = 16
"""Bytes in a line."""

_OFFSET: Final = 10
_HALF: Final = 8
_DIGITS: Final = frozenset("0123456789abcdefABCDEF")


def _column(at: int) -> int:
    """Return the cell of the first digit of a byte within its line."""
    return _OFFSET + at * 3 + (1 if at >= _HALF else 0)


_TEXT: Final = _column(ROW) + 1


class HexEditor(LineScroll):
    """Edits bytes by their digits, or by the characters beside them."""

    class Edited(Message):
        """The bytes are others."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"hex-editor--cursor", "hex-editor--resting"}
    title = "The bytes"

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()
        self.at = 0
        """The byte under the cursor; the one behind the last stands for the end."""
        self.low = False
        """Whether the cursor is on the second digit."""
        self.in_text = False
        """Whether the characters are typed, and not the digits."""

    def show_data(self, data: bytes) -> None:
        """Show other bytes."""
        if data != self.data:
            self.data = bytearray(data)
        self._moved(min(self.at, len(self.data)))

    def _moved(self, at: int, *, low: bool = False) -> None:
        self.at, self.low = max(0, min(at, len(self.data))), low
        self.set_line_count(len(self.data) // ROW + 1)
        self.bring(self.at // ROW)
        self.refresh()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is typed."""
        return character is not None and (self.in_text or character in _DIGITS)

    # --- drawing

    def draw_line(self, y: int) -> Strip:
        """Draw one line."""
        number, width = y + self.top, self.size.width
        start = number * ROW
        if start > len(self.data) or (start == len(self.data) and start and self.at < start):
            return Strip.blank(width, self.base_style)
        row = bytes(self.data[start : start + ROW])
        spans: list[Span] = [(f"{start:08x}  ", "muted")]
        for at in range(ROW):
            gap = "  " if at == _HALF - 1 else " "
            spans.append((f"{row[at]:02x}" if at < len(row) else "  ", _tone(row[at : at + 1])))
            spans.append((gap, "text"))
        spans.append((" ", "text"))
        spans += [(chr(byte) if 32 <= byte < 127 else "·", _tone(bytes((byte,)))) for byte in row]
        strip = self.strip_of(spans, width, self.base_style)
        return self._with_cursor(strip, self.at - start) if number == self.at // ROW else strip

    def _with_cursor(self, strip: Strip, at: int) -> Strip:
        digit = _column(at) + (1 if self.low else 0)
        strong = self.get_component_rich_style("hex-editor--cursor", partial=True)
        weak = self.get_component_rich_style("hex-editor--resting", partial=True)
        one, other = (weak, strong) if self.in_text else (strong, weak)
        if not self.has_focus:
            one = other = weak
        wide = _column(at) + 2 if self.in_text else digit + 1
        strip = laid_over(strip, _column(at) if self.in_text else digit, wide, one)
        return laid_over(strip, _TEXT + at, _TEXT + at + 1, other)

    # --- keys and mouse

    async def on_key(self, event: events.Key) -> None:
        """Type, move, delete."""
        if self.failure is not None or not (self._move(event.key) or self._edit(event)):
            return
        event.stop()
        event.prevent_default()

    def _move(self, key: str) -> bool:
        steps = {
            "up": -ROW,
            "down": ROW,
            "pageup": -ROW * self.page,
            "pagedown": ROW * self.page,
            "home": -(self.at % ROW),
            "end": ROW - 1 - self.at % ROW,
            "ctrl+home": -len(self.data),
            "ctrl+end": len(self.data),
            "left": -1,
            "right": 1,
        }
        if key == "left" and self.low:
            self._moved(self.at)
        elif key in steps:
            to = self.at + steps[key]
            self._moved(self.at if key == "up" and to < 0 else to)
        elif key == "insert" and not self.in_text:
            self.data[self.at : self.at] = b"\x00"
            self._changed(self.at)
        elif key == "ctrl+t":
            self.in_text = not self.in_text
            self._moved(self.at)
        else:
            return False
        return True

    def _edit(self, event: events.Key) -> bool:
        char = event.character or ""
        if event.key == "delete" and self.at < len(self.data):
            del self.data[self.at]
            self._changed(self.at)
        elif event.key == "backspace" and self.at:
            del self.data[self.at - 1]
            self._changed(self.at - 1)
        elif self.in_text and event.is_printable and char.isascii():
            self.data[self.at : self.at + 1] = char.encode("ascii")
            self._changed(self.at + 1)
        elif not self.in_text and char in _DIGITS:
            self._digit(int(char, 16))
        else:
            return event.is_printable
        return True

    def _digit(self, value: int) -> None:
        byte = self.data[self.at] if self.at < len(self.data) else 0
        byte = (byte & 0xF0) | value if self.low else (value << 4) | (byte & 0x0F)
        self.data[self.at : self.at + 1] = bytes((byte,))
        self._changed(self.at + 1 if self.low else self.at, low=not self.low)

    def _changed(self, at: int, *, low: bool = False) -> None:
        self._moved(at, low=low)
        self.post_message(self.Edited())

    def on_paste(self, event: events.Paste) -> None:
        """Put in digits that are pasted, or characters."""
        event.stop()
        event.prevent_default()
        try:
            data = event.text.encode("utf-8") if self.in_text else bytes.fromhex(event.text)
        except ValueError:
            return  # it is neither, and there is no place for it
        self.data[self.at : self.at] = data
        self._changed(self.at + len(data))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the byte under the pointer."""
        self.in_text = event.x >= _TEXT - 1
        x = event.x - _OFFSET
        at = event.x - _TEXT if self.in_text else (x - (1 if x > _HALF * 3 else 0)) // 3
        self._moved((event.y + self.top) * ROW + max(0, min(at, ROW - 1)))


def _tone(byte: bytes) -> str:
    if byte == b"\x00":
        return "muted"
    return "text" if b" " <= byte < b"\x7f" else "number"


class HexView(View):
    """The body, or the data of a message, by its bytes."""

    NAME: ClassVar[str] = "Hex"
    title = "The bytes"

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self.editor = HexEditor()

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Where there is a body that is not too long."""
        return sheet.has_body and len(sheet.parts.data) <= most

    def compose(self) -> ComposeResult:
        """Lay out the bytes."""
        yield self.editor

    @property
    def front(self) -> Widget:
        """The bytes."""
        return self.editor

    def load(self) -> None:
        """Show the bytes of the sheet."""
        self.editor.show_data(self.sheet.parts.data)

    def on_hex_editor_edited(self, event: HexEditor.Edited) -> None:
        """Write what is typed into the sheet."""
        event.stop()
        self.change(same="bytes", data=bytes(self.editor.data))

    def outside(self) -> tuple[bytes, str]:
        """Return the bytes."""
        return self.sheet.parts.data, ".bin"

    def take(self, data: bytes) -> None:
        """Take other bytes."""
        self.change(data=data)
        self.seen = -1

    def verdict(self) -> Span | None:
        """Say where the cursor is, and how to go on."""
        at = f"byte {self.editor.at:,} of {len(self.editor.data):,}"
        what = "characters" if self.editor.in_text else "digits"
        return (f"{at} · {what} · ^t the others · ins puts a byte in, del takes it out", "muted")
