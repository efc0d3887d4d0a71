"""Tar archives as listings, entry by entry as they come: ustar, GNU's long names, pax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from soth_mitm.decode.listing import Listing, counted
from soth_mitm.decode.numbers import when_text
from soth_mitm.decode.views import NotThis
from soth_mitm.text import human_size, printable

_BLOCK: Final = 512
_MOST_META: Final = 64 * 1024
_KINDS: Final = {
    b"1": "hard link", b"2": "symbolic link", b"3": "character device", b"4": "block device",
    b"5": "directory", b"6": "FIFO",
}  # fmt: skip


class _Head(NamedTuple):
    name: bytes
    size: int
    when: int
    kind: bytes
    mode: int
    link: bytes


class TarView(Listing):
    """A `View` of a tar, entry by entry as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self._held = b""
        self._skip = 0
        self._at = 0
        self._meta: tuple[bytes, int] | None = None
        self._long: dict[str, bytes] = {}
        self._over = False
        self._total = 0

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        if not self._at and not self._held and not self._over and data:
            self.outline.say("tar archive")
        self._at += len(data)
        data = self._held + data
        at = 0
        while not self._over:
            skipped = min(self._skip, len(data) - at)
            self._skip -= skipped
            at += skipped
            step = self._next(data, at)
            if step < 0:
                break
            at += step
            yield self.outline.take()
        self._held = b"" if self._over else data[at:]
        if final:
            self._finish()
            yield self.end()

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        self._finish(cut=True)
        yield self.end()

    def _finish(self, *, cut: bool = False) -> None:
        if not cut and not self._over and (self._skip or self._held):
            self.error = "not a whole tar: it ends inside an entry"
        so_far = " so far" if cut else ""
        self.outline.say(f"# {counted(self.entries)}, {human_size(self._total)} bytes{so_far}")

    def _next(self, data: bytes, at: int) -> int:
        """Take one head or one long name; return its length, -1 where it has not come."""
        if self._meta is not None:
            kind, size = self._meta
            padded = -(-size // _BLOCK) * _BLOCK
            if len(data) - at < padded:
                return -1
            self._long |= _meta_of(kind, data[at : at + size])
            self._meta = None
            return padded
        block = data[at : at + _BLOCK]
        if len(block) < _BLOCK:
            return -1
        if not any(block):
            self._over = True
            return _BLOCK
        head = head_of(block)
        if head is None:
            if not self.entries:
                raise NotThis("not a tar: its first block is no head")
            where = self._at - (len(data) - at)
            self.error = f"not a tar from byte {where:,} on: no head of an entry"
            self._over = True
            return _BLOCK
        if head.kind in (b"L", b"K", b"x", b"g") and head.size <= _MOST_META:
            self._meta = (head.kind, head.size)
            return _BLOCK
        self._entry(head)
        self._skip = -(-head.size // _BLOCK) * _BLOCK
        return _BLOCK

    def _entry(self, head: _Head) -> None:
        long, self._long = self._long, {}
        name, link = long.get("path", head.name), long.get("linkpath", head.link)
        target = f"→ {printable(link, 200)}" if link else ""
        notes = " ".join(filter(None, (_KINDS.get(head.kind, ""), target, f"{head.mode & 0o7777:04o}")))
        self._total += head.size
        self.entry(head.size, when_text(head.when)[:-1].replace("T", " "), name, notes)


def head_of(block: bytes) -> _Head | None:
    """Return what a block says as the head of an entry; None where its sum is wrong."""
    try:
        stated = int(block[148:156].strip(b"\0 ") or b"0", 8)
        if stated != sum(block[:148]) + 32 * 8 + sum(block[156:]):
            return None
        name = block[:100].partition(b"\0")[0]
        prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
        return _Head(
            prefix + b"/" + name if prefix else name,
            max(_number(block[124:136]), 0),
            _number(block[136:148]),
            block[156:157],
            _number(block[100:108]),
            block[157:257].partition(b"\0")[0],
        )
    except ValueError:
        return None


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:])
    return int(field.strip(b"\0 ") or b"0", 8)


def _meta_of(kind: bytes, data: bytes) -> dict[str, bytes]:
    """Return the long name in a block of GNU's, or those in the records of pax."""
    if kind in (b"L", b"K"):
        return {"path" if kind == b"L" else "linkpath": data.rstrip(b"\0")}
    found: dict[str, bytes] = {}
    while data and kind == b"x":
        length, space, _ = data.partition(b" ")
        if not space or not length.isdigit() or len(length) > 6 or int(length) <= len(length):
            break
        key, equals, value = data[len(length) + 1 : int(length)].partition(b"=")
        if equals and key in (b"path", b"linkpath"):
            found[key.decode("ascii")] = value.rstrip(b"\n")
        data = data[int(length) :]
    return found
