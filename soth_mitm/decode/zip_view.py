"""Zip archives as listings (APPNOTE 6.3.10): their directory, nothing unpacked."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from soth_mitm.decode.listing import Listing, counted
from soth_mitm.decode.views import NotThis
from soth_mitm.text import human_size

TAIL: Final = 4 * 1024 * 1024
"""Bytes of the beginning and of the end that are kept: the directory stands at the end."""

_METHODS: Final = {
    0: "stored", 8: "deflated", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 99: "AES",
}  # fmt: skip
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_END: Final = struct.Struct("<4s4H2IH")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LONGEST_END: Final = 65_557
_MORE32: Final = 0xFFFFFFFF
_MORE16: Final = 0xFFFF


class ZipView(Listing):
    """A `View` of a zip: its directory, or what its beginning tells where the end is not there."""

    def __init__(self) -> None:
        super().__init__()
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def work(self, data: bytes, *, final: bool) -> Iterator[str]:
        """See `Stepped`."""
        self._size += len(data)
        self._head += data[: max(TAIL - len(self._head), 0)]
        self._tail += data
        if len(self._tail) > 2 * TAIL:
            del self._tail[:-TAIL]
        if not final:
            return
        directory = self._directory()
        if directory is None:
            if not self._head.startswith(b"PK"):
                raise NotThis("not a zip: it does not begin like one")
            self.error = "not a whole zip: its directory is missing"
            yield from self._locals()
            return
        yield from self._list(*directory)

    def rest(self) -> Iterator[str]:
        """See `Stepped`."""
        yield from self._locals()

    def _directory(self) -> tuple[int, int] | None:
        """Return where the directory begins within the tail, and how many entries it has."""
        tail = self._tail
        at = tail.rfind(b"PK\x05\x06", max(len(tail) - _LONGEST_END, 0))
        if at < 0 or at + _END.size > len(tail):
            return None
        _, _, _, _, count, size, start, _ = _END.unpack_from(tail, at)
        end = at
        if _MORE32 in (size, start) or count == _MORE16:
            far = tail.rfind(b"PK\x06\x06", 0, at)
            if far >= 0 and far + _END64.size <= len(tail):
                *_, count, size, start = _END64.unpack_from(tail, far)
                end = far
        # Where something stands before the archive, the directory is behind where it says.
        begin = end - size
        return (begin, count) if begin >= 0 else None

    def _list(self, at: int, count: int) -> Iterator[str]:
        tail, packed, unpacked = bytes(self._tail), 0, 0
        self.outline.say(f"zip archive, {counted(count)}")
        for number in range(count):
            if at + _CENTRAL.size > len(tail) or tail[at : at + 4] != b"PK\x01\x02":
                self.error = f"not a whole zip: its directory breaks off behind entry {number:,} of {count:,}"
                break
            head = _CENTRAL.unpack_from(tail, at)
            _, _, _, flags, method, time, date, _, size, whole, names, extras, comment, *_ = head
            name = tail[at + _CENTRAL.size : at + _CENTRAL.size + names]
            extra = tail[at + _CENTRAL.size + names : at + _CENTRAL.size + names + extras]
            whole, size = _sizes64(extra, whole, size)
            packed, unpacked = packed + size, unpacked + whole
            notes = [_METHODS.get(method, f"method {method}"), "encrypted" if flags & 1 else ""]
            self.entry(whole, _dos_time(date, time), _zip_name(name, flags), ", ".join(filter(None, notes)))
            at += _CENTRAL.size + names + extras + comment
            yield self.outline.take()
        ratio = f", {unpacked / packed:.1f} times as large unpacked" if packed else ""
        self.outline.say(f"# {human_size(unpacked)} bytes in {human_size(self._size)}{ratio}")
        yield self.end()

    def _locals(self) -> Iterator[str]:
        """List what the heads of the entries at the beginning say."""
        head, at = bytes(self._head), 0
        self.outline.say("zip archive, without its directory: the entries at its beginning")
        while head[at : at + 4] == b"PK\x03\x04" and at + _LOCAL.size <= len(head):
            _, _, flags, method, time, date, _, size, whole, names, extras = _LOCAL.unpack_from(head, at)
            name = head[at + _LOCAL.size : at + _LOCAL.size + names]
            unknown = "its size stands behind it" if flags & 8 and not size else ""
            notes = ", ".join(filter(None, (_METHODS.get(method, f"method {method}"), unknown)))
            self.entry(whole, _dos_time(date, time), _zip_name(name, flags), notes)
            yield self.outline.take()
            at += _LOCAL.size + names + extras + size
            if unknown:
                found = head.find(b"PK\x03\x04", at)
                at = found if found >= 0 else len(head)
        yield self.end()


def _zip_name(name: bytes, flags: int) -> str:
    return name.decode("utf-8", "replace") if flags & 0x800 else name.decode("cp437")


def _sizes64(extra: bytes, whole: int, size: int) -> tuple[int, int]:
    """Return the sizes of an entry from its extra field, where they do not fit their own."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            values = [int.from_bytes(field[each : each + 8], "little") for each in range(0, length - 7, 8)]
            if whole == _MORE32 and values:
                whole = values.pop(0)
            if size == _MORE32 and values:
                size = values.pop(0)
        at += 4 + length
    return whole, size


def _dos_time(date: int, time: int) -> str:
    if not date:
        return ""
    day = f"{(date >> 9) + 1980}-{date >> 5 & 15:02}-{date & 31:02}"
    return f"{day} {time >> 11:02}:{time >> 5 & 63:02}:{(time & 31) * 2:02}"
