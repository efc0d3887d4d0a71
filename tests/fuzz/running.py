"""Runs a target over its corpus and over inputs made of it, and keeps what it fails on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.decoding import DECODING, known
from tests.fuzz.mutating import Mutator
from tests.fuzz.targets import TARGETS

ALL = {**TARGETS, **DECODING}
"""Every target, by name."""

CORPORA = Path(__file__).parent / "corpora"


class Failure(AssertionError):
    """A target does not hold for an input, which has been kept."""


def corpus(name: str) -> list[tuple[str, bytes]]:
    """Return the kept inputs of a target, by name."""
    return [(path.name, path.read_bytes()) for path in sorted((CORPORA / name).glob("*"))]


def check(name: str, data: bytes, cuts: list[int], *, keep: bool = False) -> None:
    """Run a target on one input.

    Raises:
        Failure: it fails; with `keep`, the input is a file of the corpus from now on.
    """
    try:
        ALL[name](data, cuts)
    except BaseException as error:
        where = ""
        if keep:
            path = CORPORA / name / f"failed_{hashlib.sha256(data).hexdigest()[:12]}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            where = f"; kept as {path}"
        raise Failure(f"{name} fails on {data[:200]!r} cut at {cuts}: {error!r}{where}") from error


def inputs(name: str, seed: int) -> Iterator[tuple[bytes, list[int]]]:
    """Yield inputs of a target and where to cut them, for ever; the same for the same seed."""
    mutator, bodies = Mutator(seed), [data for _, data in corpus(name)]
    bodies += known(name) if name in DECODING else []
    while True:
        data = mutator.made_of(bodies)
        yield data, mutator.places(len(data))


def fuzz(name: str, *, seed: int, rounds: int = 0, seconds: float = 0.0) -> int:
    """Fuzz a target for so many rounds or seconds; return how many rounds it were.

    Raises:
        Failure: an input was found that it fails on.
    """
    done, deadline = 0, time.monotonic() + seconds
    for data, cuts in inputs(name, seed):
        if done >= rounds and time.monotonic() >= deadline:
            return done
        check(name, data, cuts, keep=bool(seconds))
        done += 1
    return done
