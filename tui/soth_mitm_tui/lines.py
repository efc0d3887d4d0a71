"""Lines of toned text: what a pane shows, before a theme gives it colours.

A tone names a meaning (`bad`, `muted`, `key`), never a colour. Text in a span is display text: it
has come through `soth_mitm.text.printable`, or is the app's own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

Span = tuple[str, str]
"""Text and its tone."""

TONES: Final = (
    "text",
    "muted",
    "strong",
    "accent",
    "good",
    "warn",
    "bad",
    "key",
    "string",
    "number",
    "word",
    "heading",
    "rule",
)
"""Every tone; a widget that shows lines has one component style for each, `tone--<name>`."""

TONE_CLASSES: Final = frozenset(f"tone--{tone}" for tone in TONES)


class Line(NamedTuple):
    """One line of spans; what does not fit the width goes on below, `indent` cells from the left."""

    spans: tuple[Span, ...] = ()
    indent: int = 0

    @property
    def text(self) -> str:
        """The line without its tones."""
        return "".join(text for text, _ in self.spans)


BLANK = Line()


def line(*spans: Span | str, indent: int = 0) -> Line:
    """Make a line; a bare string is a span of plain text."""
    return Line(tuple((span, "text") if isinstance(span, str) else span for span in spans), indent)


def heading(title: str, note: str = "") -> Line:
    """Make the line that opens a section."""
    return line((f" {title}", "heading"), (f"  {note}" if note else "", "muted"), indent=2)


def fact(name: str, *value: Span | str, width: int = 12) -> Line:
    """Make a line of a name and its value, aligned with its neighbours."""
    rest = line(*value).spans
    return Line(((f"  {name:<{width}} ", "muted"), *rest), width + 3)
