"""Private files: written so that nobody else can ever read them, read only if nobody else could.

The permission rules are POSIX. Windows has no mode bits; there the profile directory's access list
protects the files, and the checks of mode and owner do not apply.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

POSIX = os.name == "posix"

MAX_PEM = 65_536
"""Most bytes read from a key or certificate file; a real one has about 2 KiB."""


class KeyFileError(Exception):
    """A key or certificate file that must not or cannot be used; the text says why and what to do."""


def make_private_dir(path: Path) -> None:
    """Make `path` and its parents; `path` itself is 0700 from its first moment on if it is made here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)


def read_file(path: Path, *, private: bool) -> bytes:
    """Read a small file, refusing symbolic links of other users and, if `private`, a readable mode.

    The mode is that of the descriptor that is read, so the file cannot be swapped in between.
    """
    refuse_foreign_link(path)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyFileError(f"{path} is not a regular file")
            if private and POSIX and status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise KeyFileError(
                    f"{path} is open to other users (mode {mode:04o}), and whoever has it can forge any "
                    f"site for you; if you are sure that nobody copied it, run: chmod 600 {path}"
                )
            data = file.read(MAX_PEM + 1)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_PEM:
        raise KeyFileError(f"{path} is larger than {MAX_PEM} bytes, which no key or certificate is")
    return data


def refuse_foreign_link(path: Path) -> None:
    """Raise when `path` is a symbolic link that neither we nor root made."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode) and status.st_uid not in (os.geteuid(), 0):
            raise KeyFileError(
                f"{path} is a symbolic link made by another user (uid {status.st_uid}); remove it, "
                f"or point to the directory itself with --confdir"
            )


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write `data` to `path`, which must not exist, so that it appears whole or not at all.

    The data goes into a file beside it first, made with `mode` and never wider, and is on disk
    before the name exists. Raises `FileExistsError` when somebody else was first, else `OSError`.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
    try:
        with open(descriptor, "wb") as file:
            if POSIX:
                # The umask may have taken bits away that others need to read a certificate.
                os.chmod(draft, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Give `draft` its name without replacing anything."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some network mounts); the caller's lock guards this second best.
        if path.exists():
            raise FileExistsError(path) from None
        os.rename(draft, path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made if missing) against other processes and threads.

    Waits as long as another holder needs. The file stays; the system drops the lock with its
    process, so nothing is left behind by a crash.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
