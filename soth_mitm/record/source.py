"""Where a reader's bytes come from: one file, a directory of segment files in order, or a stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from soth_mitm.errors import DumpError
from soth_mitm.record.scan import Scanner

READ_BYTES = 1024 * 1024
"""How much is asked of a file or a stream at a time."""


class Source:
    """Feeds a scanner from the current file; `next_file` moves on to the next, with a new scanner."""

    def __init__(self, source: Path | BinaryIO, name: str) -> None:
        self.name = name
        """For messages: the current file, or what the caller calls the stream."""
        self.scanner = Scanner()
        self.path: Path | None = None
        self.read_bytes = 0
        """Bytes read so far, over all files."""
        self._directory: Path | None = None
        self._file: BinaryIO | None = None
        if not isinstance(source, Path):
            self._read: Callable[[int], bytes] = getattr(source, "read1", source.read)
        elif source.is_dir():
            self._directory = source
            self._read = _nothing
            self.next_file()
        else:
            self._open(source)

    @property
    def is_directory(self) -> bool:
        """Whether there may be several files."""
        return self._directory is not None

    def feed(self) -> bool:
        """Give the scanner the next bytes; False at the end of the current file."""
        try:
            data = self._read(READ_BYTES)
        except (OSError, ValueError) as error:
            raise DumpError(f"cannot read {self.name} at offset {self.scanner.offset:,}: {error}") from error
        if not data:
            return False
        self.read_bytes += len(data)
        self.scanner.feed(data)
        return True

    def next_path(self) -> Path | None:
        """Return the file that follows the current one in the directory, if it is there by now."""
        if self._directory is None:
            return None
        after = self.path.name if self.path is not None else ""
        names = (path for path in self._directory.glob("*.soth") if path.name > after)
        return min(names, default=None)

    def next_file(self) -> bool:
        """Go on to the next file of the directory; False where there is none."""
        while (path := self.next_path()) is not None:
            self.scanner = Scanner()
            self.path = path
            try:
                self._open(path)
            except DumpError as error:
                # Retention may remove the oldest segment between the listing and the opening.
                if isinstance(error.__cause__, FileNotFoundError):
                    continue
                raise
            return True
        return False

    def skip_to(self, offset: int) -> None:
        """Go on at an offset of the current file, with a new scanner."""
        assert self._file is not None, "a stream cannot be skipped in"
        try:
            self._file.seek(offset)
        except OSError as error:
            raise DumpError(f"cannot read {self.name} at offset {offset:,}: {error}") from error
        self.scanner = Scanner(offset)

    @property
    def fileno(self) -> int:
        """The descriptor of the current file; -1 for a stream."""
        return self._file.fileno() if self._file is not None else -1

    def close(self) -> None:
        """Close the current file; a stream is left to its owner."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._read = _nothing

    def _open(self, path: Path) -> None:
        self.close()
        self.path = path
        self.name = str(path)
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise DumpError(f"cannot open {path}: {error.strerror or error}") from error
        self._read = self._file.read


def _nothing(_: int) -> bytes:
    return b""
