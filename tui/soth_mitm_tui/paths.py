"""Paths as a person types them: `~` is the home directory, and what is typed can be completed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

_MOST_ENTRIES: Final = 5000
"""Entries of a directory that a completion looks at."""


class Completed(NamedTuple):
    """What a completion made of a path."""

    text: str
    others: tuple[str, ...] = ()
    """Where more than one entry fits, their names; the text then has what they share."""


def full(text: str) -> Path:
    """Return the path that a text stands for.

    Raises:
        ValueError: there is none; the message says why.
    """
    text = text.strip()
    if not text:
        raise ValueError("type the name of a file")
    if "\0" in text:
        raise ValueError("a name cannot hold a zero byte")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{text.split('/')[0]}: there is no such home directory") from error
    return path if path.is_absolute() else Path.cwd() / path


def trouble_with(path: Path) -> str:
    """Say why no file can be written at a path, as far as that is plain before; empty where it can."""
    try:
        folder = path.parent
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            return f"the directory {folder} {what}; create it, or take another"
        if path.is_dir():
            return f"{path} is a directory; add a name for the file"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"you may not write in {folder}; take another directory"
        if path.exists() and not os.access(path, os.W_OK):
            return f"{path} may not be overwritten by you; take another name"
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    return ""


def complete(text: str) -> Completed:
    """Complete the last part of a path; directories get their slash."""
    head, slash, tail = text.rpartition("/")
    try:
        folder = full(f"{head}{slash}") if slash else Path.cwd()
        names = []
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number == _MOST_ENTRIES:
                    break
                if entry.name.startswith(tail) and (tail.startswith(".") or not entry.name.startswith(".")):
                    names.append(f"{entry.name}/" if entry.is_dir() else entry.name)
    except (OSError, ValueError):
        return Completed(text)
    if not names:
        return Completed(text)
    shared = os.path.commonprefix(names)  # noqa: RUF071 - names, not paths
    return Completed(f"{head}{slash}{shared}", tuple(sorted(names)) if len(names) > 1 else ())
