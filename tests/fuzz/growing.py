"""Adds inputs to a corpus that reach lines of the readers which none of the kept ones reaches.

For a person who looks at what was found before it is committed: `python -m tests.fuzz --grow`.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import soth_mitm.decode
import soth_mitm.proto
from tests.fuzz.running import CORPORA, check, corpus, inputs

READERS = tuple(str(Path(str(package.__file__)).parent) for package in (soth_mitm.proto, soth_mitm.decode))
Lines = frozenset[tuple[str, int]]


def lines_of(run: Callable[[], object]) -> Lines:
    """Return the lines of the readers that a call goes through."""
    found: set[tuple[str, int]] = set()

    def inside(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - that is what sys.settrace takes
        found.add((frame.f_code.co_filename, frame.f_lineno))
        return inside

    def entered(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401
        return inside if frame.f_code.co_filename.startswith(READERS) else None

    sys.settrace(entered)
    try:
        run()
    finally:
        sys.settrace(None)
    return frozenset(found)


def shortened(data: bytes, holds: Callable[[bytes], bool]) -> bytes:
    """Leave out what can be left out, in ever smaller pieces."""
    size = max(1, len(data) // 2)
    while size:
        at = 0
        while at < len(data):
            without = data[:at] + data[at + size :]
            if holds(without):
                data = without
            else:
                at += size
        size //= 2
    return data


def grow(name: str, *, seed: int, seconds: float) -> list[str]:
    """Look for so long; return the names of the files that were added.

    Raises:
        Failure: an input was found that the target fails on.
    """

    def reached(data: bytes, cuts: list[int]) -> Lines:
        return lines_of(lambda: check(name, data, cuts, keep=True))

    known: Lines = frozenset()
    for _, data in corpus(name):
        known |= reached(data, []) | reached(data, list(range(min(len(data), 200))))
    added, deadline = [], time.monotonic() + seconds
    for data, cuts in inputs(name, seed):
        if time.monotonic() >= deadline:
            break
        new = reached(data, []) - known
        if not new:
            continue
        kept = shortened(data, lambda piece, new=new: new <= reached(piece, []))  # type: ignore[misc]
        path = CORPORA / name / f"grown_{hashlib.sha256(kept).hexdigest()[:12]}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(kept)
        known |= reached(kept, []) | reached(data, cuts)
        added.append(path.name)
    return added
