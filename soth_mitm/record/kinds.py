"""The formats of files, by name and by how they begin."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final, Literal

from soth_mitm.errors import DumpError
from soth_mitm.text import printable

Format = Literal["soth", "har", "mitm", "jsonl"]

FORMATS: Final[tuple[Format, ...]] = ("soth", "har", "mitm", "jsonl")
MASKED: Final = frozenset({"har", "jsonl"})
"""Formats in which secrets are masked unless asked otherwise: they are for passing on."""

_SUFFIXES: Final[dict[str, Format]] = {
    ".soth": "soth", ".har": "har", ".zhar": "har", ".jsonl": "jsonl", ".ndjson": "jsonl", ".mitm": "mitm",
    ".mitmproxy": "mitm", ".flow": "mitm", ".flows": "mitm",
}  # fmt: skip
_PEEK: Final = 64


def format_of_name(path: Path) -> Format | None:
    """Return the format that a name stands for; `.gz` after it is looked through, but for `.soth`."""
    name = path.name.lower().removesuffix(".gz")
    found = next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)
    return None if found == "soth" and packing_of_name(path) else found


def packing_of_name(path: Path) -> str:
    """Return how a file of that name is compressed: `gzip`, `zlib`, or not at all."""
    name = path.name.lower()
    return "gzip" if name.endswith(".gz") else "zlib" if name.endswith(".zhar") else ""


def format_of_file(path: Path) -> Format:
    """Return the format of a file, by how it begins; a directory is one of segments.

    Raises:
        DumpError: it cannot be read, or is of none.
    """
    if path.is_dir():
        return "soth"
    named = format_of_name(path)
    try:
        with path.open("rb") as file:
            found = format_of_start(file.read(_PEEK))
            if found is None and named != "soth":
                file.seek(0)
                found = format_of_start(unpacked(file, printable(str(path))).read(_PEEK))
    except (OSError, EOFError, zlib.error) as error:
        raise DumpError(f"cannot read {printable(str(path))}: {_words(error)}") from error
    if found is None:
        # Damage at the beginning of a .soth is passed over by its reader, which also says what is none.
        found = named or "soth"
    if found == "jsonl":
        raise DumpError(
            f"{printable(str(path))} holds JSON lines, which other programs read and this one cannot; "
            "give the .soth, .har or mitmproxy file that they were made from"
        )
    return found


def format_of_start(data: bytes) -> Format | None:
    """Return the format of what begins so."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.startswith(b"\x89SOTH"):
        return "soth"
    if data.lstrip()[:1] == b"{":
        return "jsonl" if data.startswith(b'{"v":') else "har"
    digits = data.partition(b":")[0]
    return "mitm" if digits.isdigit() and len(digits) <= 12 and b":" in data else None


def unpacked(file: BinaryIO, name: str) -> BinaryIO:
    """Return what reads a file with its compression undone; it needs to be one that can seek."""
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if start[:4] == b"PK\x03\x04":
        return _zipped(file, name)
    if len(start) >= 2 and start[0] == 0x78 and (start[0] << 8 | start[1]) % 31 == 0:
        return io.BufferedReader(_Zlib(file))
    return file


def _zipped(file: BinaryIO, name: str) -> BinaryIO:
    try:
        archive = zipfile.ZipFile(file)
        members = [each for each in archive.infolist() if not each.is_dir()]
        if len(members) != 1:
            raise DumpError(f"{name} is an archive of {len(members)} files; take out the one to read")
        return archive.open(members[0])  # type: ignore[return-value]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DumpError(f"{name} is no archive that can be read: {error}") from error


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class _Zlib(io.RawIOBase):
    """A zlib stream, undone as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflater = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = len(buffer)
        while not self._inflater.eof:
            data = self._inflater.unconsumed_tail or self._file.read(64 * 1024)
            if not data:
                return 0
            try:
                out = self._inflater.decompress(data, size)
            except zlib.error as error:
                raise OSError(f"damaged: {error}") from error
            if out:
                buffer[: len(out)] = out
                return len(out)
        return 0
