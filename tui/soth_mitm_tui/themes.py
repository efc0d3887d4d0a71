"""The app's own two themes: one accent colour, three colours for states, the rest is grey."""

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
