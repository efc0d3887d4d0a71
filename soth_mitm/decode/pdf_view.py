"""PDF files as facts: version, pages, objects, title and author, without drawing a thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from soth_mitm.decode.outline import Outline
from soth_mitm.decode.undoing import CodingError, undoing
from soth_mitm.decode.views import NotThis, Stepped
from soth_mitm.text import human_size, printable

WINDOW: Final = 64 * 1024
"""What of the bytes before is looked at once more with the next ones."""

MOST_STREAMS: Final = 200
"""Streams of objects that are unpacked for their facts."""

MOST_UNPACKED: Final = 4 * 1024 * 1024

_HEAD: Final = 1024
"""Bytes at the beginning among which the version stands."""

_VERSION: Final = re.compile(rb"%PDF-(\d\.\d)")
_OBJECT: Final = re.compile(rb"(?<![\d.])\d{1,10} \d{1,5} obj\b")
_PAGES: Final = re.compile(
    rb"/Type\s*/Pages\b[^>]{0,2000}?/Count\s+(\d{1,9})|/Count\s+(\d{1,9})[^>]{0,2000}?/Type\s*/Pages\b"
)
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_INFO: Final = re.compile(
    rb"/(Title|Author|Subject|Keywords|Creator|Producer|CreationDate|ModDate)\s*"
    rb"(?:\(((?:[^\\()]|\\.){0,2000})\)|<([0-9A-Fa-f\s]{0,4000})>)",
    re.DOTALL,
)
_MARKS: Final = (
    (b"/Linearized", "linearized"), (b"/Encrypt", "encrypted"), (b"/AcroForm", "has forms"),
    (b"/JavaScript", "has JavaScript"), (b"/EmbeddedFile", "has files in it"), (b"/Sig", "signed"),
)  # fmt: skip
_STREAM: Final = re.compile(
    rb"/Type\s*/ObjStm\b[^>]{0,500}?>>\s*stream\r?\n(.{0,60000}?)endstream\b", re.DOTALL
)

Finder = Callable[[re.Pattern[bytes], bytes], Iterator[re.Match[bytes]]]


class PdfView(Stepped):
    """A `View` of a PDF."""

    def __init__(self) -> None:
        super().__init__()
        self._outline = Outline()
        self._size = self._objects = self._pages = self._counted = self._streams = 0
        self._version = ""
        self._facts: dict[str, str] = {}
        self._marks: set[str] = set()
        self._held = b""
        self._sure = 0
        """Up to where matches have been counted, by their ends."""
        self._ended = False

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        self._size += len(data)
        self._held += data
        if not self._version and (final or self._size >= _HEAD):
            self._begin()
        # One more character may change what ends here.
        self._look(self._size if final else self._size - 1)
        self._held = self._held[-WINDOW:]
        yield ""
        if final:
            self._ended = b"%%EOF" in self._held[-1100:]
            yield self._tell(cut=False)

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        if not self._version:
            self._begin()
        self._look(self._size)
        yield self._tell(cut=True)

    def _begin(self) -> None:
        version = _VERSION.search(self._held[:_HEAD])
        if version is None:
            raise NotThis("not a PDF: it does not begin like one")
        self._version = version[1].decode("ascii")

    def _look(self, limit: int) -> None:
        """Take what ends behind what was taken before, up to an offset."""
        data, base = self._held, self._size - len(self._held)
        begin, end, self._sure = self._sure - base, limit - base, limit

        def new(pattern: re.Pattern[bytes], within: bytes) -> Iterator[re.Match[bytes]]:
            return (match for match in pattern.finditer(within) if begin < match.end() <= end)

        self._objects += sum(1 for _ in new(_OBJECT, data))
        self._read(data, new)
        for match in new(_STREAM, data):
            if self._streams < MOST_STREAMS:
                self._streams += 1
                self._read(_unpacked(match[1]), lambda pattern, within: pattern.finditer(within))

    def _read(self, data: bytes, new: Finder) -> None:
        self._counted += sum(1 for _ in new(_PAGE, data))
        for match in new(_PAGES, data):
            self._pages = max(self._pages, int(match[1] or match[2]))
        for match in new(_INFO, data):
            self._facts.setdefault(match[1].decode("ascii"), _text(match[2], match[3]))
        self._marks |= {word for mark, word in _MARKS if mark in data}

    def _tell(self, *, cut: bool) -> str:
        outline = self._outline
        outline.say(f"PDF {self._version}, {human_size(self._size)} bytes{' so far' if cut else ''}")
        pages = self._pages or self._counted
        outline.say(f"{pages:,} page{'' if pages == 1 else 's'}, {self._objects:,} objects")
        if self._marks:
            outline.say(", ".join(word for _, word in _MARKS if word in self._marks))
        for name, value in self._facts.items():
            outline.say(f"{name:<12}  {value}")
        if not cut and not self._ended:
            self.error = "not a whole PDF: its end is missing"
        outline.finish()
        return outline.take()


def _unpacked(data: bytes) -> bytes:
    out = bytearray()
    step = undoing(b"deflate")
    try:
        for piece in step.feed(data) if step is not None else ():
            out += piece
            if len(out) > MOST_UNPACKED:
                break
    except CodingError:
        pass
    return bytes(out)


def _text(literal: bytes | None, digits: bytes | None) -> str:
    """Return a string of a PDF, in parentheses or in digits, as text."""
    if literal is not None:
        data = re.sub(rb"\\([()\\])", rb"\1", literal)
    else:
        plain = re.sub(rb"\s", b"", digits or b"")
        data = bytes.fromhex((plain + b"0" * (len(plain) % 2)).decode("ascii"))
    if data.startswith(b"\xfe\xff"):
        return printable(data[2:].decode("utf-16-be", "replace"), 300)
    return printable(data.decode("latin-1"), 300)
