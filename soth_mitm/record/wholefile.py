"""A file that appears under its name once it is whole: until then, and after a failure, there is none.

What is written goes into a file of another name beside it, which is renamed at the end. Errors are
put into words for the person who chose the name.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from soth_mitm.errors import DumpError
from soth_mitm.record.target import FileTarget
from soth_mitm.record.threads import in_thread
from soth_mitm.text import printable

_NUMBERS = itertools.count(1)
_NAME_BYTES = 180
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}


@asynccontextmanager
async def whole_file(path: Path, *, overwrite: bool, needed: int = 0) -> AsyncIterator[FileTarget]:
    """Give a target to write to; the file is there once the block ends, and only if it ends well.

    `needed` is about how many bytes it will take, 0 where that is not known.

    Raises:
        DumpError: it exists and is not to be overwritten, or cannot be written; nothing stays behind.
    """
    part = _part_of(path)
    try:
        _check(path, overwrite)
        target = _open(part)
        try:
            try:
                yield target
                await in_thread(target.sync)
            finally:
                target.close()
            _put(part, path, overwrite)
        finally:
            with suppress(OSError):
                os.unlink(part)
    except OSError as error:
        raise DumpError(f"cannot save to {printable(str(path))}: {_why(error, path, needed)}") from error


@contextmanager
def whole_file_here(path: Path, *, overwrite: bool) -> Iterator[FileTarget]:
    """Do the same as `whole_file` without a loop.

    Raises:
        DumpError: as there.
    """
    part = _part_of(path)
    try:
        _check(path, overwrite)
        target = _open(part)
        try:
            try:
                yield target
                target.sync()
            finally:
                target.close()
            _put(part, path, overwrite)
        finally:
            with suppress(OSError):
                os.unlink(part)
    except OSError as error:
        raise DumpError(f"cannot save to {printable(str(path))}: {_why(error, path, 0)}") from error


def _part_of(path: Path) -> Path:
    return path.with_name(f".{_short(path.name)}.{os.getpid()}-{next(_NUMBERS)}.part")


def _short(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:_NAME_BYTES])


def _check(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "")
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "")


def _open(part: Path) -> FileTarget:
    try:
        return FileTarget(part)
    except DumpError as error:
        if isinstance(error.__cause__, OSError):
            # It speaks of a name that the person has not given.
            raise error.__cause__ from None
        raise


def _put(part: Path, path: Path, overwrite: bool) -> None:
    """Give the file its name; where it is not to overwrite, not even what has appeared meanwhile."""
    if overwrite:
        os.replace(part, path)
        return
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _check(path, overwrite)
        os.rename(part, path)


def _why(error: OSError, path: Path, needed: int) -> str:
    directory = printable(str(path.parent))
    match error.errno:
        case errno.EEXIST:
            return "it exists already; give another name"
        case errno.EISDIR:
            return "it is a directory; give the name of a file in it"
        case errno.ENOENT:
            return f"there is no directory {directory}; make it, or give another name"
        case errno.ENOTDIR:
            return f"{directory} is no directory"
        case errno.EACCES | errno.EPERM:
            return f"you may not write in {directory}; give another place"
        case errno.EROFS:
            return f"{directory} is read-only; give another place"
        case errno.ENAMETOOLONG:
            return "the name is too long"
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return f"the disk is full{_room(path, needed)}; make room, or give another place"
    return error.strerror or str(error)


def _room(path: Path, needed: int) -> str:
    told = [f"about {needed:,} bytes are needed"] if needed else []
    with suppress(OSError):
        told.append(f"{shutil.disk_usage(path.parent).free:,} are free")
    return f" ({', '.join(told)})" if told else ""
