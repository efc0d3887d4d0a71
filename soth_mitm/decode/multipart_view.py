"""Multipart bodies (RFC 2046, RFC 7578): each part with its name, file, type and size, laid out by itself."""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.decode import nested
from soth_mitm.decode.about import About
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Stepped
from soth_mitm.model.fields import Fields
from soth_mitm.proto.multipart import PartSplitter, boundary_of
from soth_mitm.proto.splitting import Item, SplitError
from soth_mitm.proto.splitting import Part as Piece
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from soth_mitm.decode.registry import Given

_PARAMETER: Final = re.compile(
    rb';\s*(name|filename)(\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE
)
_FIRST: Final = re.compile(rb"\s*--([^\r\n]{1,200}?)[ \t]*\r?\n")
_SHOWN_FIELDS: Final = (b"content-disposition", b"content-type")


class PartHead(NamedTuple):
    """What the head of a part says."""

    name: str
    filename: str
    content_type: bytes
    transfer_encoding: bytes
    others: list[tuple[bytes, bytes]]


def head_of(head: bytes) -> PartHead:
    """Read the head of a part. Never raises."""
    fields = Fields.parse(head + b"\r\n")
    names = {b"name": "", b"filename": ""}
    for match in _PARAMETER.finditer(fields.get(b"content-disposition")):
        value = re.sub(rb'\\(["\\])', rb"\1", match[3]) if match[4] is None else match[4]
        names[match[1].lower()] = _extended(value) if match[2] else printable(value, 200)
    others = [(name, value) for name, value in fields if name.lower() not in _SHOWN_FIELDS]
    return PartHead(
        names[b"name"],
        names[b"filename"],
        fields.get(b"content-type"),
        fields.get(b"content-transfer-encoding").strip().lower(),
        others,
    )


def _extended(value: bytes) -> str:
    """Return a value as RFC 8187 writes it: character set, language, percent-encoded text."""
    from urllib.parse import unquote_to_bytes

    charset, _, rest = value.partition(b"'")
    raw = unquote_to_bytes(rest.partition(b"'")[2])
    if charset.lower() == b"iso-8859-1":
        return printable(raw.decode("latin-1"), 200)
    return printable(raw, 200)


class MultipartView(Stepped):
    """A `View` of a multipart body."""

    def __init__(self, given: Given) -> None:
        super().__init__()
        self._given = given
        self._outline = Outline()
        self.folds = self._outline.folds
        boundary = boundary_of(given.about.content_type)
        if not boundary:
            first = _FIRST.match(given.beginning)
            boundary = first[1] if first is not None else b""
            self.notes = (f"boundary {printable(boundary, 40)}, as the body begins",) if boundary else ()
        self._without = not boundary
        self._splitter = PartSplitter(boundary)
        self._payload = nested.Kept()
        self._count = 0

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        if self._without:
            raise NotThis("not a multipart body: its type names no boundary")
        try:
            for item in self._items(data, final=final):
                for _ in self._take(item):
                    yield ""
                yield self._outline.take()
        except SplitError as error:
            self.error = f"not complete: {error.detail}"
            for _ in self._unfinished():
                yield ""
            if not self._count:
                raise NotThis(f"not a multipart body: {error.detail}") from None
        if final:
            if not self._count and not self._splitter.over:
                raise NotThis("not a multipart body: its boundary does not occur")
            if self._count and not self._splitter.over and not self.error:
                self.error = "not complete: the last boundary is missing"
            self._outline.finish()
        yield self._outline.take()

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        for _ in self._unfinished():
            yield ""
        self._outline.finish()
        yield self._outline.take()

    def _items(self, data: bytes, *, final: bool) -> Iterator[Item]:
        yield from self._splitter.feed(data)
        if final:
            yield from self._splitter.finish()

    def _unfinished(self) -> Iterator[None]:
        """Write the part that is arriving, as far as it has come."""
        rest = self._splitter.rest()
        if rest is not None:
            self._payload.add(rest)
            yield from self._part(whole=False)

    def _take(self, item: Item) -> Iterator[None]:
        self._payload.add(item.data)
        if not isinstance(item, Piece):
            yield from self._part(whole=True)

    def _part(self, *, whole: bool) -> Iterator[None]:
        self._count += 1
        size = self._payload.size
        data, all_kept = self._payload.take()
        head, outer, outline = head_of(self._splitter.head), self._given.about, self._outline
        words = [f"● part {self._count:,}"]
        words += [f'name "{head.name}"'] if head.name else []
        words += [f'file "{head.filename}"'] if head.filename else []
        words += [printable(head.content_type, 80)] if head.content_type else []
        words.append(f"{human_size(size)} bytes" if size >= 1000 else f"{size} bytes")
        outline.section(" · ".join(words), f"part {self._count}")
        if not whole:
            outline.note("cut off")
        for name, value in head.others:
            outline.say(f"{printable(name, 80)}: {printable(value, 400)}")
        data, flaw = _transferred(data, head.transfer_encoding)
        outline.note(flaw)
        # Without a type a part is text (RFC 7578 section 4.4), unless it is a file.
        kind = head.content_type or (b"" if head.filename else b"text/plain")
        about = About(kind, "parts", head.name, outer.path, outer.response)
        yield from nested.tell(outline, data, about, self._given, whole=whole and all_kept)
        outline.close()


def _transferred(data: bytes, encoding: bytes) -> tuple[bytes, str]:
    """Undo the transfer encoding of a part; return also what is wrong with it."""
    if encoding == b"base64":
        try:
            return binascii.a2b_base64(data), ""
        except binascii.Error as error:
            return data, f"not base64: {error}"
    return (quopri.decodestring(data), "") if encoding == b"quoted-printable" else (data, "")
