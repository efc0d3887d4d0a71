"""The app's own themes: one accent colour, three colours for states, the rest is grey."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="soth-dark",
    dark=True,
    primary="#7aa2f7",
    secondary="#7aa2f7",
    accent="#7aa2f7",
    foreground="#c8d0e0",
    background="#12141c",
    surface="#171a24",
    panel="#222635",
    success="#8cc98f",
    warning="#e0b06c",
    error="#ef7a85",
    variables={
        "soth-muted": "#818aa3",
        "soth-strong": "#f2f5fc",
        "soth-rule": "#343a4d",
        "soth-cursor": "#263152",
        "soth-selected": "#263152",
        "soth-cursor-style": "bold",
        "soth-magenta": "#3f2a4d",
        "soth-cursor-blur": "#1f2433",
        "soth-string": "#9fcaa2",
        "soth-number": "#e0b06c",
        "soth-key": "#9ab6f5",
        "scrollbar": "#343a4d",
        "scrollbar-hover": "#4a5370",
        "scrollbar-active": "#7aa2f7",
        "scrollbar-background": "#12141c",
        "scrollbar-background-hover": "#12141c",
        "scrollbar-background-active": "#12141c",
        "input-cursor-background": "#7aa2f7",
        "input-cursor-foreground": "#12141c",
        "block-cursor-background": "#263152",
        "block-cursor-foreground": "#f2f5fc",
        "block-cursor-text-style": "none",
    },
)

LIGHT: Final = Theme(
    name="soth-light",
    dark=False,
    primary="#2f5cc4",
    secondary="#2f5cc4",
    accent="#2f5cc4",
    foreground="#2b3040",
    background="#fbfbfd",
    surface="#f3f4f8",
    panel="#e6e8f0",
    success="#227a3b",
    warning="#8a5a00",
    error="#b3263a",
    variables={
        "soth-muted": "#666e84",
        "soth-strong": "#0b0e16",
        "soth-rule": "#c9cedb",
        "soth-cursor": "#d6e1fb",
        "soth-selected": "#d6e1fb",
        "soth-cursor-style": "bold",
        "soth-magenta": "#f1ddf6",
        "soth-cursor-blur": "#e9ecf4",
        "soth-string": "#227a3b",
        "soth-number": "#8a5a00",
        "soth-key": "#2f5cc4",
        "scrollbar": "#c9cedb",
        "scrollbar-hover": "#a8b0c4",
        "scrollbar-active": "#2f5cc4",
        "scrollbar-background": "#fbfbfd",
        "scrollbar-background-hover": "#fbfbfd",
        "scrollbar-background-active": "#fbfbfd",
        "input-cursor-background": "#2f5cc4",
        "input-cursor-foreground": "#fbfbfd",
        "block-cursor-background": "#d6e1fb",
        "block-cursor-foreground": "#0b0e16",
        "block-cursor-text-style": "none",
    },
)

CONTRAST: Final = Theme(
    name="soth-contrast",
    dark=True,
    primary="#6fd3ff",
    secondary="#6fd3ff",
    accent="#6fd3ff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#262626",
    success="#5dff7b",
    warning="#ffd75e",
    error="#ff8f8f",
    variables={
        "soth-muted": "#c6c6c6",
        "soth-strong": "#ffffff",
        "soth-rule": "#9e9e9e",
        "soth-cursor": "#00407a",
        "soth-selected": "#00407a",
        "soth-cursor-style": "bold",
        "soth-magenta": "#5b1a66",
        "soth-cursor-blur": "#303030",
        "soth-string": "#8dff9e",
        "soth-number": "#ffd75e",
        "soth-key": "#9fe2ff",
        "scrollbar": "#9e9e9e",
        "scrollbar-hover": "#ffffff",
        "scrollbar-active": "#6fd3ff",
        "scrollbar-background": "#000000",
        "scrollbar-background-hover": "#000000",
        "scrollbar-background-active": "#000000",
        "input-cursor-background": "#6fd3ff",
        "input-cursor-foreground": "#000000",
        "block-cursor-background": "#00407a",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
    },
)

ANSI: Final = Theme(
    name="soth-ansi",
    ansi=True,
    dark=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    variables={
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "soth-muted": "ansi_default",
        "soth-strong": "ansi_default",
        "soth-rule": "ansi_bright_black",
        # Whatever the terminal's colours are, a reversed line is as easy to read as the others.
        "soth-cursor": "ansi_default",
        "soth-cursor-style": "bold reverse",
        "soth-selected": "ansi_blue",
        "soth-magenta": "ansi_magenta",
        "soth-cursor-blur": "ansi_black",
        "soth-string": "ansi_green",
        "soth-number": "ansi_yellow",
        "soth-key": "ansi_cyan",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_white",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "input-cursor-background": "ansi_cyan",
        "input-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_blue",
        "block-cursor-foreground": "ansi_bright_white",
        "block-cursor-text-style": "none",
    },
)
"""The sixteen colours of the terminal itself, for terminals with no more, or with a palette one likes."""

THEMES: Final = (DARK, LIGHT, CONTRAST, ANSI)
"""In the order in which they follow on one another."""

NAMES: Final = {
    DARK.name: "dark",
    LIGHT.name: "light",
    CONTRAST.name: "high contrast",
    ANSI.name: "the terminal's own colours",
}


def following(name: str, *, no_color: bool) -> Theme:
    """Return the theme after the one called `name`.

    Without colour the terminal's own are left out: Textual has settled then how it draws without
    colour, and would draw black on black.
    """
    themes = [theme for theme in THEMES if not (no_color and theme.ansi)]
    names = [theme.name for theme in themes]
    return themes[(names.index(name) + 1) % len(themes)] if name in names else themes[0]
