"""Files as answers: whole, in ranges (RFC 9110 section 14), or as not modified (section 13)."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from soth_mitm.net.serving.inner import Answer
from soth_mitm.policy.rules.local import file_in, local_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from soth_mitm.net.serving.inner import Asked
    from soth_mitm.policy.rules.actions import MapLocal

_PIECE: Final = 256 * 1024
_RANGE: Final = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")
_NOWHERE: Final = (0, 0)
_PLAIN: Final = (b"Content-Type", b"text/plain; charset=utf-8")


class Files:
    """Answers from the file or the folder of a rule."""

    early = False

    def __init__(self, name: str, action: MapLocal) -> None:
        self.name = name
        self._action = action
        self._path = Path(action.path).expanduser()

    async def has(self, target: bytes) -> bool:
        """See `Answerer`: without a file, the rule says whether that is a 404."""
        return self._action.missing == "404" or await asyncio.to_thread(self._find, target) is not None

    def _find(self, target: bytes) -> Path | None:
        if self._path.is_file():
            return self._path
        relative = local_path(target, self._action.prefix)
        return None if relative is None else file_in(self._path, relative)

    async def answer(self, request: Asked) -> Answer:
        """Return a file; 404 where there is none.

        Raises:
            OSError: it cannot be read.
        """
        path = await asyncio.to_thread(self._find, request.target)
        if path is None:
            return Answer(404, (_PLAIN,), f"soth-mitm: {self.name} has no file for this path\n".encode())
        file = await asyncio.to_thread(path.open, "rb")
        try:
            return await self._of(request, path, file)
        except BaseException:
            file.close()
            raise

    async def _of(self, request: Asked, path: Path, file: BinaryIO) -> Answer:
        facts = await asyncio.to_thread(path.stat)
        kind, coding = mimetypes.guess_type(path.name)
        tag = b'"%x-%x"' % (facts.st_mtime_ns, facts.st_size)
        fields = [
            (b"Content-Type", (kind or "application/octet-stream").encode()),
            (b"Last-Modified", formatdate(facts.st_mtime, usegmt=True).encode()),
            (b"ETag", tag),
            (b"Accept-Ranges", b"bytes"),
        ]
        if coding == "gzip" and kind is not None:
            fields[0] = (b"Content-Type", b"application/gzip")  # the file, not what is inside of it
        reads = request.method in (b"GET", b"HEAD")
        if reads and _unmodified(request, tag, facts.st_mtime):
            file.close()
            return Answer(304, tuple(fields))
        start, stop, status = 0, facts.st_size, 200
        wanted = request.field(b"range")
        if reads and wanted:
            span = _span(wanted, facts.st_size)
            if span == _NOWHERE:
                file.close()
                return Answer(416, ((b"Content-Range", b"bytes */%d" % facts.st_size),))
            if span is not None:
                (start, stop), status = span, 206
                fields.append((b"Content-Range", b"bytes %d-%d/%d" % (start, stop - 1, facts.st_size)))
        if request.method == b"HEAD":
            file.close()
            return Answer(status, tuple(fields), b"", stop - start)
        return Answer(status, tuple(fields), _pieces(file, start, stop), stop - start)


async def _pieces(file: BinaryIO, start: int, stop: int) -> AsyncIterator[bytes]:
    with file:
        await asyncio.to_thread(file.seek, start)
        while start < stop:
            piece = await asyncio.to_thread(file.read, min(_PIECE, stop - start))
            if not piece:
                raise ConnectionAbortedError("the file became shorter while it was sent")
            start += len(piece)
            yield piece


def _unmodified(request: Asked, tag: bytes, modified: float) -> bool:
    tags = request.field(b"if-none-match")
    if tags:
        return tags.strip() == b"*" or tag in [each.strip().removeprefix(b"W/") for each in tags.split(b",")]
    since = request.field(b"if-modified-since")
    if not since:
        return False
    try:
        return int(modified) <= parsedate_to_datetime(since.decode("latin-1")).timestamp()
    except ValueError:
        return False


def _span(wanted: bytes, size: int) -> tuple[int, int] | None:
    """Return the one range that is asked for; `_NOWHERE` where there is none such, None for all."""
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        stop = min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    return (start, stop) if start < stop else _NOWHERE
