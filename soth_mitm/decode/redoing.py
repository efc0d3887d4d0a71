"""Content codings applied anew, piece by piece, each flushed: for a stream whose messages were changed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

from soth_mitm.decode.coding import coding_names


class Redoing(Protocol):
    """Applies one coding."""

    def feed(self, data: bytes) -> bytes:
        """Return the coded bytes of a piece, all of it."""
        ...

    def finish(self) -> bytes:
        """Return what ends the coded stream."""
        ...


def redoing(content_encoding: bytes) -> Redoing | None:
    """Return what applies the codings of a field's value, which are known; None where there are none."""
    steps = [_STEPS[name]() for name in reversed(coding_names(content_encoding))]
    if not steps:
        return None
    return redoing_all(steps)


def redoing_all(steps: list[Redoing]) -> Redoing:
    """Return several steps as one, the one applied first first."""
    return steps[0] if len(steps) == 1 else _Chain(steps)


class _Chain:
    """Several codings, the one applied first first."""

    def __init__(self, steps: list[Redoing]) -> None:
        self._steps = steps

    def feed(self, data: bytes) -> bytes:
        for step in self._steps:
            data = step.feed(data)
        return data

    def finish(self) -> bytes:
        out = b""
        for step in self._steps:
            out = (step.feed(out) if out else b"") + step.finish()
        return out


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._deflater = zlib.compressobj(wbits=wbits)

    def feed(self, data: bytes) -> bytes:
        return self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._deflater.flush()


class _Brotli:
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]

        self._encoder = brotli.Compressor(quality=4)

    def feed(self, data: bytes) -> bytes:
        return bytes(self._encoder.process(data)) + bytes(self._encoder.flush())

    def finish(self) -> bytes:
        return bytes(self._encoder.finish())


class _Zstd:
    def __init__(self) -> None:
        import zstandard

        self._flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        self._encoder = zstandard.ZstdCompressor().compressobj()

    def feed(self, data: bytes) -> bytes:
        return self._encoder.compress(data) + self._encoder.flush(self._flush)

    def finish(self) -> bytes:
        return self._encoder.flush()


_STEPS: dict[str, Callable[[], Redoing]] = {
    "gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
    "br": _Brotli,
    "zstd": _Zstd,
}

KNOWN: Final = frozenset(_STEPS)
"""The codings that can be applied here."""
