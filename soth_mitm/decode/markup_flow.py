"""XML and HTML laid out as they come, one tag or text a line, indented as they are nested.

A reader of what peers send, not a judge of it: tags that were never closed or never opened only cost
their indentation. Text keeps its words; what white space means (`pre`, scripts, CDATA) keeps all of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.flowing import LineEnds, Tabs
from soth_mitm.decode.views import View
from soth_mitm.text import SafeText, printable_block

if TYPE_CHECKING:
    from soth_mitm.decode.flowing import Characters

INDENT: Final = "  "
DEEPEST_INDENT: Final = 40
MOST_OPEN: Final = 1000
"""Elements that are open at once; those below are not counted."""

LONGEST_PIECE: Final = 64 * 1024
"""A tag, comment or text that is longer is shown in parts."""

_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z_:][^\s/>]*).*?(?P<empty>/?)>\Z", re.DOTALL)
_TAG_START = re.compile(r"</?[A-Za-z_:]")
_UNQUOTED = re.compile(r"[^>\"']*")
_ENDS: Final = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"))
_VOID = re.compile("area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr")
_INLINE = re.compile(
    "a|abbr|b|bdi|bdo|cite|code|dfn|em|i|kbd|label|mark|q|s|samp|small|span|strong|sub|sup|time|u|var"
)
_KEPT = re.compile("script|style|pre|textarea")
_KEPT_ENDS: Final = {
    name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII) for name in _KEPT.pattern.split("|")
}
_SPACES = re.compile(r"\s+")


class MarkupFlow:
    """Lays out text piece by piece. Never raises."""

    def __init__(self, *, html: bool) -> None:
        self._html = html
        self._held = ""
        self._open: list[str] = []
        self._begun = False
        self._kept = ""
        # A start tag that is held, so that `<a>text</a>` stays on one line.
        self._start = ""
        self._text = ""

    def feed(self, text: str, *, final: bool) -> str:
        """Return the layout of the next text."""
        source, self._held = self._held + text, ""
        out: list[str] = []
        at = 0
        while at < len(source):
            if self._kept:
                at = self._take_kept(source, at, out, final=final)
                if self._held:
                    break
                continue
            end = _end_of_piece(source, at)
            if end < 0 and len(source) - at < LONGEST_PIECE:
                if not final:
                    self._held = source[at:]
                    break
                end = len(source)
            elif end < 0:
                end = at + LONGEST_PIECE
            self._take(source[at:end], out)
            at = end
        if final:
            self._flush(out)
        return "".join(out)

    def _take_kept(self, source: str, at: int, out: list[str], *, final: bool) -> int:
        """Go on with an element whose white space counts, to its end tag."""
        found = _KEPT_ENDS[self._kept].search(source, at)
        end = found.start() if found is not None else -1
        if end < 0 and not final and len(source) - at < LONGEST_PIECE:
            self._held = source[at:]
            return at
        stop = len(source) if end < 0 else end
        inside = source[at:stop].strip("\r\n")
        if inside.strip():
            self._flush(out)
            self._line(out, inside, indent=False)
        if end >= 0:
            self._kept = ""
        return stop

    def _take(self, piece: str, out: list[str]) -> None:
        match = _TAG.match(piece)
        if match is None:
            if piece.startswith(("<!", "<?")):
                self._flush(out)
                self._line(out, piece)
            else:
                self._text += _SPACES.sub(" ", piece)
                if len(self._text) > LONGEST_PIECE:
                    self._flush(out)
            return
        own = match["name"].lower() if self._html else match["name"]
        if self._html and _INLINE.fullmatch(own) and self._text.strip():
            self._text += _SPACES.sub(" ", piece)
            return
        if match["close"]:
            self._end(piece, own, out)
            return
        self._flush(out)
        if "\n" in piece:
            piece = _SPACES.sub(" ", piece)
        if match["empty"] or (self._html and _VOID.fullmatch(own)):
            self._line(out, piece)
            return
        self._start = piece
        if len(self._open) < MOST_OPEN:
            self._open.append(own)
        if self._html and _KEPT.fullmatch(own):
            self._kept = own

    def _end(self, piece: str, name: str, out: list[str]) -> None:
        if self._start and self._open and self._open[-1] == name:
            # Nothing but text since the start tag.
            whole = self._start + self._text.strip() + piece
            self._start = self._text = ""
            self._open.pop()
            self._line(out, whole)
            return
        self._flush(out)
        if name in self._open[-20:]:
            while self._open.pop() != name:
                pass
        self._line(out, piece)

    def _flush(self, out: list[str]) -> None:
        """Write the start tag and the text that are held."""
        start, text = self._start, self._text.strip()
        self._start = self._text = ""
        if start:
            self._line(out, start, depth=len(self._open) - 1)
        if text:
            self._line(out, text)

    def _line(self, out: list[str], text: str, *, depth: int = -1, indent: bool = True) -> None:
        if self._begun:
            out.append("\n")
        self._begun = True
        depth = len(self._open) if depth < 0 else depth
        out.append(INDENT * min(depth, DEEPEST_INDENT) + text if indent else text)


def _end_of_piece(source: str, at: int) -> int:
    """Return where the tag, comment or text that begins at `at` ends; -1 where that has not come yet."""
    if source[at] != "<":
        return source.find("<", at)
    if _TAG_START.match(source, at):
        return _end_of_tag(source, at + 1)
    for start, end in _ENDS:
        if source.startswith(start, at):
            found = source.find(end, at + len(start))
            return found + len(end) if found >= 0 else -1
        if start.startswith(source[at : at + len(start)]):
            return -1
    if source.startswith("<!", at):
        found = source.find(">", at)
        if "[" in source[at:found]:
            found = source.find("]>", at) + 1 or -1
        return found + 1 if found >= 0 else -1
    return source.find("<", at + 1)


def _end_of_tag(source: str, at: int) -> int:
    """Return where a tag ends; a bracket in quotes does not end it, unless they are never closed."""
    first = source.find(">", at)
    while first >= 0:
        match = _UNQUOTED.match(source, at)
        at = match.end() if match else at
        if at == len(source):
            return -1
        if source[at] == ">":
            return at + 1
        closed = source.find(source[at], at + 1, at + LONGEST_PIECE)
        if closed < 0:
            return first + 1 if len(source) - at >= LONGEST_PIECE else -1
        at = closed + 1
    return -1


class MarkupView(View):
    """A `View` of XML or HTML."""

    def __init__(self, characters: Characters, *, html: bool) -> None:
        self.characters: Characters = characters
        self._ends, self._tabs = LineEnds(), Tabs()
        self._flow = MarkupFlow(html=html)

    def feed(self, data: bytes, *, final: bool = False) -> SafeText:
        """See `View`."""
        text = self._ends.feed(self.characters.feed(data, final=final), final=final)
        return printable_block(self._tabs.feed(self._flow.feed(text, final=final)))
