"""Which file a request is answered from: never one outside of the folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

INDEX = "index.html"


def local_path(target: bytes, prefix: str) -> PurePosixPath | None:
    """Return the relative path that a request's target names under a prefix; None where it names none.

    `..`, whether written plainly or percent-encoded, NUL, a backslash and a drive's colon name nothing
    here: whoever asks for such a path does not want a file of the folder.
    """
    path = target.partition(b"?")[0].partition(b"#")[0]
    start = prefix.encode()
    if not path.startswith(start):
        return None
    rest = path[len(start) :]
    if start and not start.endswith(b"/") and rest[:1] not in (b"", b"/"):
        return None
    try:
        name = unquote_to_bytes(rest).decode()
    except UnicodeDecodeError:
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if any(part == ".." or "\\" in part or "\0" in part or ":" in part for part in parts):
        return None
    return PurePosixPath(*parts)


def file_in(folder: Path, relative: PurePosixPath) -> Path | None:
    """Return the file of a folder, its index for a directory; None where there is none inside of it.

    Symbolic links are followed, and one that leads out of the folder leads nowhere. Reads the disk.
    """
    try:
        top = folder.resolve(strict=True)
        there = top.joinpath(*relative.parts).resolve(strict=True)
        if there.is_dir():
            there = (there / INDEX).resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    return there if there.is_relative_to(top) and there.is_file() else None
