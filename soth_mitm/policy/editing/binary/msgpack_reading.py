"""Such a text read: MessagePack once more."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from soth_mitm.policy.editing.binary import msgpack_form as form
from soth_mitm.policy.editing.binary.lexing import (
    END,
    HEX,
    MOST_DEPTH,
    PAUSE,
    STRING,
    WORD,
    Misread,
    Token,
    hex_value,
    integer,
    number,
    text_value,
    tokens_of,
)

_CLOSES: Final = {"{": "}", "[": "]"}
_PLAIN: Final = {"null": b"\xc0", "false": b"\xc2", "true": b"\xc3"}
_CONTAINERS: Final = {"{": ("map", "map16", "map32"), "[": ("array", "array16", "array32")}
_TAKES: Final = {"str": (STRING, HEX), "bin": (HEX,)}


def read_msgpack(text: str) -> Generator[None, None, bytes]:
    """Return, after pauses, the values that a text means.

    Raises:
        Misread: it means none.
    """
    reader = _Reader(text)
    while not reader.step(PAUSE):
        yield
    return bytes(reader.around[0].out)


class _Around(NamedTuple):
    """What is open."""

    sign: str
    word: str
    at: int
    out: bytearray
    ends: list[int]
    """Where each value in it ends."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: Iterator[Token] = tokens_of(text)
        self._now = next(self._tokens)
        self.around = [_Around("", "", 0, bytearray(), [])]
        self._wants = "value"
        """`value`, `next` for what stands between values, `colon`."""

    def step(self, count: int) -> bool:
        """Read so many words at most; return whether that was all."""
        for _ in range(count):
            if self._now.kind == END and len(self.around) == 1 and self._wants != "colon":
                return True
            self._read()
        return False

    def _take(self) -> Token:
        token = self._now
        if token.kind != END:
            self._now = next(self._tokens)
        return token

    def _read(self) -> None:
        token, inner = self._now, self.around[-1]
        in_map = inner.sign == "{"
        if token.kind == END:
            missing = _CLOSES.get(inner.sign, "")
            raise Misread(token.at, f"the text ends before {missing}" if missing else "a colon is missing")
        if self._wants == "colon":
            if token.kind != ":":
                raise Misread(token.at, "after a name a colon is missing")
            self._take()
            self._wants = "value"
        elif token.kind in ("}", "]"):
            self._close(inner)
        elif self._wants == "next":
            if token.kind == ",":
                self._take()
            elif not token.fresh:
                raise Misread(token.at, "a comma, or a new line, is missing before this")
            self._wants = "value"
        elif token.kind == ",":
            raise Misread(token.at, "a value is missing before this comma")
        elif token.kind == ":":
            raise Misread(
                token.at, "a name is missing before this colon" if in_map else "names are in maps { }"
            )
        else:
            self._value()

    def _close(self, inner: _Around) -> None:
        token = self._take()
        if token.kind != _CLOSES.get(inner.sign):
            raise Misread(token.at, f"there is no open {'{' if token.kind == '}' else '['} to this")
        count = len(inner.ends)
        if inner.sign == "{":
            if count % 2:
                raise Misread(token.at, "a value is missing before this")
            count //= 2
        self.around.pop()
        try:
            begin = form.head(inner.word, count)
        except OverflowError:
            raise Misread(inner.at, f"{inner.word} has no room for {count:,}") from None
        self._add(begin + inner.out)

    def _add(self, data: bytes) -> None:
        inner = self.around[-1]
        inner.out.extend(data)
        inner.ends.append(len(inner.out))
        self._wants = "colon" if inner.sign == "{" and len(inner.ends) % 2 else "next"

    # --- values

    def _value(self) -> None:
        token = self._take()
        if token.kind in _CONTAINERS:
            self._open(token, _CONTAINERS[token.kind][0])
        elif token.kind == STRING:
            self._add(_sized("str", text_value(token), token))
        elif token.kind == HEX:
            self._add(_sized("bin", hex_value(token), token))
        elif token.text in _PLAIN:
            self._add(_PLAIN[token.text])
        else:
            self._worded(token)

    def _worded(self, token: Token) -> None:
        word = token.text
        for sign, names in _CONTAINERS.items():
            if word in names:
                opener = self._want(sign, f"after {word} a {sign} is missing")
                self._open(opener, word)
                return
        kind = word.rstrip("0123456789")
        if word in form.INTS:
            self._add(_integer(self._want(WORD, f"after {word} a whole number is missing"), word))
        elif word in form.FLOATS:
            self._add(self._float(word))
        elif word == "timestamp":
            self._add(self._timestamp())
        elif word in ("str", "bin", "ext") or word in form.SIZES:
            self._add(self._extension(word) if kind == "ext" else self._bytes(word, kind))
        elif integer(token) is not None:
            self._add(_integer(token, ""))
        else:
            value = number(token)
            if value is None:
                raise Misread(token.at, 'this is no value: text stands within "double quotes"')
            self._add(b"\xcb" + struct.pack(">d", value))

    def _want(self, kind: str, reason: str) -> Token:
        if self._now.kind != kind:
            raise Misread(self._now.at, reason)
        return self._take()

    def _open(self, token: Token, word: str) -> None:
        if len(self.around) > MOST_DEPTH:
            raise Misread(token.at, f"nested deeper than {MOST_DEPTH} levels")
        self.around.append(_Around(token.kind, word, token.at, bytearray(), []))
        self._wants = "value"

    def _float(self, word: str) -> bytes:
        first, code = form.FLOATS[word]
        token = self._take()
        if token.kind == HEX:
            raw = hex_value(token)
            if len(raw) != struct.calcsize(code):
                raise Misread(token.at, f"{word} has {struct.calcsize(code)} bytes, this is {len(raw)}")
            return bytes((first,)) + raw
        value = number(token) if token.kind == WORD else None
        if value is None:
            raise Misread(token.at, f"after {word} a number is missing")
        try:
            return bytes((first,)) + struct.pack(code, value)
        except OverflowError:
            raise Misread(token.at, f"too large for {word}") from None

    def _bytes(self, word: str, kind: str) -> bytes:
        token = self._take()
        if token.kind not in _TAKES[kind]:
            raise Misread(token.at, f"after {word} {'a text or ' if kind == 'str' else ''}h'...' is missing")
        return _sized(word, text_value(token) if token.kind == STRING else hex_value(token), token)

    def _extension(self, word: str) -> bytes:
        token = self._want(WORD, f"after {word} the number of the type is missing")
        code = integer(token)
        data = hex_value(self._want(HEX, "after the number of the type h'...' is missing"))
        try:
            return form.packed_ext(word, 128 if code is None else code, data)
        except OverflowError:
            if code is None or not -128 <= code <= 127:
                raise Misread(token.at, "the type of an extension is from -128 to 127") from None
            raise Misread(token.at, f"{word} has no room for {len(data):,} bytes") from None

    def _timestamp(self) -> bytes:
        token = self._want(STRING, 'after timestamp "2026-12-31T23:59:59Z" is missing')
        data = form.packed_when(text_value(token).decode("utf-8"))
        if data is None:
            raise Misread(token.at, "this is no moment: it reads 2026-12-31T23:59:59Z, with up to 9 decimals")
        return form.packed_ext("ext", form.TIMESTAMP, data)


def _sized(word: str, data: bytes, token: Token) -> bytes:
    try:
        return form.head(word, len(data)) + data
    except OverflowError:
        raise Misread(token.at, f"{word} has no room for {len(data):,} bytes") from None


def _integer(token: Token, word: str) -> bytes:
    value = integer(token)
    if value is None:
        raise Misread(token.at, f"{word} is a whole number")
    try:
        if not word:
            return form.packed_int(value)
        first, code = form.INTS[word]
        return bytes((first,)) + struct.pack(code, value)
    except (OverflowError, struct.error):
        raise Misread(token.at, f"this does not fit {word or 'into 64 bits'}") from None
