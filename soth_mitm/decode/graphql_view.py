"""GraphQL requests: the document on lines of its own, laid out where it is not yet, and the variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.decode import nested
from soth_mitm.decode.about import About
from soth_mitm.decode.charset import decode_text
from soth_mitm.decode.folds import INDENT
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Whole
from soth_mitm.text import printable, printable_lines

if TYPE_CHECKING:
    from soth_mitm.decode.registry import Given

MOST_OPERATIONS: Final = 200
"""Operations of one batch that are shown."""

MOST_DEPTH: Final = 60

PAUSE: Final = 64
"""Words after which the layout may pause."""

LONGEST_DOCUMENT: Final = 128 * 1024
"""Characters of a document that are shown."""

_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*(?:"""|\Z)|"(?:[^"\\\n]|\\.)*"?|#[^\n]*|\.\.\.|[A-Za-z_]\w*|-?\d[\w.+-]*'
    r"|[{}()\[\]:=!@$|&]|[^\s,]",
    re.DOTALL,
)


class GraphqlView(Whole):
    """A `View` of a GraphQL document, or of JSON that has one."""

    def __init__(self, given: Given) -> None:
        super().__init__()
        self._given = given
        self._outline = Outline()
        self.folds = self._outline.folds

    def tell(self, data: bytes, *, whole: bool) -> Iterator[str]:
        """See `Whole`."""
        if data.lstrip()[:1] not in (b"{", b"[") or self._given.about.media_type == b"application/graphql":
            yield from self._document(decode_text(data, self._given.about.content_type).text)
        elif not whole:
            raise NotThis("not all of the request is there")
        else:
            for _ in self._requests(data):
                yield self._outline.take()
        self._outline.finish()
        yield self._outline.take()

    def _requests(self, data: bytes) -> Iterator[None]:
        requests: list[dict[str, msgspec.Raw]]
        try:
            if data.lstrip()[:1] == b"[":
                requests = msgspec.json.decode(data, type=list[dict[str, msgspec.Raw]])
            else:
                requests = [msgspec.json.decode(data, type=dict[str, msgspec.Raw])]
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise NotThis(f"not a GraphQL request: {printable(str(error), 200)}") from None
        for number, request in enumerate(requests[:MOST_OPERATIONS], 1):
            yield from self._request(request, number if len(requests) > 1 else 0)
        if len(requests) > MOST_OPERATIONS:
            self._outline.say(f"# … {len(requests) - MOST_OPERATIONS:,} more operations")

    def _request(self, request: dict[str, msgspec.Raw], number: int) -> Iterator[None]:
        document = _string(request.get("query"))
        if document is None:
            raise NotThis("not a GraphQL request: it has no query")
        name = _string(request.get("operationName"))
        heading = f"● operation {number}" if number else "● operation"
        self._outline.section(f"{heading} · {printable(name, 200)}" if name else heading, heading[2:])
        for _ in self._document(document):
            yield
        self._outline.close()
        for key, value in request.items():
            raw = bytes(value)
            if key in ("query", "operationName") or raw in (b"null", b"{}"):
                continue
            self._outline.section(f"● {printable(key, 80)}", printable(key, 80))
            about = About(b"application/json", "graphql", key)
            yield from nested.tell(self._outline, raw, about, self._given)
            self._outline.close()

    def _document(self, text: str) -> Iterator[str]:
        """Write a document, with pauses, in which nothing is said yet."""
        cut = len(text) > LONGEST_DOCUMENT
        text = text[:LONGEST_DOCUMENT].strip()
        if "\n" not in text:
            pieces: list[str] = []
            for piece in lay_out(text):
                pieces.append(piece)
                yield ""
            text = "".join(pieces)
        self._outline.block("\n".join(printable_lines(text)))
        if cut:
            self._outline.say(f"# only the first {LONGEST_DOCUMENT:,} characters are shown")


def _string(raw: msgspec.Raw | None) -> str | None:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, ValueError):
        return None


def lay_out(text: str) -> Iterator[str]:
    """Lay out a document that is written on one line, in pieces; only its commas are lost, which mean
    nothing."""
    out: list[str] = []
    depth = inside = 0
    before = ""
    for match in _TOKEN.finditer(text):
        word = match.group()
        if inside:
            out.append(_within(before, word, inside=True))
        elif word == "}":
            depth = max(depth - 1, 0)
            out.append("\n" + INDENT * min(depth, MOST_DEPTH) + word)
        elif word == "{":
            out.append(f"{' ' if before not in ('', '}') else _line(before, depth)}{word}")
            depth += 1
        elif word.startswith("#"):
            out.append(_line(before, depth) + word)
        elif _follows(before, word, depth):
            out.append(_within(before, word, inside=False))
        else:
            out.append(_line(before, depth) + word)
        inside += (word in ("(", "[")) - (word in (")", "]") and inside > 0)
        before = "on" if word == "on" and before == "..." else word
        if len(out) >= PAUSE:
            yield "".join(out)
            out.clear()
    yield "".join(out)


def _line(before: str, depth: int) -> str:
    return "" if not before else "\n" + INDENT * min(depth, MOST_DEPTH)


def _follows(before: str, word: str, depth: int) -> bool:
    """Say whether a word outside parentheses belongs on the line of the one before."""
    if before in ("", "{", "}") or before.startswith("#"):
        return False
    if word in ("(", ")", "[", "]", ":", "!", "=", "@", "|", "&"):
        return True
    if before in (":", "@", "...", "$", "=", "|", "&"):
        return True
    # At the top, all of a definition's head stands on one line.
    return depth == 0 or before == "on"


def _within(before: str, word: str, *, inside: bool) -> str:
    """Return a word with what stands between it and the one before on its line."""
    if before == "" or word in (")", "]", ":", "!", "("):
        return word
    if before in ("(", "[", "$", "@", "..."):
        return " on" if before == "..." and word == "on" else word
    if before in (":", "=", "{", "|", "&") or word in ("=", "@", "|", "&", "{", "}"):
        return " " + word
    # The comma between two arguments was left out by the reader.
    return (", " if inside else " ") + word
