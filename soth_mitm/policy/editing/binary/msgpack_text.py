"""MessagePack as a text: values like those of JSON, with a word before what is not written as usual."""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Final

from soth_mitm.decode.numbers import float_text
from soth_mitm.policy.editing.binary import msgpack_form as form
from soth_mitm.policy.editing.binary.lexing import MOST_DEPTH, PAUSE, Unwritable, hexed, quoted

_PLAIN: Final = {0xC0: "null", 0xC2: "false", 0xC3: "true"}
_NUMBERS: Final = {first: struct.Struct(code) for first, code in (*form.INTS.values(), *form.SIZES.values())}


def write_msgpack(data: bytes) -> Generator[None, None, str]:
    """Return, after pauses, values as a text.

    Raises:
        Unwritable: the bytes break the rules of the format, or end within a value.
    """
    writer = _Writer(data)
    pause = PAUSE
    while writer.at < len(data):
        writer.item()
        pause -= 1
        if not pause:
            pause = PAUSE
            yield
    if writer.open:
        raise Unwritable("the bytes end inside an array or a map")
    return "".join(writer.out)


class _Writer:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.out: list[str] = []
        self.open: list[list[int]] = []
        """Of each container around: values that are to come, and 1 where it is a map."""

    def item(self) -> None:
        """Write one value, or the beginning of a container."""
        first = self.data[self.at]
        if 0x80 <= first <= 0x9F:
            self.at += 1
            self._open("", first & 0x0F, is_map=first < 0x90)
        elif 0xDC <= first <= 0xDF:
            at, size = self.at, self._number(first)
            is_map = first >= 0xDE
            usual = self.data[at : self.at] == form.head("map" if is_map else "array", size)
            self._open("" if usual else f"{form.NAMES[first]} ", size, is_map=is_map)
        else:
            self._put(self._scalar(first))

    def _open(self, word: str, count: int, *, is_map: bool) -> None:
        opener, closer = "{}" if is_map else "[]"
        if not count:
            self._put(f"{word}{opener}{closer}")
            return
        if len(self.open) >= MOST_DEPTH:
            raise Unwritable(f"byte {self.at - 1:,}: nested deeper than {MOST_DEPTH} levels")
        self._lead()
        self.out.append(word + opener)
        self.open.append([count * (1 + is_map), int(is_map)])

    def _lead(self) -> None:
        """Begin a line, but for the value behind a name."""
        left, is_map = self.open[-1] if self.open else (0, 0)
        if is_map and left % 2:
            self.out.append(": ")
        elif self.out:
            self.out.append("\n" + "  " * len(self.open))

    def _put(self, text: str) -> None:
        self._lead()
        self.out.append(text)
        while self.open:
            inner = self.open[-1]
            inner[0] -= 1
            if inner[0]:
                if not (inner[1] and inner[0] % 2):
                    self.out.append(",")
                return
            self.open.pop()
            self.out.append("\n" + "  " * len(self.open) + ("}" if inner[1] else "]"))

    # --- values

    def _scalar(self, first: int) -> str:
        at = self.at
        if first <= 0x7F or first >= 0xE0:
            self.at += 1
            return str(first if first <= 0x7F else first - 256)
        if first in _PLAIN:
            self.at += 1
            return _PLAIN[first]
        if first <= 0xBF:
            self.at += 1
            return self._string("", self._take(first & 0x1F))
        if first == 0xC1:
            raise Unwritable(f"byte {at:,}: 0xc1 is never used")
        if first in (0xCA, 0xCB):
            return self._float(first)
        if 0xD4 <= first <= 0xD8:
            self.at += 1
            return self._extension("ext", 1 << (first - 0xD4), at)
        value = self._number(first)
        name = form.NAMES[first]
        if name in form.INTS:
            return str(value) if form.packed_int(value) == self.data[at : self.at] else f"{name} {value}"
        kind = name.rstrip("0123456789")
        if kind == "ext":
            return self._extension(name, value, at)
        word = "" if form.head(kind, value) == self.data[at : self.at] else f"{name} "
        piece = self._take(value)
        return self._string(word, piece) if kind == "str" else f"{word}{hexed(piece)}"

    def _string(self, word: str, data: bytes) -> str:
        try:
            return word + quoted(data.decode("utf-8"))
        except UnicodeDecodeError:
            return f"{word or 'str '}{hexed(data)}"

    def _float(self, first: int) -> str:
        single = first == 0xCA
        self.at += 1
        raw = self._take(4 if single else 8)
        code = ">f" if single else ">d"
        text = float_text(struct.unpack(code, raw)[0], single=single)
        if struct.pack(code, float(text)) != raw:
            return f"{'float32' if single else 'float64'} {hexed(raw)}"  # a NaN with a meaning of its own
        return f"float32 {text}" if single else text

    def _extension(self, name: str, size: int, start: int) -> str:
        code = struct.unpack(">b", self._take(1))[0]
        piece = self._take(size)
        usual = form.packed_ext("ext", code, piece) == self.data[start : self.at]
        if usual and code == form.TIMESTAMP:
            when = form.when_of(piece)
            if when:
                return f'timestamp "{when}"'
        return f"{'ext' if usual else name} {code} {hexed(piece)}"

    def _number(self, first: int) -> int:
        """Read what follows the first byte: a number, or how much there is."""
        code = _NUMBERS[first]
        self.at += 1
        value: int = code.unpack(self._take(code.size))[0]
        return value

    def _take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) < size:
            raise Unwritable(f"byte {self.at:,}: the bytes end inside a value")
        self.at += size
        return piece
