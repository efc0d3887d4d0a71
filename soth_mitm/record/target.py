"""Where a recorder's bytes go: a file, a directory with one file a segment, a stream, or memory.

A target is told of segments and given whole blocks, one call at a time, from the recorder's writer
thread; `read` may be called from any thread. A write that fails leaves the target as it was before.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from soth_mitm.errors import DumpError
from soth_mitm.record.format import (
    MAGIC_SIZE,
    SEGMENT_MAGIC,
    VERSION,
    LayoutError,
    NewerVersion,
    decode_segment_header,
)

Bytes = bytes | bytearray

_HEADER_BYTES = 64 * 1024
"""More than a segment header takes, unless its filter is a book."""


class Target(Protocol):
    """What a recorder needs of the place it writes to."""

    name: str
    """For messages: the path, or what stands in for one."""
    can_retry: bool
    """Whether a failed write may be tried again; false where bytes may have left for good."""

    def begin(self, segment: int) -> None:
        """Start a segment; what is written from now on belongs to it. Saying so twice is once."""
        ...

    def write(self, data: Bytes) -> None:
        """Write all of `data` at the end of the segment, or raise OSError and write nothing."""
        ...

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """Return bytes written before; fewer where the segment does not hold them."""
        ...

    def file_at(self, segment: int, offset: int) -> tuple[Path, int] | None:
        """Return the file and the offset in it that another process reads; None where there is none."""
        ...

    def drop(self, segment: int) -> None:
        """Forget a segment that has ended."""
        ...

    def sync(self) -> None:
        """Return once what was written survives a power cut."""
        ...

    def abort(self) -> None:
        """Let a write that waits in another thread fail soon."""
        ...

    def close(self) -> None:
        """Let go of files; nothing may be written after."""
        ...


def _create(path: Path, flags: int) -> int:
    """Open a file that only its owner may read."""
    binary = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(path, os.O_RDWR | os.O_CREAT | binary | flags, 0o600)


def _write_all(fd: int, data: Bytes) -> None:
    """Write `data` at the end of a regular file; after a failure the file has its old length again."""
    start = os.lseek(fd, 0, os.SEEK_CUR)
    done = 0
    try:
        with memoryview(data) as view:
            while done < len(view):
                done += os.write(fd, view[done:])
    except OSError:
        os.lseek(fd, start, os.SEEK_SET)
        os.ftruncate(fd, start)
        raise


def _why_not_ours(beginning: bytes) -> str:
    """Say why a segment may not follow a file that begins so; empty where it may."""
    if beginning[:MAGIC_SIZE] != SEGMENT_MAGIC:
        return "it does not begin as a .soth file"
    try:
        decode_segment_header(beginning)
    except NewerVersion as error:
        return f"it is of format version {error.version}, and this soth-mitm writes {VERSION}"
    except LayoutError:
        # Damage does not matter here: readers pass over it, and what is appended stands for itself.
        pass
    return ""


def _read_at(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(length) or b""


class FileTarget:
    """One file, segments one after another."""

    can_retry = True

    def __init__(self, path: Path, *, append: bool = False, overwrite: bool = False) -> None:
        """Open `path`; a file that exists is refused unless `append` or `overwrite` is set.

        Raises:
            DumpError: it exists, cannot be written, or is to be appended to and is no `.soth`.
        """
        self.path = path
        self.name = str(path)
        self._bases: dict[int, int] = {}
        try:
            self._fd = self._open(append, overwrite)
        except FileExistsError as error:
            raise DumpError(f"{path} exists already; give --append, --overwrite, or another name") from error
        except OSError as error:
            raise DumpError(f"cannot write {path}: {error.strerror or error}") from error

    def _open(self, append: bool, overwrite: bool) -> int:
        flags = 0 if append else os.O_TRUNC if overwrite else os.O_EXCL
        fd = _create(self.path, flags)
        if append:
            end = os.lseek(fd, 0, os.SEEK_END)
            os.lseek(fd, 0, os.SEEK_SET)
            why = _why_not_ours(os.read(fd, _HEADER_BYTES)) if end else ""
            if why:
                os.close(fd)
                raise DumpError(
                    f"cannot append to {self.path}: at offset 0 {why}; "
                    "give another name, or --overwrite to replace it"
                )
            os.lseek(fd, 0, os.SEEK_END)
        return fd

    def begin(self, segment: int) -> None:
        """See `Target`."""
        self._bases[segment] = os.lseek(self._fd, 0, os.SEEK_CUR)

    def write(self, data: Bytes) -> None:
        """See `Target`."""
        _write_all(self._fd, data)

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """See `Target`."""
        return _read_at(self.path, self._bases[segment] + offset, length)

    def file_at(self, segment: int, offset: int) -> tuple[Path, int] | None:
        """See `Target`."""
        return self.path, self._bases[segment] + offset

    def drop(self, segment: int) -> None:
        """Do nothing: a file keeps all of its segments."""

    def sync(self) -> None:
        """See `Target`."""
        os.fsync(self._fd)

    def abort(self) -> None:
        """Do nothing: a regular file never waits for a reader."""

    def close(self) -> None:
        """See `Target`."""
        os.close(self._fd)


class DirectoryTarget:
    """One file a segment, `000001.soth` and so on, in a directory that exists."""

    can_retry = True

    def __init__(self, path: Path, *, before: int = 0) -> None:
        """`before` is the number of the last file that is there already."""
        self.path = path
        self.name = str(path)
        self._before = before
        self._fd = -1
        self._segment = 0

    @classmethod
    def given(cls, path: Path, *, append: bool, overwrite: bool) -> DirectoryTarget:
        """Take a directory of a person's, made where there is none.

        Raises:
            DumpError: recordings are in it already and are neither to be gone on with nor to be replaced,
                or it cannot be made.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = sorted(path.glob("*.soth"))
            if overwrite:
                for file in files:
                    file.unlink()
                files = []
        except OSError as error:
            raise DumpError(f"cannot write into {path}: {error.strerror or error}") from error
        if files and not append:
            raise DumpError(
                f"{path} has {len(files):,} recordings in it; give --append, --overwrite, or another name"
            )
        numbers = [int(file.stem) for file in files if file.stem.isdigit()]
        return cls(path, before=max(numbers, default=0))

    def file_of(self, segment: int) -> Path:
        """Return the path of a segment's file."""
        return self.path / f"{segment + self._before:06d}.soth"

    def begin(self, segment: int) -> None:
        """See `Target`."""
        if segment == self._segment:
            return
        fd = _create(self.file_of(segment), os.O_EXCL)
        self.close()
        self._fd, self._segment = fd, segment

    def write(self, data: Bytes) -> None:
        """See `Target`."""
        _write_all(self._fd, data)

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """See `Target`."""
        return _read_at(self.file_of(segment), offset, length)

    def file_at(self, segment: int, offset: int) -> tuple[Path, int] | None:
        """See `Target`."""
        return self.file_of(segment), offset

    def drop(self, segment: int) -> None:
        """See `Target`."""
        self.file_of(segment).unlink(missing_ok=True)

    def sync(self) -> None:
        """See `Target`."""
        if self._fd >= 0:
            os.fsync(self._fd)

    def abort(self) -> None:
        """Do nothing: a regular file never waits for a reader."""

    def close(self) -> None:
        """See `Target`."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class MemoryTarget:
    """Segments as lists of blocks in memory, for a run that must not touch the disk."""

    can_retry = True
    name = "memory"

    def __init__(self) -> None:
        self._segments: dict[int, dict[int, Bytes]] = {}
        self._lengths: dict[int, int] = {}
        self._current = 0

    @property
    def size(self) -> int:
        """Bytes held now."""
        return sum(self._lengths.values())

    def blocks(self) -> list[bytes]:
        """Return everything that was written, in order; joined, it is a `.soth` file."""
        return [bytes(block) for blocks in list(self._segments.values()) for block in list(blocks.values())]

    def begin(self, segment: int) -> None:
        """See `Target`."""
        self._current = segment
        self._segments[segment] = {}
        self._lengths[segment] = 0

    def write(self, data: Bytes) -> None:
        """See `Target`."""
        offset = self._lengths[self._current]
        self._segments[self._current][offset] = data
        self._lengths[self._current] = offset + len(data)

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """Return one block: reads are of what was written in one call."""
        return bytes(self._segments[segment][offset][:length])

    def file_at(self, segment: int, offset: int) -> tuple[Path, int] | None:
        """Return None: there is no file."""
        return None

    def drop(self, segment: int) -> None:
        """See `Target`."""
        self._segments.pop(segment, None)
        self._lengths.pop(segment, None)

    def sync(self) -> None:
        """Do nothing: memory never survives a power cut."""

    def abort(self) -> None:
        """Do nothing: memory never waits."""

    def close(self) -> None:
        """Keep what was written: it can still be read."""


class StreamTarget:
    """A binary stream such as standard output; what has been written is gone."""

    can_retry = False

    def __init__(self, stream: BinaryIO, *, name: str = "standard output") -> None:
        self.name = name
        self._stream = stream
        self._aborted = threading.Event()
        self._write: Callable[[Bytes], None] = self._write_plain
        if sys.platform != "win32":
            try:
                self._fd = stream.fileno()
            except (OSError, ValueError, AttributeError):
                return
            self._write = self._write_polled

    def begin(self, segment: int) -> None:
        """Do nothing: in a stream segments follow each other."""

    def write(self, data: Bytes) -> None:
        """See `Target`; a write that fails may have written a part."""
        self._write(data)

    def _write_plain(self, data: Bytes) -> None:
        self._stream.write(data)
        self._stream.flush()

    def _write_polled(self, data: Bytes) -> None:
        """Write in pieces that a ready pipe takes at once, so that a reader that stalls can be left."""
        piece = getattr(select, "PIPE_BUF", 512)
        done = 0
        with memoryview(data) as view:
            while done < len(view):
                if self._aborted.is_set():
                    raise BrokenPipeError("the reader stalled")
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                if poll.poll(200):
                    done += os.write(self._fd, view[done : done + piece])

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """Return nothing: a stream cannot be read back."""
        return b""

    def file_at(self, segment: int, offset: int) -> tuple[Path, int] | None:
        """Return None: a stream cannot be read back."""
        return None

    def drop(self, segment: int) -> None:
        """Do nothing: what was written is gone already."""

    def sync(self) -> None:
        """Do nothing: a stream is as safe as its reader."""

    def abort(self) -> None:
        """See `Target`."""
        self._aborted.set()

    def close(self) -> None:
        """Leave the stream open: it belongs to the caller."""
