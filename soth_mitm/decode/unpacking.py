"""Content codings undone as the bytes come, in pieces of a bounded size.

What `coding.undo` does for bytes that are all there, this does for a stream: a piece of a few bytes
that expands to gigabytes comes out piece by piece, and whoever takes them stops when he has enough.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from soth_mitm.decode.coding import MOST_CODINGS, ZSTD_WINDOW, coding_names

STEP: Final = 64 * 1024
"""About how many bytes come out at once; of zstd it may be some megabytes."""

_KEPT: Final = 64 * 1024
"""Coded bytes that are kept until the first output, to be shown as they are where it is no such coding."""

_BROTLI_STEP: Final = 1024
"""Coded bytes of brotli fed at once: no more are lost where there is damage in them."""

_SALVAGED: Final = 64
_PIECES: Final = 256

_ZSTD_STEP: Final = 256
"""Coded bytes of zstd fed at once: each few of them can stand for 128 KiB."""


class _Coding:
    """One coding. Subclasses undo it and set `ended` where the coded stream has come to its own end."""

    ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to; raises anything where it cannot."""
        raise NotImplementedError


class _Zlib(_Coding):
    def __init__(self, wbits: int, *, members: bool) -> None:
        self._wbits = wbits
        self._members = members
        self._inflater = zlib.decompressobj(wbits)
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        data, self._held = self._held + data, b""
        while data:
            if self._inflater.eof:
                if not self._members or not b"\x1f\x8b".startswith(data[:2]):
                    return
                if len(data) < 2:
                    self._held = data
                    return
                self._inflater = zlib.decompressobj(self._wbits)
                self.ended = False
            before = self._inflater.copy()
            try:
                out = self._inflater.decompress(data, STEP)
            except zlib.error:
                yield from _up_to_damage(before, data)
                raise
            yield out
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            self.ended = self._inflater.eof


def _up_to_damage(inflater: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield what comes before the damage in `data`, which zlib keeps where it meets both at once."""
    for size in (_SALVAGED, 1):
        at = 0
        while at < len(data):
            before = inflater.copy()
            try:
                yield inflater.decompress(data[at : at + size])
            except zlib.error:
                break
            at += size
        inflater, data = before, data[at : at + size]


class _Deflate(_Coding):
    """The zlib format, or the bare one that some servers send under that name."""

    def __init__(self) -> None:
        self._first = b""
        self._inner: _Zlib | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            data = self._first = self._first + data
            if len(data) < 2:
                return
            is_zlib = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._inner = _Zlib(15 if is_zlib else -15, members=False)
        yield from self._inner.feed(data)
        self.ended = self._inner.ended


class _Brotli(_Coding):
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]

        self._decoder: Any = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        decoder = self._decoder
        for start in range(0, len(data), _BROTLI_STEP):
            if self.ended:
                return
            out = decoder.process(data[start : start + _BROTLI_STEP], output_buffer_limit=STEP)
            while out:
                yield out
                out = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=STEP)
            self.ended = decoder.is_finished()


class _Zstd(_Coding):
    def __init__(self) -> None:
        self._frame = self._new_frame()

    @staticmethod
    def _new_frame() -> Any:  # noqa: ANN401 - its class has no public name
        import zstandard

        return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_STEP):
            piece = data[start : start + _ZSTD_STEP]
            while piece:
                if self._frame.eof:
                    self._frame = self._new_frame()
                out = self._frame.decompress(piece)
                if out:
                    yield out
                piece = self._frame.unused_data if self._frame.eof else b""
            self.ended = self._frame.eof


_CODINGS: dict[str, Callable[[], _Coding]] = {
    "gzip": lambda: _Zlib(31, members=True),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}


class _Stage:
    """A coding with what becomes of its errors."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.error = ""
        self.undone = False
        """Something came out."""
        self._coding = _CODINGS[name]()
        self._kept = bytearray()
        self._passes = False

    @property
    def ended(self) -> bool:
        """Nothing is missing: the coded stream came to its end, or there is no use in more of it."""
        return self._coding.ended or bool(self.error) or not (self.undone or self._kept)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to. Never raises."""
        if self._passes:
            yield data
            return
        if self.error:
            return
        if not self.undone and len(self._kept) < _KEPT:
            self._kept += data
        try:
            for piece in self._coding.feed(data):
                self.undone |= bool(piece)
                yield piece
        except GeneratorExit:
            raise
        except Exception as problem:
            # A decompressor of a third party; whatever it raises concerns this body alone.
            words = str(problem).rpartition(": ")[2]
            if not self.undone:
                yield from self._salvaged()
            if self.undone:
                self.error = f"{self.name} is damaged: {words}"
            else:
                self.error = f"not {self.name}: {words}"
                self._passes = True
                yield bytes(self._kept)

    def _salvaged(self) -> Iterator[bytes]:
        """Yield what comes before the damage, which a decompressor keeps for itself; nothing came so far."""
        coding, size = _CODINGS[self.name](), max(len(self._kept) // _PIECES, 1)
        with contextlib.suppress(Exception):
            for start in range(0, len(self._kept), size):
                for piece in coding.feed(bytes(self._kept[start : start + size])):
                    self.undone |= bool(piece)
                    yield piece


class Unpacker:
    """Undo the codings of one body. Never raises; what is wrong stands in `error`."""

    def __init__(self, content_encoding: bytes) -> None:
        self._stages: list[_Stage] = []
        self._error = ""
        names = coding_names(content_encoding)
        if len(names) > MOST_CODINGS:
            self._error = f"{len(names)} content codings on one body: left as it is"
            return
        for name in names:
            if name not in _CODINGS:
                self._error = f"content coding {name!r} is not known here"
                return
            self._stages.append(_Stage(name))

    @property
    def codings(self) -> tuple[str, ...]:
        """The codings that were undone, the outermost first."""
        return tuple(stage.name for stage in self._stages if stage.undone)

    @property
    def error(self) -> str:
        """What is wrong with the coded bytes so far."""
        return next((stage.error for stage in self._stages if stage.error), self._error)

    @property
    def missing(self) -> str:
        """The coding that has not come to its own end; empty where all have."""
        return next((stage.name for stage in self._stages if not stage.ended), "")

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes of the body decode to; take all of it, or stop for good."""
        return self._through(0, data)

    def _through(self, number: int, data: bytes) -> Iterator[bytes]:
        if number == len(self._stages):
            yield data
            return
        for piece in self._stages[number].feed(data):
            yield from self._through(number + 1, piece)
