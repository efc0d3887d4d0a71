"""What a person has done to the rows of an index: annotated some, and taken others out of the list.

Neither changes a packed row; both lie beside the pages, and go when their rows go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from soth_mitm.model.annotation import Annotation, Annotations
from soth_mitm.record.bodies import NO_BLOCK

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row


class Remarks:
    """Annotations and hidden flows of one index, by flow. Belongs under the index's lock."""

    __slots__ = ("_annotations", "_blocks", "hidden")

    def __init__(self) -> None:
        self._annotations = Annotations()
        self._blocks: dict[int, int] = {}
        self.hidden: set[int] = set()
        """Flows that the list leaves out; they go with their rows."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._blocks or self.hidden)

    def annotation(self, flow: int) -> Annotation:
        """Return what is said about a flow."""
        return self._annotations.get(flow)

    def annotated(self) -> list[int]:
        """Return the flows that something is said about."""
        return [flow for flow in self._blocks if not self._annotations.get(flow).empty]

    def check_room(self, flow: int) -> None:
        """See `Annotations.check_room`."""
        self._annotations.check_room(flow)

    def annotate(self, flow: int, annotation: Annotation, block: int) -> None:
        """Note what is said about a flow, by an event in `block`; `NO_BLOCK` where it is not stored.

        Beyond the limit the oldest is forgotten. That nothing is said any more has its block as well.
        """
        forgotten = self._annotations.put(flow, annotation)
        if forgotten:
            self._blocks.pop(forgotten, None)
        self._blocks[flow] = block

    @property
    def said(self) -> Collection[int]:
        """The flows that something is, or was, said about."""
        return self._blocks.keys()

    def block_of(self, flow: int) -> int:
        """Return the block of the last annotation of a flow; `NO_BLOCK` where none was stored."""
        return self._blocks.get(flow, NO_BLOCK)

    def unstored(self) -> dict[int, Annotation]:
        """Return the annotations, the removed ones too, that no block holds."""
        return {
            flow: self._annotations.get(flow) for flow, block in self._blocks.items() if block == NO_BLOCK
        }

    def show_on(self, row: Row) -> Row:
        """Write what is said about a flow on its row; return the row."""
        if row.flow in self._blocks:
            write(row, self._annotations.get(row.flow))
        return row

    def drop(self, flow: int) -> None:
        """Forget a flow."""
        self._annotations.drop(flow)
        self._blocks.pop(flow, None)
        self.hidden.discard(flow)

    def hide(self, flows: Iterable[int]) -> set[int]:
        """Leave flows out of the list; return those that were in it."""
        new = set(flows) - self.hidden
        self.hidden |= new
        return new

    def unhide(self, flows: Iterable[int]) -> set[int]:
        """Put flows back into the list; return those that were not in it."""
        back = self.hidden.intersection(flows)
        self.hidden -= back
        return back


def write(row: Row, annotation: Annotation) -> None:
    """Write an annotation on a row."""
    row.mark, row.comment, row.colour = annotation.mark, annotation.line, annotation.colour
