"""The tones in which text is drawn, as styles of the theme in force.

They belong to the app, not to its widgets: as component styles, Textual would work a dozen of them out
anew for every widget, each time a class or the focus changes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import App

TONES: Final = {
    "text": "foreground",
    "muted": "soth-muted",
    "strong": "soth-strong",
    "accent": "accent",
    "good": "success",
    "warn": "warning",
    "bad": "error",
    "key": "soth-key",
    "string": "soth-string",
    "number": "soth-number",
    "word": "soth-number",
    "heading": "soth-strong",
    "rule": "soth-rule",
    "gone": "error",
    "came": "success",
}
"""Every tone, and the variable of the theme that has its colour."""

_BOLD: Final = frozenset({"strong", "heading", "gone", "came"})
_THEMES: Final = 16
_COLOURS: Final = 4096
"""Pairs of pixels, one over the other, whose style is kept: those of some pictures."""


@lru_cache(_COLOURS)
def pixel_style(tone: str, base: Style) -> Style:
    """Return the style of a tone that is no meaning but the colours of pixels.

    `#112233` lies on `base`, `#112233 #445566` fills its cells.
    """
    above, _, below = tone.partition(" ")
    return Style.from_color(_colour(above), _colour(below) if below else base.bgcolor)


@lru_cache(_COLOURS)
def _colour(digits: str) -> RichColor:
    red, green, blue = bytes.fromhex(digits[1:])
    return RichColor.from_rgb(red, green, blue)


def tone_styles(app: App[object]) -> Mapping[str, Style]:
    """Return the style of each tone in the theme in force; to be laid over that of the ground."""
    variables = app.theme_variables
    return _styles(tuple(variables[name] for name in TONES.values()), app.current_theme.ansi)


@lru_cache(_THEMES)
def _styles(colours: tuple[str, ...], ansi: bool) -> Mapping[str, Style]:
    styles = {
        tone: Style(
            color=Color.parse(colour).rich_color,
            bold=True if tone in _BOLD else None,
            italic=True if tone == "word" else None,
        )
        for tone, colour in zip(TONES, colours, strict=True)
    }
    if ansi:  # sixteen colours have no grey that reads on every ground
        styles["muted"] += Style(dim=True)
    return styles
