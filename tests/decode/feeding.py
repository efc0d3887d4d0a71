"""Views fed in one piece, in many, and cut off, for the tests of all of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from soth_mitm.decode.views import NotThis, ReadAs, View
from soth_mitm.text import printable


def text_of(view: View, pieces: Iterable[bytes], *, ended: bool = True) -> str:
    """Return all that a view says; `ended` says that the last piece is the end of the body."""
    out = []
    pieces = list(pieces) or [b""]
    for number, piece in enumerate(pieces):
        out.append(view.feed(piece, final=ended and number == len(pieces) - 1))
        while view.busy:
            out.append(view.go_on())
    if not ended:
        out.append(view.stop())
        while view.busy:
            out.append(view.go_on())
    return "".join(out)


def lines_of(view: View, data: bytes) -> list[str]:
    """Return the lines of a whole body."""
    return text_of(view, [data]).split("\n")


def outcome(make: Callable[[], View], pieces: list[bytes], *, ended: bool = True) -> tuple[object, ...]:
    """Return what is shown, what is wrong, and what can be folded; or why the view is not for this."""
    view = make()
    try:
        text = text_of(view, pieces, ended=ended)
    except (NotThis, ReadAs) as error:
        return type(error).__name__, str(error)
    for line in text.split("\n"):
        assert printable(line) == line
    assert printable(view.error) == view.error
    folds = view.folds
    if folds is None:
        return text, view.error
    lines = text.count("\n")
    assert list(folds.opens) == sorted(folds.opens)
    for opens, ends in zip(folds.opens, folds.ends, strict=True):
        assert opens <= lines
        assert not ends or opens <= ends <= lines
    return text, view.error, list(folds.opens), list(folds.ends), list(folds.counts), list(folds.parents)


def cut_at(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return data in pieces."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(edges)]
