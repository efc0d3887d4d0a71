"""Content codings undone (RFC 9110 section 8.4.1): gzip, deflate, br, zstd, and stacks of them.

Output is bounded at each step, so that a few bytes that expand to gigabytes cost no more than the
limit; input that is cut off or damaged gives what could be decoded before.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import msgspec

MOST_CODINGS = 8
"""More codings than this on one body are an attack or a mistake."""

ZSTD_WINDOW = 8 * 1024 * 1024
"""Largest window that a zstd body may ask for (RFC 9659)."""

_STEP = 64 * 1024
_PIECES = 4096
"""In how many pieces damaged bytes are read."""


class Decoded(msgspec.Struct, frozen=True):
    """What became of a body once its codings were undone."""

    data: bytes
    codings: tuple[str, ...] = ()
    """The codings that were undone, the outermost first."""
    truncated: bool = False
    """The limit was reached: there is more than `data`."""
    ended: bool = True
    """The coded stream came to its own end."""
    error: str = ""
    """What is wrong with the coded bytes; `data` is what came before that."""


class _Part(msgspec.Struct):
    """One step's output."""

    data: bytes
    truncated: bool = False
    ended: bool = True
    error: str = ""


def undo(data: bytes, content_encoding: bytes, *, limit: int) -> Decoded:
    """Undo the codings of `content_encoding` on `data`, giving at most `limit` bytes. Never raises."""
    names = coding_names(content_encoding)
    if len(names) > MOST_CODINGS:
        return Decoded(data, error=f"{len(names)} content codings on one body: left as it is")
    done: list[str] = []
    truncated, ended, error = False, True, ""
    for name in names:
        step = _STEPS.get(name)
        if step is None:
            error = f"content coding {name!r} is not known here"
            break
        try:
            part = step(data, limit)
        except Exception as problem:
            # A decompressor of a third party; whatever it raises concerns this body alone.
            part = _Part(b"", error=str(problem))
        if part.error and len(part.data) < limit:
            part = _salvaged(name, data, limit, part)
        if part.error and not part.data:
            error = f"not {name}: {part.error}"
            break
        data = part.data
        done.append(name)
        truncated |= part.truncated
        ended &= part.ended
        if part.error:
            error = f"{name} is damaged: {part.error}"
            ended = True
    return Decoded(data, tuple(done), truncated, ended, error)


def _salvaged(name: str, data: bytes, limit: int, part: _Part) -> _Part:
    """Return what damaged bytes give before the damage, which a decompressor keeps for itself.

    They are fed in small pieces, so that no more is lost than what the damaged piece would have given.
    """
    from soth_mitm.decode.undoing import CodingError, undoing

    step = undoing(name.encode())
    assert step is not None
    out = bytearray()
    size = max(len(data) // _PIECES, 1)
    try:
        for start in range(0, len(data), size):
            for piece in step.feed(data[start : start + size]):
                out += piece
                if len(out) > limit:
                    return _cut(out, limit, error=part.error)
    except CodingError:
        pass
    return _cut(out, limit, error=part.error) if len(out) > len(part.data) else part


def coding_names(content_encoding: bytes) -> list[str]:
    """Return the codings in the order in which they must be undone; the last applied comes first."""
    if not content_encoding:
        return []
    listed = content_encoding.decode("ascii", "replace").lower().split(",")
    names = [name.strip(" \t") for name in listed]
    return [name.removeprefix("x-") for name in reversed(names) if name not in ("", "identity")]


def _inflate(data: bytes, limit: int, *, wbits: int, members: bool) -> _Part:
    out = bytearray()
    while True:
        inflater = zlib.decompressobj(wbits)
        try:
            while data and not inflater.eof and len(out) <= limit:
                out += inflater.decompress(data, max(min(_STEP, limit + 1 - len(out)), 1))
                data = inflater.unconsumed_tail
            if not inflater.eof and len(out) <= limit:
                out += inflater.flush()
        except zlib.error as problem:
            return _cut(out, limit, error=str(problem).rpartition(": ")[2])
        if len(out) > limit:
            return _cut(out, limit)
        data = inflater.unused_data
        if not (inflater.eof and members and data[:2] == b"\x1f\x8b"):
            return _Part(bytes(out), ended=inflater.eof)


def _cut(out: bytearray, limit: int, *, error: str = "") -> _Part:
    return _Part(bytes(out[:limit]), truncated=len(out) > limit, error=error)


def _gzip(data: bytes, limit: int) -> _Part:
    return _inflate(data, limit, wbits=31, members=True)


def _deflate(data: bytes, limit: int) -> _Part:
    """Undo `deflate`: the zlib format, or the bare one that some servers send under that name."""
    part = _inflate(data, limit, wbits=15, members=False)
    if part.error and not part.data:
        bare = _inflate(data, limit, wbits=-15, members=False)
        return bare if not bare.error else part
    return part


def _brotli(data: bytes, limit: int) -> _Part:
    import brotli  # type: ignore[import-untyped]

    decoder = brotli.Decompressor()
    out = bytearray()
    try:
        piece = decoder.process(data, output_buffer_limit=_STEP)
        while piece and len(out) <= limit:
            out += piece
            piece = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=_STEP)
    except brotli.error as problem:
        return _cut(out, limit, error=str(problem).rpartition(": ")[2])
    part = _cut(out, limit)
    part.ended = decoder.is_finished()
    return part


def _zstd(data: bytes, limit: int) -> _Part:
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    reader = decoder.stream_reader(io.BytesIO(data), read_across_frames=True)
    out = bytearray()
    try:
        while len(out) <= limit and (piece := reader.read(min(_STEP, limit + 1 - len(out)))):
            out += piece
    except zstandard.ZstdError as problem:
        return _cut(out, limit, error=str(problem).rpartition(": ")[2])
    part = _cut(out, limit)
    part.ended = part.truncated or _zstd_ends(data)
    return part


def _zstd_ends(data: bytes) -> bool:
    """Return whether the last frame is whole. The reader above does not tell; all fits the limit here."""
    import zstandard

    while data:
        frame = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
        frame.decompress(data)
        if not frame.eof:
            return False
        data = frame.unused_data
    return True


_STEPS: dict[str, Callable[[bytes, int], _Part]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
