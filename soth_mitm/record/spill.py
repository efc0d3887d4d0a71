"""The spill: a private directory that holds one run's segments until the run ends cleanly.

Each run has a directory of its own below the state directory, with a lock file that its
process holds. A directory whose process is gone is what a crash left: it is offered once, then removed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from soth_mitm.config import Limits, state_directory
from soth_mitm.errors import DumpError
from soth_mitm.record.format import SEGMENT_BYTES
from soth_mitm.record.lockfile import LockFile, is_abandoned
from soth_mitm.record.target import DirectoryTarget

FREE_SHARE = 10
"""The spill takes at most one part in this many of what was free on the disk when it began."""

LEAST_BYTES = 4 * 1024 * 1024
"""What the spill may take even where the disk is all but full."""

_LOCK = "lock"
_OFFERED = "offered"
_SEGMENTS = "*.soth"


class Spill:
    """The spill of this run; `target` is what its recorder writes to."""

    def __init__(self, path: Path, lock: LockFile, *, keep_bytes: int) -> None:
        self.path = path
        self._lock = lock
        self.keep_bytes = keep_bytes
        """Most bytes it may hold; the recorder drops its oldest segments above that."""
        self.segment_bytes = min(SEGMENT_BYTES, max(keep_bytes // 4, 1))
        self.target = DirectoryTarget(path)

    def close(self, *, delete: bool) -> None:
        """End the use of the directory, after the recorder was closed; remove it with `delete`.

        What is kept is not offered as crashed: the caller knows where it is.
        """
        self._lock.release()
        if delete:
            _remove(self.path)


class CrashedSpill(msgspec.Struct, frozen=True):
    """What a run left that did not end cleanly."""

    path: Path
    """A directory that a reader opens as it does a file."""
    run_id: str
    bytes: int
    last_write_ns: int
    """Nanoseconds since 1970 UTC of the last write."""

    def purge(self) -> None:
        """Remove it."""
        _remove(self.path)


def spill_root() -> Path:
    """Return the directory that holds the spills of all runs."""
    return state_directory() / "spill"


def open_spill(run_id: str, *, limits: Limits, root: Path | None = None) -> Spill:
    """Make the spill directory of a run, readable by its owner alone.

    Raises:
        DumpError: it cannot be made.
    """
    root = root or spill_root()
    path = root / run_id
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        root.chmod(0o700)
        path.mkdir(mode=0o700)
        lock = LockFile.take(path / _LOCK)
        free = shutil.disk_usage(path).free
    except OSError as error:
        raise DumpError(
            f"cannot make the spill directory {path}: {error.strerror or error}; "
            "make it writable, or keep the recording in memory with --no-spill"
        ) from error
    return Spill(path, lock, keep_bytes=min(limits.spill_bytes, max(free // FREE_SHARE, LEAST_BYTES)))


def find_crashed(root: Path | None = None) -> list[CrashedSpill]:
    """Return the spills of runs that are gone, the newest first; each is returned by one call only.

    What an earlier call returned and nobody purged is removed now. A directory that cannot be read
    or written is passed over.
    """
    root = root or spill_root()
    found: list[CrashedSpill] = []
    try:
        paths = [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return found
    for path in paths:
        try:
            crashed = _crashed(path)
        except OSError:
            continue
        if crashed is not None:
            found.append(crashed)
    return sorted(found, key=lambda each: each.last_write_ns, reverse=True)


def _crashed(path: Path) -> CrashedSpill | None:
    if not is_abandoned(path / _LOCK):
        return None
    sizes = [segment.stat() for segment in path.glob(_SEGMENTS)]
    total = sum(each.st_size for each in sizes)
    if (path / _OFFERED).exists() or not total:
        _remove(path)
        return None
    (path / _OFFERED).touch(mode=0o600)
    return CrashedSpill(path, path.name, total, max(each.st_mtime_ns for each in sizes))


def _remove(path: Path) -> None:
    """Remove a spill directory: the files of ours in it, then itself if nothing else is left."""
    for file in (*path.glob(_SEGMENTS), path / _LOCK, path / _OFFERED):
        file.unlink(missing_ok=True)
    if not any(path.iterdir()):
        path.rmdir()
