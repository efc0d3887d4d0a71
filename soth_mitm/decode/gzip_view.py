"""Files that are compressed (not by a content coding): what the head says, and what is in it by its looks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode import nested
from soth_mitm.decode.numbers import when_text
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.unpacking import Unpacker
from soth_mitm.decode.views import NotThis, Stepped
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from soth_mitm.decode.registry import Given

_CODINGS: Final = {b"\x1f\x8b": b"gzip", b"\x28\xb5": b"zstd"}
_SYSTEMS: Final = {0: "FAT", 3: "Unix", 7: "Macintosh", 10: "NTFS", 11: "NTFS"}


class CompressedView(Stepped):
    """A `View` of a gzip or zstd file, of whose content the first 16 MiB are laid out."""

    def __init__(self, given: Given) -> None:
        super().__init__()
        self._given = given
        self._coding = _CODINGS.get(given.beginning[:2], b"")
        self._unpacker = Unpacker(self._coding)
        self._outline = Outline()
        self.folds = self._outline.folds
        self._content = nested.Kept()
        self._size = 0

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        self._size += len(data)
        if not self._coding:
            raise NotThis("not a compressed file: it begins like none")
        if not self._unpacker.error and self._content.size <= nested.LONGEST:
            for piece in self._unpacker.feed(data):
                self._content.add(piece)
                yield ""
                if self._content.size > nested.LONGEST:
                    break
        self.error = self._unpacker.error
        if final and not self.error and self._unpacker.missing and self._content.size <= nested.LONGEST:
            self.error = f"not complete: {self._unpacker.missing} ends too early"
        if final:
            yield from self._tell(ended=True)

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        yield from self._tell(ended=False)

    def _tell(self, *, ended: bool) -> Iterator[str]:
        name, outline = self._coding.decode("ascii"), self._outline
        size = self._content.size
        content, whole = self._content.take()
        if self.error and not (content and self._unpacker.codings):
            raise NotThis(f"no {name} file that can be read: {self.error}")
        facts = gzip_facts(self._given.beginning) if name == "gzip" else []
        outline.section(
            " · ".join([f"● {name} file", *facts, f"{human_size(size)} bytes unpacked"]), "inside"
        )
        if not whole:
            outline.note(f"the first {human_size(nested.LONGEST)} bytes")
        about = self._given.about._replace(content_type=b"")
        for _ in nested.tell(outline, content, about, self._given, whole=ended and whole and not self.error):
            yield outline.take()
        outline.close()
        outline.finish()
        yield outline.take()


def gzip_facts(head: bytes) -> list[str]:
    """Return what the head of a gzip file says (RFC 1952): name, time, system. Never raises."""
    if len(head) < 10:
        return []
    flags, when, system = head[3], struct.unpack_from("<I", head, 4)[0], head[9]
    facts = [f"from {when_text(when)}"] if when else []
    facts += [_SYSTEMS[system]] if system in _SYSTEMS else []
    at = 10
    if flags & 4 and len(head) >= 12:
        at += 2 + int.from_bytes(head[10:12], "little")
    if flags & 8:
        name = head[at : at + 1000].partition(b"\0")[0]
        facts.insert(0, printable(name, 200))
    return facts
