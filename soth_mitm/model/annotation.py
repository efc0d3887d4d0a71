"""What a person says about a flow: a mark, a comment, a colour; how much of it, and how it is kept.

The text may be one's own or out of a foreign file: `changed` judges what is typed and says what is
wrong with it, `Annotation.of` makes whatever a file holds safe to show.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from soth_mitm.errors import SothError
from soth_mitm.model.events import Annotated
from soth_mitm.text import printable, printable_lines

MARK = "●"
"""The mark of who names none."""

MARK_CELLS = 16
"""Most cells of a terminal that a mark takes."""

COMMENT_LIMIT = 2000
"""Most characters of a comment."""

COLOURS = ("red", "yellow", "green", "blue", "magenta")
"""The colours a flow may be given."""

ANNOTATED_FLOWS = 10_000
"""Most flows of a run, or of a file, that have an annotation."""

_EMOJI_STYLE = "\ufe0f"


class AnnotationError(SothError):
    """A mark, a comment or a colour that cannot be used as it is."""


class Annotation(NamedTuple):
    """What is said about one flow; empty where nothing is. All text is safe to show."""

    mark: str = ""
    comment: str = ""
    """One or more lines."""
    colour: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing is said."""
        return self == NOTHING

    @property
    def line(self) -> str:
        """The comment on one line."""
        return self.comment.replace("\n", " ")

    @property
    def event(self) -> Annotated:
        """The event that says it."""
        return Annotated(*self)

    @classmethod
    def of(cls, body: Annotated) -> Annotation:
        """Return what an event says, cut and made safe where it comes from a foreign hand."""
        mark = printable(body.mark.replace(_EMOJI_STYLE, ""), MARK_CELLS)
        while cells(mark) > MARK_CELLS:
            mark = printable(mark[:-1])
        comment = "\n".join(printable_lines(body.comment[:COMMENT_LIMIT]))
        return cls(mark, comment, body.colour if body.colour in COLOURS else "")


NOTHING = Annotation()


def changed(
    before: Annotation, *, mark: str | None = None, comment: str | None = None, colour: str | None = None
) -> Annotation:
    """Return `before` with what is given: None leaves a part as it is, an empty text removes it.

    Raises:
        AnnotationError: a mark is too wide or does not print, a comment is too long, or there is no
            such colour.
    """
    return Annotation(
        before.mark if mark is None else _mark(mark),
        before.comment if comment is None else _comment(comment),
        before.colour if colour is None else _colour(colour),
    )


def cells(text: str) -> int:
    """Return how many cells of a terminal a printable text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _mark(text: str) -> str:
    mark = text.replace(_EMOJI_STYLE, "").strip()
    if printable(mark) != mark:
        raise AnnotationError(
            f"the mark {printable(mark, 40)} has characters that do not print; "
            "take a word, a sign or an emoji"
        )
    if cells(mark) > MARK_CELLS:
        raise AnnotationError(
            f"the mark {printable(mark, 40)} is {cells(mark)} cells wide and may be {MARK_CELLS}; "
            "what is longer can be a comment"
        )
    return mark


def _comment(text: str) -> str:
    comment = "\n".join(printable_lines(text.strip()))
    if len(comment) > COMMENT_LIMIT:
        raise AnnotationError(
            f"the comment has {len(comment):,} characters and may have {COMMENT_LIMIT:,}; shorten it"
        )
    return comment


def _colour(name: str) -> str:
    if name and name not in COLOURS:
        raise AnnotationError(f"there is no colour {printable(name, 40)} to give; take {', '.join(COLOURS)}")
    return name


class Annotations:
    """What is said about the flows of a run, at most `limit` of them."""

    def __init__(self, *, limit: int = ANNOTATED_FLOWS) -> None:
        self._limit = limit
        self._of: dict[int, Annotation] = {}

    def get(self, flow: int) -> Annotation:
        """Return what is said about a flow."""
        return self._of.get(flow, NOTHING)

    def check_room(self, flow: int) -> None:
        """Make sure that a flow can be annotated.

        Raises:
            AnnotationError: as many flows as may be are annotated already.
        """
        if flow not in self._of and len(self._of) >= self._limit:
            raise AnnotationError(
                f"cannot annotate flow {flow}: {self._limit:,} flows have a mark, a comment or a colour "
                "already; remove some first"
            )

    def put(self, flow: int, annotation: Annotation) -> int:
        """Note what is said about a flow; return the flow that is forgotten for it, 0 for none."""
        self._of.pop(flow, None)
        forgotten = 0
        if not annotation.empty:
            if len(self._of) >= self._limit:
                forgotten = next(iter(self._of))
                del self._of[forgotten]
            self._of[flow] = annotation
        return forgotten

    def drop(self, flow: int) -> None:
        """Forget what is said about a flow."""
        self._of.pop(flow, None)
