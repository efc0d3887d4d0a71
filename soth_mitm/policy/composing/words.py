r"""A pasted command taken apart as its shell would: POSIX with `$'…'`, or the command prompt of Windows.

Nothing is run or looked up: where the shell would put something in (a variable, the output of a
command), that is an error which says where.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from soth_mitm.errors import SothError
from soth_mitm.text import printable

MOST_CHARACTERS: Final = 4 * 1024 * 1024
_BLANKS: Final = " \t\r\n"
_ENDS: Final = ";|&<>()"
_IN_DOUBLE: Final = '$`"\\\n'
_NAMED: Final = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_PAIR: Final = re.compile(r"u([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})")
"""A character beyond 16 bits in two halves, as JSON and some browsers write it."""
_NUMBER: Final = re.compile(
    r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.)", re.DOTALL
)
_CARET: Final = re.compile(r"\^(\r?\n(?:\r?\n)?|.)", re.S)
_LIKE_PROMPT: Final = re.compile(r'\s*\S+\s+(?:-[\w-]+\s+)*\^"|[^\n\']*[ \t]\^\r?\n')
"""A first argument in `^"`, or a first line that goes on behind a caret."""


class PasteError(SothError):
    """A pasted command that is not understood; `position` is where, in characters from 0."""

    def __init__(self, position: int, message: str, text: str = "") -> None:
        before = text[:position]
        line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
        where = f"line {line}, column {column}" if line > 1 else f"column {column}"
        super().__init__(f"{where}: {message}")
        self.position = position
        self.message = message


class Word(NamedTuple):
    """One argument."""

    value: bytes
    position: int
    """Where it begins in what was pasted."""


def split(text: str) -> tuple[list[Word], str]:
    """Return the words of the first command, and what comes after it.

    Raises:
        PasteError: a quote is not closed, or the shell would put something in.
    """
    if len(text) > MOST_CHARACTERS:
        raise PasteError(0, f"this is too long for a command: {len(text):,} characters")
    if _LIKE_PROMPT.match(text):
        return _Prompt(text).words(), ""
    shell = _Shell(text)
    return shell.words(), text[shell.at :].strip()


class _Shell:
    """Reads one command of a POSIX shell."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._out = bytearray()

    def words(self) -> list[Word]:
        found: list[Word] = []
        text = self.text
        while True:
            while text.startswith(("\\\n", "\\\r\n"), self.at) or text[self.at : self.at + 1].strip() == "":
                if self.at >= len(text):
                    return found
                if text[self.at] == "\n" and found:
                    return found
                self.at += text.find("\n", self.at) - self.at + 1 if text[self.at] == "\\" else 1
            if text[self.at] in _ENDS:
                return found
            if text[self.at] == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
                continue
            start = self.at
            self._out = bytearray()
            self._word()
            found.append(Word(bytes(self._out), start))

    def _word(self) -> None:
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            if char in _BLANKS or char in _ENDS:
                return
            if char == "'":
                self._single()
            elif char == '"':
                self._double()
            elif text.startswith("$'", self.at):
                self._ansi()
            elif text.startswith('$"', self.at):
                self.at += 1
            elif char in "$`":
                self._refuse_expansion()
                self._put(char)
            elif char == "\\":
                self._escape()
            else:
                self._put(char)

    def _put(self, text: str) -> None:
        self._out += text.encode("utf-8", "surrogateescape")
        self.at += len(text)

    def _escape(self) -> None:
        """Take what follows a backslash as it is; the end of a line goes with it."""
        self.at += 1
        if self.text.startswith("\r\n", self.at):
            self.at += 2
        elif self.text.startswith("\n", self.at):
            self.at += 1
        elif self.at < len(self.text):
            self._put(self.text[self.at])

    def _single(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise PasteError(self.at, "this quote ' is not closed", self.text)
        self._out += self.text[self.at + 1 : end].encode("utf-8", "surrogateescape")
        self.at = end + 1

    def _double(self) -> None:
        start = self.at
        text = self.text
        self.at += 1
        while self.at < len(text):
            char = text[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "\\" and text[self.at + 1 : self.at + 2] in [*_IN_DOUBLE]:
                self._escape()
                continue
            if char in "$`":
                self._refuse_expansion()
            self._put(char)
        raise PasteError(start, 'this quote " is not closed', text)

    def _ansi(self) -> None:
        start = self.at
        text = self.text
        self.at += 2
        while self.at < len(text):
            char = text[self.at]
            if char == "'":
                self.at += 1
                return
            if char != "\\" or self.at + 1 >= len(text):
                self._put(char)
                continue
            self.at += 1
            named = _NAMED.get(text[self.at])
            number = _NUMBER.match(text, self.at)
            if named is not None:
                self._out += named.encode()
                self.at += 1
            elif number is not None:
                self._number(number)
            else:
                self._out += b"\\"
        raise PasteError(start, "this quote $' is not closed", text)

    def _number(self, match: re.Match[str]) -> None:
        byte, short, long, octal, control = match.groups()
        pair = _PAIR.match(self.text, self.at)
        if byte or octal:
            self._out.append(int(byte, 16) if byte else int(octal, 8) & 0xFF)
        elif control:
            self._out.append(ord(control) & 0x1F)
        else:
            code = int(short or long, 16)
            if pair is not None:
                code = 0x10000 + ((code - 0xD800) << 10) + int(pair[2], 16) - 0xDC00
            if code > 0x10FFFF:
                raise PasteError(self.at - 1, f"there is no character {code:x}", self.text)
            self._out += chr(code).encode("utf-8", "surrogatepass")
        self.at = match.end() if pair is None else pair.end()

    def _refuse_expansion(self) -> None:
        rest = self.text[self.at : self.at + 40]
        match = re.match(r"\$(?:\w+|[$?!#@*-]|\{[^}]*\}?|\([^)]*\)?)|`[^`]*`?", rest)
        if match is not None and rest != "$":
            shown = printable(match[0], 40)
            raise PasteError(
                self.at,
                f"the shell would put something in place of {shown}; put it there yourself",
                self.text,
            )


class _Prompt:
    """Reads one command of the Windows prompt, as browsers copy it for that."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places: list[int] = []
        plain: list[str] = []
        at = 0
        for match in _CARET.finditer(text):
            self._keep(plain, text[at : match.start()], at)
            inner = match[1]
            if inner[0] in "\r\n":  # the caret takes one end of a line away; a second one is content
                inner = "\n" if inner.count("\n") > 1 else " "
            self._keep(plain, inner, match.start())
            at = match.end()
        self._keep(plain, text[at:], at)
        self._plain = "".join(plain)

    def _keep(self, plain: list[str], part: str, at: int) -> None:
        plain.append(part)
        self._places += range(at, at + len(part))

    def words(self) -> list[Word]:
        found: list[Word] = []
        text, at = self._plain, 0
        while at < len(text):
            if text[at] in _BLANKS:
                at += 1
                continue
            start, out, within = at, [], False
            while at < len(text) and (within or text[at] not in _BLANKS):
                slashes = len(text) - at - len(text[at:].lstrip("\\")) if text[at] == "\\" else 0
                quote = text.startswith('"', at + slashes)
                if slashes and quote:
                    out.append("\\" * (slashes // 2))
                    at += slashes
                    if slashes % 2:
                        out.append('"')
                        at += 1
                elif slashes:
                    out.append("\\" * slashes)
                    at += slashes
                elif quote:
                    if within and text.startswith('""', at):
                        out.append('"')
                        at += 1
                    else:
                        within = not within
                    at += 1
                else:
                    out.append(text[at])
                    at += 1
            if within:
                raise PasteError(self._places[start], 'a quote " of this word is not closed', self.text)
            found.append(Word("".join(out).encode("utf-8", "surrogateescape"), self._places[start]))
        return found
