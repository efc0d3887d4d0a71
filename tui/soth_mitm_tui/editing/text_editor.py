"""A text that is typed: drawn line by line as it comes into sight, so that no length slows a key down."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from soth_mitm.text import printable
from soth_mitm_tui.editing.buffer import Buffer, Spot
from soth_mitm_tui.viewers.wrap import cells_before, char_at
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from soth_mitm_tui.lines import Span

Tint = Callable[[str], tuple["Span", ...]]
"""Colours a line."""

WHOLE: Final = 4096
"""Characters up to which a line is coloured as a whole; of a longer one only what is in sight."""

_MARGIN: Final = 4
"""Cells that stay in sight beside the cursor."""

_PICTURES: Final = 0x2400
_TAB: Final = "→"


def plain_tint(text: str) -> tuple[Span, ...]:
    """Colour nothing."""
    return ((text, "text"),)


def visible(text: str) -> str:
    """Return a text of the same length in which nothing acts on a terminal: signs stand for what would."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char == "\t":
        return _TAB
    if printable(char) == char:
        return char
    return chr(_PICTURES + ord(char)) if char < " " else "\N{REPLACEMENT CHARACTER}"


class TextEditor(LineScroll):
    """Edits a text. Lines are not wrapped; the view follows the cursor to the side."""

    class Edited(Message):
        """The text is another one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "text-editor--selected",
        "text-editor--wrong",
        "text-editor--cursor",
    }
    title = "The text"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.buffer = Buffer()
        self.tint: Tint = plain_tint
        self.wrong: Spot | None = None
        """The character that is wrong."""
        self.read_only = False
        self._side = 0
        """Cells that are out of sight at the left."""
        self._keys = _moves(self) | _edits(self)

    # --- what it holds

    @property
    def text(self) -> str:
        """The text."""
        return self.buffer.text

    def show_text(self, text: str) -> None:
        """Show another text, from its beginning; the steps back are gone."""
        self.buffer = Buffer(text)
        self.wrong, self._side = None, 0
        self.set_line_count(len(self.buffer.lines))
        self.go_to(0)
        self.refresh()

    def put(self, text: str) -> None:
        """Put another text in its place, as an edit."""
        self.buffer.put(text)
        self._moved(edited=True)

    def mark(self, wrong: Spot | None) -> None:
        """Mark the character that is wrong, or none."""
        if wrong != self.wrong:
            self.wrong = wrong
            self.refresh()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is text."""
        return character is not None and character.isprintable()

    # --- drawing

    @property
    def number_width(self) -> int:
        """Cells that the numbers of the lines take."""
        return max(3, len(str(len(self.buffer.lines)))) + 2

    def draw_line(self, y: int) -> Strip:
        """Draw one line."""
        number, width = y + self.top, self.size.width
        if number >= len(self.buffer.lines):
            return Strip.blank(width, self.base_style)
        lead = self.strip_of(
            ((f"{number + 1:>{self.number_width - 2}}  ", "rule"),), self.number_width, self.base_style
        )
        return Strip.join([lead, self._text_strip(number, max(1, width - self.number_width))])

    def _text_strip(self, number: int, room: int) -> Strip:
        text = self.buffer.lines[number]
        base = self.base_style
        first = 0
        if len(text) > WHOLE:
            first = self._side
            text = text[first : first + room + 1]
        shown = visible(text)
        spans = [*self.tint(shown), (" ", "text")]
        strip = self.strip_of(spans, cells_before(shown, len(shown)) + 1, base)
        for start, stop, style in self._overlays(number):
            start, stop = max(0, start - first), min(stop - first, len(shown) + 1)
            if start < stop:
                strip = laid_over(strip, _cells(shown, start), _cells(shown, stop), style)
        side = self._side if first == 0 else 0
        return strip.crop_extend(side, side + room, base)

    def _overlays(self, number: int) -> list[tuple[int, int, Style]]:
        found: list[tuple[int, int, Style]] = []
        selected, buffer = self.buffer.selected, self.buffer
        if selected and selected[0].line <= number <= selected[1].line:
            start = selected[0].column if number == selected[0].line else 0
            stop = selected[1].column if number == selected[1].line else len(buffer.lines[number]) + 1
            found.append((start, stop, self._part("selected")))
        if self.wrong and self.wrong.line == number:
            found.append((self.wrong.column, self.wrong.column + 1, self._part("wrong")))
        if self.has_focus and buffer.cursor.line == number:
            found.append((buffer.cursor.column, buffer.cursor.column + 1, self._part("cursor")))
        return found

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"text-editor--{name}", partial=True)

    # --- keys and mouse

    async def on_key(self, event: events.Key) -> None:
        """Type, move, delete."""
        if self.failure is not None or (event.key == "ctrl+z" and not self.buffer.can_undo):
            return  # the editor takes back what was done elsewhere
        deed = self._keys.get(event.key)
        edited = False
        if deed is not None:
            edited = deed()
        elif event.is_printable and event.character and not self.read_only:
            self.buffer.type(event.character)
            edited = True
        else:
            return
        event.stop()
        event.prevent_default()
        self._moved(edited=edited)

    def on_paste(self, event: events.Paste) -> None:
        """Put in what the terminal pastes."""
        event.stop()
        event.prevent_default()
        if not self.read_only:
            self.buffer.type(event.text.replace("\r\n", "\n").replace("\r", "\n"))
            self._moved(edited=True)

    def _moved(self, *, edited: bool) -> None:
        if edited:
            self.set_line_count(len(self.buffer.lines))
            self.post_message(self.Edited())
        line, column = self.buffer.cursor
        self.bring(line)
        text = self.buffer.lines[line]
        at, room = self._cells_before(text, column), max(1, self.size.width - self.number_width)
        if at < self._side + min(_MARGIN, self._side):
            self._side = max(0, at - _MARGIN)
        elif at >= self._side + room - 1:
            self._side = at - room + 1 + min(_MARGIN, room // 4)
        self.refresh()

    def _under(self, event: events.MouseEvent) -> Spot:
        line = max(0, min(event.y + self.top, len(self.buffer.lines) - 1))
        text, cells = self.buffer.lines[line], max(0, event.x - self.number_width + self._side)
        return Spot(line, cells if len(text) > WHOLE else char_at(visible(text), cells))

    @staticmethod
    def _cells_before(text: str, column: int) -> int:
        """Return the cells before a character; in a long line each character counts as one."""
        return column if len(text) > WHOLE else cells_before(visible(text[:column]), column)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Put the cursor under the pointer, or select up to it."""
        self.buffer.go(self._under(event), select=event.shift)
        self.capture_mouse()
        self._moved(edited=False)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select what the pointer is drawn over."""
        if event.button and self.app.mouse_captured is self:
            self.buffer.go(self._under(event), select=True)
            self._moved(edited=False)

    def on_mouse_up(self) -> None:
        """The selection stands."""
        self.release_mouse()


def _cells(text: str, char: int) -> int:
    return cells_before(text, char) + max(0, char - len(text))


def laid_over(strip: Strip, start: int, stop: int, style: Style) -> Strip:
    """Lay a style over some cells of a strip."""
    if stop > strip.cell_length:
        strip = strip.extend_cell_length(stop)
    parts = list(strip.divide([start, stop, strip.cell_length])) if start else None
    if parts is None:
        parts = [Strip([]), *strip.divide([stop, strip.cell_length])]
    parts[1] = Strip([Segment(each.text, (each.style or style) + style) for each in parts[1]])
    return Strip.join(parts)


Deed = Callable[[], bool]
"""Carries out a key; returns whether that was an edit."""


def _moves(editor: TextEditor) -> dict[str, Deed]:
    """Return the keys that move the cursor; with shift they select."""

    def moving(move: Callable[[bool], object]) -> tuple[Deed, Deed]:
        def plain() -> bool:
            move(False)
            return False

        def selecting() -> bool:
            move(True)
            return False

        return plain, selecting

    def held() -> Buffer:
        return editor.buffer

    moves: dict[str, Callable[[bool], object]] = {
        "left": lambda select: held().step(-1, select=select),
        "right": lambda select: held().step(1, select=select),
        "up": lambda select: held().up(1, select=select),
        "down": lambda select: held().up(-1, select=select),
        "pageup": lambda select: held().up(editor.page - 1, select=select),
        "pagedown": lambda select: held().up(1 - editor.page, select=select),
        "home": lambda select: held().home(select=select),
        "end": lambda select: held().go(Spot(held().cursor.line, 1 << 60), select=select),
        "ctrl+left": lambda select: held().word(-1, select=select),
        "ctrl+right": lambda select: held().word(1, select=select),
        "ctrl+home": lambda select: held().go(Spot(0, 0), select=select),
        "ctrl+end": lambda select: held().go(held().end, select=select),
    }
    keys: dict[str, Deed] = {}
    for key, move in moves.items():
        plain, selecting = moving(move)
        keys[key] = plain
        keys[f"ctrl+shift+{key.removeprefix('ctrl+')}" if "ctrl+" in key else f"shift+{key}"] = selecting

    def everything() -> bool:
        held().select_all()
        return False

    keys["ctrl+a"] = everything
    return keys


def _edits(editor: TextEditor) -> dict[str, Deed]:
    """Return the keys that change the text."""

    def edit(change: Callable[[Buffer], object]) -> Deed:
        def deed() -> bool:
            if editor.read_only:
                return False
            return change(editor.buffer) is not False

        return deed

    return {
        "enter": edit(lambda held: held.new_line()),
        "backspace": edit(lambda held: held.delete(-1)),
        "delete": edit(lambda held: held.delete(1)),
        "ctrl+w": edit(lambda held: held.delete(-1, word=True)),
        "ctrl+delete": edit(lambda held: held.delete(1, word=True)),
        "ctrl+k": edit(lambda held: held.delete_line(rest=True)),
        "ctrl+x": edit(lambda held: held.delete_line() if not held.selected else held.type("")),
        "ctrl+z": edit(lambda held: held.undo()),
        "ctrl+y": edit(lambda held: held.redo()),
    }
