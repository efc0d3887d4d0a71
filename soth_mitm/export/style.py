"""Colours for lines on a terminal, made once: a line is joined from strings, never rendered anew."""

from __future__ import annotations

from typing import NamedTuple


class Tone(NamedTuple):
    """What a terminal is sent before and after a text."""

    on: str = ""
    off: str = ""

    def __call__(self, text: str) -> str:
        """Return `text` in this tone."""
        return f"{self.on}{text}{self.off}" if text else ""


class Palette(NamedTuple):
    """The tones of a line; without colour all are empty."""

    quiet: Tone = Tone()
    good: Tone = Tone()
    moved: Tone = Tone()
    wrong: Tone = Tone()
    failed: Tone = Tone()
    strong: Tone = Tone()
    field: Tone = Tone()
    colored: bool = False

    def of_status(self, status: int) -> Tone:
        """Return the tone of a status code."""
        if not status:
            return self.quiet
        if status >= 500:
            return self.failed
        if status >= 400:
            return self.wrong
        return self.moved if status >= 300 else self.good


def palette(*, color: bool) -> Palette:
    """Return the tones for a terminal, or those of plain text."""
    if not color:
        return Palette()
    from rich.style import Style

    def tone(definition: str) -> Tone:
        on, _, off = Style.parse(definition).render("\0").partition("\0")
        return Tone(on, off)

    return Palette(
        quiet=tone("dim"),
        good=tone("green"),
        moved=tone("cyan"),
        wrong=tone("yellow"),
        failed=tone("bold red"),
        strong=tone("bold"),
        field=tone("blue"),
        colored=True,
    )
