"""Content codings undone while a body comes: what each piece gives is there at once, and bounded.

`coding` undoes them for a body that is there; this is for streams, whose senders flush after each
message. Output comes in pieces, so that whoever takes them can stop between two.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from soth_mitm.decode.coding import MOST_CODINGS, ZSTD_WINDOW, coding_names
from soth_mitm.errors import ProtocolError
from soth_mitm.text import printable

PIECE: Final = 64 * 1024
"""Most bytes of one piece of output, but of zstd."""

FREE: Final = 16 * 1024 * 1024
"""Output that is never held against a stream."""

RATIO: Final = 250
"""Beyond `FREE`, output of more than so many times the input is an attack: no text is so repetitive."""

_ZSTD_INPUT: Final = 128
"""A block of zstd takes 4 bytes at least and gives 128 KiB at most."""


class CodingError(ProtocolError):
    """A coding that is not known, damaged, or a bomb; what came before was right."""


class Undoing(Protocol):
    """Undoes one coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes give, in pieces; take all of them before the next call.

        Raises:
            CodingError: they are damaged, or give too much.
        """
        ...


def undoing(content_encoding: bytes) -> Undoing | None:
    """Return what undoes the codings of a field's value; None where there is none to undo.

    Raises:
        CodingError: a coding is not known here, or there are too many.
    """
    names = coding_names(content_encoding)
    if not names:
        return None
    if len(names) > MOST_CODINGS:
        raise CodingError("coding_unknown", f"{len(names)} content codings on one body")
    steps: list[Undoing] = []
    for name in names:
        make = _STEPS.get(name)
        if make is None:
            raise CodingError("coding_unknown", f"the coding {printable(name, 40)!r} is not known here")
        steps.append(_Guard(make(), name))
    return undoing_all(steps)


def undoing_all(steps: list[Undoing]) -> Undoing:
    """Return several steps as one, the coding applied last first."""
    return steps[0] if len(steps) == 1 else _Chain(steps)


class _Guard:
    """One step, watched: whatever its library raises is a defect of the body, and bombs are found out."""

    def __init__(self, step: Undoing, name: str) -> None:
        self._step = step
        self._name = name
        self._in = 0
        self._out = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._in += len(data)
        try:
            for piece in self._step.feed(data):
                self._out += len(piece)
                if self._out > FREE and self._out > RATIO * self._in:
                    text = f"{self._in:,} bytes of {self._name} gave more than {self._out:,}"
                    raise CodingError("decompression_bomb", text)
                yield piece
        except CodingError:
            raise
        except Exception as error:
            reason = printable(str(error).rpartition(": ")[2], 100)
            raise CodingError("coding_damaged", f"not {self._name}, or no longer: {reason}") from None


class _Chain:
    """Several codings, the one applied last first."""

    def __init__(self, steps: list[Undoing]) -> None:
        self._steps = steps

    def feed(self, data: bytes) -> Iterator[bytes]:
        return self._feed(data, 0)

    def _feed(self, data: bytes, number: int) -> Iterator[bytes]:
        for piece in self._steps[number].feed(data):
            if number + 1 < len(self._steps):
                yield from self._feed(piece, number + 1)
            else:
                yield piece


class _Zlib:
    """gzip, of which several members may follow each other, or zlib; what stands behind is left out."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inflater = zlib.decompressobj(wbits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflater.eof:
                if self._wbits != 31 or data[0] != 0x1F:
                    return
                self._inflater = zlib.decompressobj(self._wbits)
            piece = self._inflater.decompress(data, PIECE)
            if piece:
                yield piece
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if not data and len(piece) == PIECE:
                # All input is in, and more output may wait inside.
                yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        while not self._inflater.eof and (piece := self._inflater.decompress(b"", PIECE)):
            yield piece


class _Deflate:
    """`deflate`: the zlib format, or the bare one that some servers send under that name."""

    def __init__(self) -> None:
        self._head = b""
        self._step: _Zlib | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._step is None:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._head = self._head, b""
            header = int.from_bytes(data[:2], "big")
            wrapped = data[0] & 0x0F == 8 and header % 31 == 0
            self._step = _Zlib(15 if wrapped else -15)
        yield from self._step.feed(data)


class _Brotli:
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]

        self._decoder = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        decoder = self._decoder
        if decoder.is_finished():
            return
        piece = decoder.process(data, output_buffer_limit=PIECE)
        while piece:
            yield piece
            piece = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=PIECE)


class _Zstd:
    """zstd, of which several frames may follow each other.

    Its library bounds no output: the input is given in such small pieces that none can give much.
    """

    def __init__(self) -> None:
        import zstandard

        self._decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._frame = self._decoder.decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_INPUT):
            left = data[start : start + _ZSTD_INPUT]
            while left:
                if self._frame.eof:
                    self._frame = self._decoder.decompressobj()
                piece = self._frame.decompress(left)
                left = self._frame.unused_data
                if piece:
                    yield piece


_STEPS: dict[str, Callable[[], Undoing]] = {
    "gzip": lambda: _Zlib(31),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
