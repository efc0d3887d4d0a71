"""A lock file that the system lets go of when its process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class LockFile:
    """A lock held from `take` to `release`; the file holds the number of the process."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def take(cls, path: Path) -> LockFile:
        """Create the file and lock it; raises OSError where it exists."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if not _lock(fd):
                raise FileExistsError(f"{path} was locked by another process while it was made")
            # Written only now: who finds the file empty knows that its lock may still be taken.
            os.write(fd, f"{os.getpid()}\n".encode())
        except OSError:
            os.close(fd)
            raise
        return cls(path, fd)

    def release(self) -> None:
        """Unlock and remove the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.path.unlink(missing_ok=True)


def is_abandoned(path: Path) -> bool:
    """Say whether a lock was taken by a process that is gone; raises OSError where there is none."""
    fd = os.open(path, os.O_RDWR)
    try:
        return os.fstat(fd).st_size > 0 and _lock(fd)
    finally:
        os.close(fd)


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> bool:
        # A byte far behind the text: Windows would keep others from reading the locked part.
        os.lseek(fd, 1024, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
