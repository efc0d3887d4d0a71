"""Makes new inputs of old ones: bits, lengths, pieces and borders are where readers of bytes go wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

MOST_BYTES = 16_384
"""An input grows no longer than this."""

NUMBERS = (0, 1, 2, 0x7E, 0x7F, 0x80, 0xFE, 0xFF)
TOKENS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\x00",
    b" ",
    b":",
    b",",
    b"0\r\n\r\n",
    b"\xef\xbb\xbf",
    b"data: ",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\x00\x00\x00\x04\x08\x00\x00\x00\x00",
)
"""What has a meaning somewhere; a random byte rarely makes one."""


class Mutator:
    """Changes inputs; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._ways: tuple[Callable[[bytearray, Sequence[bytes]], None], ...] = (
            self._flip,
            self._set,
            self._drop,
            self._repeat,
            self._put_token,
            self._swap_tail,
            self._cut,
            self._number,
        )

    def made_of(self, corpus: Sequence[bytes]) -> bytes:
        """Return an input made of one of a corpus, changed in one to six places."""
        data = bytearray(self.random.choice(corpus))
        for _ in range(self.random.randint(1, 6)):
            self.random.choice(self._ways)(data, corpus)
        return bytes(data[:MOST_BYTES])

    def places(self, size: int) -> list[int]:
        """Return where to cut an input of `size` bytes."""
        return [self.random.randint(0, size) for _ in range(self.random.randint(0, 12))]

    def _span(self, data: bytearray) -> tuple[int, int]:
        start = self.random.randint(0, len(data))
        return start, min(len(data), start + self.random.randint(1, 40))

    def _flip(self, data: bytearray, _: Sequence[bytes]) -> None:
        if data:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)

    def _set(self, data: bytearray, _: Sequence[bytes]) -> None:
        if data:
            data[self.random.randrange(len(data))] = self.random.choice(NUMBERS)

    def _drop(self, data: bytearray, _: Sequence[bytes]) -> None:
        start, stop = self._span(data)
        del data[start:stop]

    def _repeat(self, data: bytearray, _: Sequence[bytes]) -> None:
        start, stop = self._span(data)
        data[start:start] = data[start:stop] * self.random.choice((1, 1, 2, 50))

    def _put_token(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self.random.randint(0, len(data))
        data[at:at] = self.random.choice(TOKENS)

    def _swap_tail(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        other = self.random.choice(corpus)
        at = self.random.randint(0, len(data))
        data[at:] = other[self.random.randint(0, len(other)) :]

    def _cut(self, data: bytearray, _: Sequence[bytes]) -> None:
        del data[self.random.randint(0, len(data)) :]

    def _number(self, data: bytearray, _: Sequence[bytes]) -> None:
        size = self.random.choice((1, 2, 3, 4))
        at = self.random.randint(0, len(data))
        value = self.random.choice((0, 1, 125, 126, 127, 0xFFFF, 0x10000, (1 << 31) - 1, (1 << 32) - 1))
        data[at : at + size] = (value % (1 << (8 * size))).to_bytes(size)
