"""Lines of toned text: what a pane shows, before a theme gives it colours.

A tone names a meaning (`bad`, `muted`, `key`), never a colour. Text in a span is display text: it
has come through `soth_mitm.text.printable`, or is the app's own.
"""

from __future__ import annotations

from typing import NamedTuple

Span = tuple[str, str]
"""Text and its tone, one of `tones.TONES`."""


class Subject(NamedTuple):
    """What a line is about, for whoever copies it, filters by it or folds it."""

    what: str
    """Its name, as a sentence may begin with it."""
    value: str
    """The whole value, nothing masked; display text."""
    filter: str = ""
    """The filter expression for all flows that have the same; empty where there is none."""
    fold: str = ""
    """The name of what enter opens or closes here; empty where there is nothing."""


class Line(NamedTuple):
    """One line of spans; what does not fit the width goes on below, `indent` cells from the left."""

    spans: tuple[Span, ...] = ()
    indent: int = 0
    subject: Subject | None = None
    goes_on: bool = False
    """The next line is the rest of this one: there is no line end between them."""
    words: bool = True
    """Rows end between words where they can."""

    @property
    def text(self) -> str:
        """The line without its tones."""
        return "".join(text for text, _ in self.spans)

    @property
    def lead(self) -> int:
        """How many characters at the beginning are room, not text: they are neither copied nor searched."""
        first = self.spans[0][0] if self.spans else ""
        return 2 if first[:2] in ("  ", "▸ ", "▾ ") else 1 if first[:1] == " " else 0


BLANK = Line()


def line(*spans: Span | str, indent: int = 0) -> Line:
    """Make a line; a bare string is a span of plain text."""
    return Line(tuple((span, "text") if isinstance(span, str) else span for span in spans), indent)


def heading(title: str, note: str = "") -> Line:
    """Make the line that opens a section."""
    return line((f" {title}", "heading"), (f"  {note}" if note else "", "muted"), indent=2)


def fact(name: str, *value: Span | str, width: int = 12, copy: str = "", filter: str = "") -> Line:  # noqa: A002 - what it is
    """Make a line of a name and its value, aligned with its neighbours.

    `copy` is the value that is copied, where it is not what is shown; `filter` finds its like.
    """
    rest = line(*value).spans
    about = Subject(name, copy or "".join(text for text, _ in rest), filter)
    return Line(((f"  {name:<{width}} ", "muted"), *rest), width + 3, about)
