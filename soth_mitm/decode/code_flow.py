"""Scripts and style sheets laid out as they come, token by token, for what was written to be short.

Only the white space between tokens changes. A script is not parsed: where a slash begins an expression is
told by what stands before it, and a mistake there costs no more than the layout of some lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from soth_mitm.decode.flowing import LineEnds, Tabs
from soth_mitm.decode.folds import INDENT
from soth_mitm.decode.views import View
from soth_mitm.text import SafeText, printable_block

if TYPE_CHECKING:
    from soth_mitm.decode.flowing import Characters

Language = Literal["javascript", "css"]

DEEPEST_INDENT: Final = 40
MOST_OPEN: Final = 10_000
"""Brackets that are open at once; those below are not counted."""

MOST_MISSED: Final = 16 * 1024
"""Characters that were looked at behind slashes that begin no expression, after which none are."""

LONGEST_TOKEN: Final = 64 * 1024
"""A string or comment that is longer is shown in parts."""

LONG_LINE: Final = 500
"""A text whose beginning has a line of so many characters was written to be short."""

_COMMON: Final = (
    r"(?P<space>\s+)|(?P<comment>/\*.*?(?:\*/|\Z)|%s)"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*(?:\"|\n|\\?\Z)|'(?:[^'\\\n]|\\.)*(?:'|\n|\\?\Z)%s)"
    r"|(?P<word>%s)|(?P<mark>.)"
)
_TOKENS: Final = {
    "javascript": re.compile(
        _COMMON % (r"//[^\n]*(?:\n|\Z)", r"|`(?:[^`\\]|\\.)*(?:`|\\?\Z)", r"[\w$\u0080-\U0010ffff]+"),
        re.DOTALL,
    ),
    "css": re.compile(_COMMON % (r"<!--|-->", r"|url\([^)\"']*(?:\)|\Z)", r"[^\s{}();:,\"'/]+"), re.DOTALL),
}
_REGEX: Final = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_BEFORE_REGEX: Final = frozenset("(,=:[!&|?{};+-*%~^<>\n") | {
    "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "do", "else", "",
}  # fmt: skip
_GOES_ON: Final = re.compile(r"[;,.)\]:?=&|+*]|else\b|catch\b|finally\b|while\b|from\b")


def is_short(beginning: bytes) -> bool:
    """Say whether a text was written to be short, and not to be read."""
    return max(map(len, beginning.split(b"\n"))) > LONG_LINE


_RESTS: Final = {
    opener: re.compile(rf"(?<!\\)(?:\\\\)*{end}")
    for opener, end in {
        '"': '["\n]',
        "'": "['\n]",
        "`": "`",
        "/*": r"\*/",
        "//": r"\n",
        "url(": r"\)",
    }.items()
}
"""How what is longer than `LONGEST_TOKEN` ends."""
_LONGEST_REGEX: Final = 1024
_LOOK_BEHIND: Final = 64
_LONGEST_WORD: Final = 8


class CodeFlow:
    """Lays out text piece by piece. Never raises."""

    def __init__(self, language: Language) -> None:
        self._tokens = _TOKENS[language]
        self._script = language == "javascript"
        self._held = ""
        self._rest: re.Pattern[str] | None = None
        self._open: list[str] = []
        self._braces = 0
        self._missed = 0
        self._before = ""
        self._break = False
        """The next token begins a line."""
        self._space = False
        self._begun = False

    def feed(self, text: str, *, final: bool) -> str:
        """Return the layout of the next text."""
        source, self._held = self._held + text, ""
        out: list[str] = []
        at = self._long_token(source, out, final=final) if self._rest is not None else 0
        while at < len(source):
            match = self._match(source, at)
            kind, end = (
                (match.lastgroup or "mark", match.end()) if match is not None else ("regex", len(source))
            )
            if not final and self._may_go_on(source, at, end):
                if len(source) - at < LONGEST_TOKEN or kind not in ("string", "comment"):
                    self._held = source[at:]
                    break
                end = self._begin_long(source, at)
                self._held = source[end:]
                self._take(kind, source[at:end], source, end, out)
                break
            self._take(kind, source[at:end], source, end, out)
            at = end
        return "".join(out)

    @staticmethod
    def _may_go_on(source: str, at: int, end: int) -> bool:
        """Say whether more of the text could change the token at `at`, or what its layout depends on."""
        if end == len(source):
            return True
        if source[at] != "}" or end - at > 1:
            return False
        behind = source[end : end + _LOOK_BEHIND]
        return len(behind) < _LOOK_BEHIND and len(behind.lstrip()) < _LONGEST_WORD

    def _match(self, source: str, at: int) -> re.Match[str] | None:
        """Return the token at `at`; None for an expression whose end is not there yet."""
        if self._script and source[at] == "/" and self._before in _BEFORE_REGEX:
            begins = source[at + 1 : at + 2] not in ("/", "*", "") and self._missed < MOST_MISSED
            found = _REGEX.match(source, at, at + _LONGEST_REGEX) if begins else None
            if found is not None:
                return found
            line = source.find("\n", at, at + _LONGEST_REGEX)  # none goes on beyond it
            if begins and line < 0 and len(source) - at < _LONGEST_REGEX:
                return None
            self._missed += begins and (line - at if line >= 0 else _LONGEST_REGEX)
        match = self._tokens.match(source, at)
        assert match is not None
        return match

    def _begin_long(self, source: str, at: int) -> int:
        """Begin a string or comment that is shown in parts; return how far it is certain."""
        opener = next(each for each in _RESTS if source.startswith(each, at))
        self._rest = _RESTS[opener]
        end = len(source)
        return end - 1 if source[-1] in "\\*" else end

    def _long_token(self, source: str, out: list[str], *, final: bool) -> int:
        """Go on with a string or comment; return where what follows it begins."""
        assert self._rest is not None
        found = self._rest.search(source)
        if found is not None:
            self._rest = None
            out.append(source[: found.end()])
            return found.end()
        end = len(source) if final or source[-1:] not in ("\\", "*") else len(source) - 1
        self._held = source[end:]
        out.append(source[:end])
        return len(source)

    def _take(self, kind: str, piece: str, source: str, end: int, out: list[str]) -> None:
        if kind == "space":
            self._space = True
            return
        if kind == "comment":
            self._write(piece.rstrip("\n"), out)
            self._break = True
            return
        if kind == "mark" and piece in "})]":
            self._close(piece, source, end, out)
            return
        self._write(piece, out)
        self._before = piece if kind == "word" or kind == "mark" else "x"
        if kind == "mark" and piece in "{([":
            if len(self._open) < MOST_OPEN:
                self._open.append(piece)
                self._braces += piece == "{"
            self._break = piece == "{"
        elif piece == ";" or (piece == "," and self._open[-1:] == ["{"] and self._script):
            self._break = self._open[-1:] in ([], ["{"])
        elif piece == "," and not self._script:
            self._break = not self._open  # selectors stand one on a line

    def _close(self, piece: str, source: str, end: int, out: list[str]) -> None:
        empty = self._before == "{"
        if self._open:
            self._braces -= self._open.pop() == "{"
        if piece == "}":
            self._break, self._space = not empty, False
            if empty:
                out.append(piece)
            else:
                self._write(piece, out)
            following = source[end : end + _LOOK_BEHIND].lstrip()
            self._break = not (self._script and _GOES_ON.match(following))
        else:
            self._space = False
            self._write(piece, out)
        self._before = piece if piece != "}" else "\n"

    def _write(self, piece: str, out: list[str]) -> None:
        if self._break and self._begun:
            out.append("\n" + INDENT * min(self._braces, DEEPEST_INDENT))
        elif self._space and self._begun:
            out.append(" ")
        self._break = self._space = False
        self._begun = True
        out.append(piece)


class CodeView(View):
    """A `View` of a script or a style sheet."""

    step = 16 * 1024

    def __init__(self, characters: Characters, language: Language) -> None:
        self.characters: Characters = characters
        self._ends, self._tabs = LineEnds(), Tabs()
        self._flow = CodeFlow(language)

    def feed(self, data: bytes, *, final: bool = False) -> SafeText:
        """See `View`."""
        text = self._ends.feed(self.characters.feed(data, final=final), final=final)
        return printable_block(self._tabs.feed(self._flow.feed(text, final=final)))
