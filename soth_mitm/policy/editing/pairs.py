"""Queries, forms and cookies as rows of names and values, and back: what nobody touched keeps its bytes."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from soth_mitm.errors import SothError


class Spelling(Enum):
    """How rows are written."""

    QUERY = "query"
    """`a=1&b=2` within a target; a blank is `%20`."""
    FORM = "form"
    """application/x-www-form-urlencoded; a blank is `+`."""
    COOKIES = "cookies"
    """The value of a Cookie field, `a=1; b=2` (RFC 6265 section 4.2.1); nothing is coded."""


class PairError(SothError):
    """A name or value that cannot be written so; the text says which, and why."""


class Row(msgspec.Struct, frozen=True):
    """One pair, as it is written."""

    name: bytes
    value: bytes | None
    """None where there is no equals sign."""
    before: bytes = b""
    """What stands between the row before and this one; empty: whatever the spelling has there."""


_BEFORE: Final = {Spelling.QUERY: b"&", Spelling.FORM: b"&", Spelling.COOKIES: b"; "}
_PARTS: Final = {
    Spelling.QUERY: re.compile(rb"(&)"),
    Spelling.FORM: re.compile(rb"(&)"),
    Spelling.COOKIES: re.compile(rb"(;[ \t]*)"),
}
_SAFE: Final = {Spelling.QUERY: "/:@!$'()*,?", Spelling.FORM: "*"}
_NO_COOKIE: Final = re.compile(rb"[;\x00-\x1f\x7f]")


class Pairs(msgspec.Struct, frozen=True):
    """Rows in order, duplicates and all; each change gives new rows, and leaves the others' bytes."""

    spelling: Spelling
    written: tuple[Row, ...] = ()

    @property
    def rows(self) -> tuple[tuple[bytes, bytes | None], ...]:
        """Names and values as they are meant, decoded."""
        return tuple((self._read(row.name), self._read_value(row.value)) for row in self.written)

    @property
    def data(self) -> bytes:
        """The bytes on the wire."""
        out = bytearray()
        for number, row in enumerate(self.written):
            if number:
                out += row.before or _BEFORE[self.spelling]
            out += row.name
            if row.value is not None:
                out += b"=" + row.value
        return bytes(out)

    def renamed(self, at: int, name: bytes) -> Pairs:
        """Give a row another name.

        Raises:
            PairError: it cannot be written as a name.
        """
        row = self.written[at]
        if self._read(row.name) == name:
            return self
        return self._put(at, msgspec.structs.replace(row, name=self._write(name, "name")))

    def valued(self, at: int, value: bytes | None) -> Pairs:
        """Give a row another value; None takes the equals sign away too.

        Raises:
            PairError: it cannot be written as a value.
        """
        row = self.written[at]
        if self._read_value(row.value) == value:
            return self
        coded = None if value is None else self._write(value, "value")
        return self._put(at, msgspec.structs.replace(row, value=coded))

    def added(self, name: bytes, value: bytes | None, *, at: int | None = None) -> Pairs:
        """Add a row, at the end unless told where.

        Raises:
            PairError: it cannot be written.
        """
        if not name and value is None:
            raise PairError("a row needs a name or a value")
        coded = None if value is None else self._write(value, "value")
        row = Row(self._write(name, "name"), coded)
        place = len(self.written) if at is None else at
        return Pairs(self.spelling, (*self.written[:place], row, *self.written[place:]))

    def removed(self, at: int) -> Pairs:
        """Take a row out."""
        return Pairs(self.spelling, self.written[:at] + self.written[at + 1 :])

    def moved(self, at: int, to: int) -> Pairs:
        """Put a row at another place; the rows between move up or down by one."""
        rows = list(self.written)
        rows.insert(to, rows.pop(at))
        return Pairs(self.spelling, tuple(rows))

    def _put(self, at: int, row: Row) -> Pairs:
        return Pairs(self.spelling, (*self.written[:at], row, *self.written[at + 1 :]))

    def _read_value(self, value: bytes | None) -> bytes | None:
        return None if value is None else self._read(value)

    def _read(self, coded: bytes) -> bytes:
        if self.spelling is Spelling.COOKIES:
            return coded
        return unquote_to_bytes(coded.replace(b"+", b" "))

    def _write(self, plain: bytes, what: str) -> bytes:
        if self.spelling is Spelling.COOKIES:
            return _cookie(plain, what)
        coded = quote_from_bytes(plain, safe=_SAFE[self.spelling]).encode("ascii")
        return coded.replace(b"%20", b"+") if self.spelling is Spelling.FORM else coded


def _cookie(plain: bytes, what: str) -> bytes:
    wrong = _NO_COOKIE.search(plain)
    if wrong:
        char = "a semicolon" if wrong[0] == b";" else f"the byte \\x{wrong[0][0]:02x}"
        raise PairError(f"the {what} of a cookie cannot hold {char} (at {wrong.start() + 1})")
    if what == "name" and (b"=" in plain or plain != plain.strip(b" \t")):
        raise PairError("the name of a cookie holds no equals sign, and neither begins nor ends with a blank")
    return plain


def pairs(spelling: Spelling, data: bytes) -> Pairs:
    """Read the rows of a query (without its question mark), a form or a Cookie field. Never raises."""
    if not data:
        return Pairs(spelling)
    parts = _PARTS[spelling].split(data)
    rows = []
    for number in range(0, len(parts), 2):
        name, equals, value = parts[number].partition(b"=")
        before = parts[number - 1] if number else b""
        rows.append(Row(name, value if equals else None, before))
    return Pairs(spelling, tuple(rows))


def query_of(target: bytes) -> Pairs:
    """Read the query of a request target."""
    return pairs(Spelling.QUERY, target.partition(b"?")[2])


def with_query(target: bytes, query: Pairs) -> bytes:
    """Return a target with another query; the question mark goes with the last row."""
    path, _, before = target.partition(b"?")
    data = query.data
    if data == before:
        return target
    return path + b"?" + data if query.written else path
