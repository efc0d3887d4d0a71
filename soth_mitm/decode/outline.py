r"""Trees as lines: brackets, names, values and notes, laid out like JSON, and what can be folded of them.

    {
      "name": "x",
      7: h'00 ff',  # 2 bytes
      "list": []
    }

What JSON has looks as it does there. Bytes are `h'…'`, or `b"…"` where they are text; names may be
any value; a note stands behind ` # `. Notes hold no quotation marks, so that they are told from
strings. Sections are headings with indented lines below, for text that is no tree.
"""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec

from soth_mitm.decode.folds import CLOSE, COMMA, DEEPEST_INDENT, INDENT, OPEN, Folds

SHOWN_BYTES: Final = 256
"""Bytes of one value that are shown; a note says how many there are."""

SHOWN_TEXT: Final = 64 * 1024
"""Characters of one string that are shown."""

NOTE: Final = re.compile(r'  # [^"]*$')
"""The note at the end of a line."""

NAMED: Final = re.compile(
    r"""("(?:[^"\\]|\\.)*"|h'[^']*'|b"(?:[^"\\]|\\.)*"|[-+.\w]+|[\[{(\w][^\n]{0,200}?[\]})…]): """
)
"""The name at the beginning of a line, its indentation left out."""

_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")


def quoted(text: str) -> str:
    """Return a string as JSON writes it; of a very long one, the beginning."""
    if len(text) > SHOWN_TEXT:
        return quoted(text[:SHOWN_TEXT])[:-1] + '…"'
    try:
        return msgspec.json.encode(text).decode("utf-8")
    except (ValueError, UnicodeEncodeError):
        return json.dumps(text, ensure_ascii=False)  # lone surrogates, escaped on the way out


def byte_text(data: bytes, size: int = -1) -> tuple[str, str]:
    """Return bytes as a value and its note; `data` may be the beginning of `size` bytes only."""
    size = len(data) if size < 0 else size
    shown = data[:SHOWN_BYTES]
    more = "…" if size > len(shown) else ""
    note = f"{size:,} bytes" if size > 8 else ""
    if len(shown) > 1 and _TEXT.fullmatch(shown):
        text = as_text(shown if more else data)
        if text is not None:
            return f'b{quoted(text)[:-1]}{more}"', note
    return f"h'{shown.hex(' ')}{more}'", note


def as_text(data: bytes) -> str | None:
    """Return bytes as UTF-8; None where they are not, but for a character cut at the end."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3 and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")
        return None


class _Level:
    __slots__ = ("between", "children", "closer", "indent", "opened")

    def __init__(self, closer: str | None, depth: int) -> None:
        self.closer = closer
        """None for a section."""
        self.indent = "\n" + INDENT * min(depth, DEEPEST_INDENT)
        self.between = "" if closer is None else ","
        self.children = 0
        self.opened = closer is None
        """A line follows the first one."""


class Outline:
    """Takes a tree step by step; `take` gives the text of its lines so far."""

    def __init__(self, *, many: bool = False) -> None:
        """`many` says that several values may stand one after the other."""
        self.folds = Folds()
        self._many = many
        self._out: list[str] = []
        self._levels: list[_Level] = []
        self._begun = False
        self._line = 0
        self._name = ""
        self._tail = ""

    @property
    def depth(self) -> int:
        """How many objects, arrays and sections are open."""
        return len(self._levels)

    def take(self) -> str:
        """Return the text since the last time."""
        text = "".join(self._out)
        self._out.clear()
        return text

    def name(self, text: str) -> None:
        """Give the next value its name, as it is written: `"a"`, `7`."""
        self._name = text + ": "

    def value(self, text: str, note: str = "") -> None:
        """Add a value that is written on one line."""
        level = self._levels[-1] if self._levels else None
        if level is not None and level.children:
            # What happens most often.
            level.children += 1
            if level.between:
                self.folds.apply(COMMA, self._line)
            self._line += 1
            self._out.append(f"{level.between}{self._tail}{level.indent}{self._name}{text}")
            self._tail = ""
        else:
            self._first(level)
            self._out.append(self._name + text)
        self._name = ""
        if note:
            self.note(note)

    def open(self, opener: str, closer: str, note: str = "") -> None:
        """Begin an object or an array, whose opener ends in a bracket."""
        self.value(opener, note)
        self._levels.append(_Level(closer, len(self._levels) + 1))

    def close(self, note: str = "") -> None:
        """End what was opened last."""
        level = self._levels.pop()
        if level.closer is None:
            self.folds.apply(CLOSE, self._line)
            return
        if level.opened:
            self._new_line()
            self.folds.apply(CLOSE, self._line)
        self._out.append(level.closer)
        self.note(note)

    def note(self, text: str) -> None:
        """Say something about what was written last."""
        if text:
            text = text.replace('"', "'").replace("\n", " ")
            self._tail += f", {text}" if self._tail else f"  # {text}"

    def say(self, text: str) -> None:
        """Add a line that is no value."""
        level = self._levels[-1] if self._levels else None
        if self._begun:
            if level is not None and not level.opened:
                self._opened(level)
            self._new_line()
        self._begun = True
        self._out.append(text)

    def more(self, text: str) -> None:
        """Go on with the line that was said last, over as many lines as the text has."""
        self._line += text.count("\n")
        self._out.append(text.replace("\n", self._indent()))

    @property
    def line(self) -> int:
        """The number of the last line."""
        return self._line

    def section(self, heading: str, name: str) -> None:
        """Begin a section; `name` is what paths call it."""
        self.say(heading)
        self.folds.open_section(self._line, name)
        self._levels.append(_Level(None, len(self._levels) + 1))

    def next_root(self) -> None:
        """Count what comes now as the next of the values that stand one after the other."""
        self.folds.roots += 1

    def block(self, text: str, folds: Folds | None = None) -> None:
        """Add the lines of a text that was laid out elsewhere, with what can be folded in it."""
        self.say("")
        if folds is not None:
            self.folds.adopt(folds, self._line)
        self._line += text.count("\n")
        self._out.append(text.replace("\n", self._indent()))

    def finish(self) -> None:
        """Write what was held back until the next line; nothing comes behind."""
        self._out.append(self._tail)
        self._tail = ""

    def leave(self) -> None:
        """Leave open what was not ended: no more comes, and what is said now belongs to none of it."""
        self.finish()
        self._levels.clear()
        self.folds.close_all(self._line)

    def _first(self, level: _Level | None) -> None:
        """Go where a first value belongs, or one that is in nothing."""
        if level is None:
            if self._many:
                self.folds.roots += 1
            if self._begun:
                self._new_line()
            self._begun = True
            return
        if not level.opened:
            self._opened(level)
        level.children = 1
        self._new_line()

    def _opened(self, level: _Level) -> None:
        level.opened = True
        self.folds.apply(OPEN, self._line)

    def _new_line(self) -> None:
        self._out.append(self._tail + self._indent())
        self._tail = ""
        self._line += 1

    def _indent(self) -> str:
        return self._levels[-1].indent if self._levels else "\n"
