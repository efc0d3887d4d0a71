"""JSON laid out over lines and back on one, by its blanks alone: no value is spelled another way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[ \t\r\n]+|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_BLANK: Final = " \t\r\n"
_EMPTY: Final = {"{": "}", "[": "]"}


class OneLine(NamedTuple):
    """How JSON is written on one line."""

    comma: str
    colon: str

    def write(self, text: str) -> str:
        """Return JSON on one line."""
        signs = {",": self.comma, ":": self.colon}
        return "".join(signs.get(piece, piece) for piece in _pieces(text))


_USUAL: Final = (OneLine(",", ":"), OneLine(", ", ": "))


def one_line_of(text: str) -> OneLine | None:
    """Return how a text is written on one line; None where it has more, or is written in no usual way."""
    if "\n" in text or text[:1] not in _EMPTY or len(text) < len("{'a':1}"):
        return None
    return next((style for style in _USUAL if style.write(text) == text), None)


def laid_out(text: str) -> str:
    """Return JSON with a line for each value."""
    out: list[str] = []
    depth = 0
    before = ""
    for piece in _pieces(text):
        if piece in ("}", "]"):
            depth = max(0, depth - 1)
            if _EMPTY.get(before) != piece:
                out.append("\n" + "  " * depth)
        elif before in ("{", "[", ","):
            out.append("\n" + "  " * depth)
        out.append(": " if piece == ":" else piece)
        depth += piece in ("{", "[")
        before = piece
    return "".join(out)


def _pieces(text: str) -> Iterator[str]:
    return (match.group() for match in _PIECE.finditer(text) if match.group()[0] not in _BLANK)
