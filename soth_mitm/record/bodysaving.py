"""Saving one body to a file of its own, in pieces: as it passed, or with its content codings undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.decode.unpacking import Unpacker
from soth_mitm.errors import DumpError
from soth_mitm.record.threads import in_thread
from soth_mitm.record.wholefile import whole_file
from soth_mitm.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from soth_mitm.record.saving import Progress
    from soth_mitm.record.target import Target
    from soth_mitm.record.view import MessageView

PIECE_BYTES = 256 * 1024
"""Bytes of the body that are read at once."""

WRITTEN_AT_ONCE = 1024 * 1024
"""About how many bytes are decoded and written before a cancellation is looked for."""

Read = Callable[[int, int], Awaitable[bytes]]
"""Read so many bytes of the body from an offset on; fewer where there are no more, or a gap."""


class SavedBody(NamedTuple):
    """What was written."""

    size: int
    """Bytes of the file."""
    note: str = ""
    """What a person should know: that it is not all of the body, or was not decoded as it should be."""


async def save_body(
    path: Path,
    message: MessageView | None,
    read: Read,
    *,
    decoded: bool,
    overwrite: bool,
    progress: Progress | None,
) -> SavedBody:
    """Write the body of a message as far as it was recorded by now; `progress` is told bytes of it.

    The file appears when it is whole; when this fails or is cancelled, nothing stays behind.

    Raises:
        DumpError: there is no body, nothing of it was recorded, or the file cannot be written.
    """
    stop = message.body_bytes if message is not None else 0
    if message is None or not stop:
        raise DumpError(f"cannot save to {printable(str(path))}: this message has no body")
    if not message.captured_bytes:
        raise DumpError(
            f"cannot save to {printable(str(path))}: the body passed ({stop:,} bytes) and was not recorded; "
            "capture_body_bytes says how much of one is"
        )
    coding = message.content_encoding if decoded else b""
    unpacker = Unpacker(coding)
    size = at = 0
    async with whole_file(path, overwrite=overwrite, needed=0 if coding else stop) as target:
        while at < stop and (data := await read(at, min(PIECE_BYTES, stop - at))):
            at += len(data)
            size += await _write(unpacker.feed(data), target)
            if progress is not None:
                progress(at, stop)
    return SavedBody(size, "; ".join(_notes(message, unpacker, at, stop)))


async def _write(pieces: Iterator[bytes], target: Target) -> int:
    """Write what comes, however much it is, with room for a cancellation."""
    size = 0
    while written := await in_thread(lambda: _some(pieces, target)):
        size += written
    return size


def _some(pieces: Iterator[bytes], target: Target) -> int:
    written = 0
    for piece in pieces:
        target.write(piece)
        written += len(piece)
        if written >= WRITTEN_AT_ONCE:
            break
    return written


def _notes(message: MessageView, unpacker: Unpacker, at: int, stop: int) -> Iterator[str]:
    if at < stop:
        yield f"only its first {at:,} of {stop:,} bytes were recorded"
    elif not message.complete:
        yield "the body has not ended"
    if unpacker.error:
        yield printable(unpacker.error)
    elif unpacker.missing:
        yield f"the {unpacker.missing} data ends too early"
