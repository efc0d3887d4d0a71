"""Bodies as text while they come: character sets, line ends and forms, piece by piece."""

from __future__ import annotations

import codecs
from typing import Final

from soth_mitm.decode.charset import charset_of, incremental, mark_of
from soth_mitm.decode.form_view import form_line
from soth_mitm.decode.views import ReadAs, View
from soth_mitm.text import SafeText, printable_block

TAB: Final = 4

_FIELD_BYTES: Final = 1024 * 1024
"""A form's field that is longer is shown in parts."""


class Characters:
    """Bytes to characters: byte order mark, `charset` parameter, what is declared, UTF-8, Latin-1."""

    def __init__(
        self, beginning: bytes, content_type: bytes, *, charset: str = "", declared: str = ""
    ) -> None:
        """`charset` is what the text turned out to be in, `declared` what it says of itself."""
        mark = mark_of(beginning)
        named = charset_of(content_type)
        self.note = ""
        self._skip = len(mark[0]) if mark and not charset else 0
        self._strict = False
        if charset:
            self._decoder = incremental(charset, "replace")
        elif mark:
            self._decoder = incremental(mark[1], "replace")
        else:
            where = "" if named else ", as it declares"
            named = named or declared
            self._decoder = self._unmarked(named, where)
        self._said_utf8 = named in ("utf-8", "utf8")
        self._read = 0

    def _unmarked(self, named: str, where: str) -> codecs.IncrementalDecoder | None:
        if named not in ("", "utf-8", "utf8"):
            decoder = incremental(named, "replace")
            if decoder is not None:
                self.note = named + where
                return decoder
            self.note = f"charset {named} is not known: read as UTF-8"
        self._strict = True
        return incremental("utf-8", "strict")

    def feed(self, data: bytes, *, final: bool) -> str:
        """Return the characters of the next bytes; one that is cut at the end is left out.

        Raises:
            ReadAs: they are not UTF-8, as it was thought.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            data, self._skip = data[skipped:], self._skip - skipped
        decoder = self._decoder
        assert decoder is not None
        if not self._strict:
            return decoder.decode(data, final)
        try:
            text = decoder.decode(data, final)
        except UnicodeDecodeError as error:
            at = self._read - len(decoder.getstate()[0]) + error.start
            if self._said_utf8:
                raise ReadAs("utf-8", f"not UTF-8 from byte {at:,} on") from None
            raise ReadAs("latin-1", "not UTF-8: read as Latin-1") from None
        self._read += len(data)
        return text


class LineEnds:
    """Makes LF of every line end, wherever the text is cut."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str, *, final: bool) -> str:
        """Return the next text; a CR at its end waits for what follows."""
        text, self._held = self._held + text, ""
        if text.endswith("\r") and not final:
            text, self._held = text[:-1], "\r"
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class Tabs:
    """Makes spaces of tabs, wherever the text is cut."""

    def __init__(self) -> None:
        self._column = 0

    def feed(self, text: str) -> str:
        """Return the next text."""
        if "\t" in text:
            text = (" " * self._column + text).expandtabs(TAB)[self._column :]
        last = text.rfind("\n")
        self._column = (len(text) - last - 1 if last >= 0 else self._column + len(text)) % TAB
        return text


class TextView(View):
    """Text as it stands: line ends become LF, tabs become spaces, what a terminal obeys is escaped."""

    def __init__(self, characters: Characters) -> None:
        self.characters: Characters = characters
        self._ends, self._tabs = LineEnds(), Tabs()

    def feed(self, data: bytes, *, final: bool = False) -> SafeText:
        """See `View`."""
        text = self._ends.feed(self.characters.feed(data, final=final), final=final)
        return printable_block(self._tabs.feed(text))


class FormView(View):
    """URL-encoded fields, one a line."""

    def __init__(self) -> None:
        self._held = b""
        self._begun = False

    def feed(self, data: bytes, *, final: bool = False) -> SafeText:
        """See `View`."""
        data = self._held + data
        end = len(data) if final or len(data) > _FIELD_BYTES else data.rfind(b"&") + 1
        self._held = data[end:]
        lines = [form_line(field) for field in data[:end].split(b"&") if field]
        if not lines:
            return SafeText("")
        lead, self._begun = ("\n" if self._begun else ""), True
        return SafeText(lead + "\n".join(lines))
