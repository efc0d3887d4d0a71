"""The four sets of colours: readable, complete, remembered, and safe without colour."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from textual.color import Color
from textual.theme import Theme

from soth_mitm_tui.state import State
from soth_mitm_tui.themes import ANSI, CONTRAST, DARK, LIGHT, NAMES, THEMES, following
from tests.tui.stage import stage

TRUE_COLOURS = [DARK, LIGHT, CONTRAST]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, 1.4.3)."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [value / 255 for value in Color.parse(colour).rgb]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", TRUE_COLOURS, ids=lambda theme: theme.name)
def test_every_text_can_be_read_on_every_ground(theme: Theme) -> None:
    variables = theme.variables
    texts = [theme.foreground, theme.accent, theme.success, theme.warning, theme.error]
    texts += [variables[f"soth-{name}"] for name in ("muted", "strong", "string", "number", "key")]
    grounds = [theme.background, theme.surface, variables["soth-cursor"], variables["soth-cursor-blur"]]
    least = 7.0 if theme is CONTRAST else 3.5
    for text in texts:
        for ground in grounds:
            assert text is not None
            assert ground is not None
            wanted = least if ground in grounds[:2] else 3.0
            assert contrast(text, ground) >= wanted, (text, ground)


def test_every_theme_has_every_variable() -> None:
    for theme in THEMES:
        assert {name for name in theme.variables if name.startswith("soth-")} == {
            name for name in DARK.variables if name.startswith("soth-")
        }, theme.name
        assert theme.name in NAMES


def test_the_key_goes_round_all_of_them() -> None:
    names = [DARK.name]
    for _ in THEMES:
        names.append(following(names[-1], no_color=False).name)
    assert set(names) == {theme.name for theme in THEMES}
    assert names[-1] == DARK.name
    assert all(before != after for before, after in pairwise(names))


async def test_without_colour_the_terminals_own_colours_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    state = State()
    state.set("look", "theme", ANSI.name)
    async with stage(state=state) as staged:
        assert staged.app.theme == DARK.name
        for _ in THEMES:
            await staged.press("ctrl+t")
            assert staged.app.theme != ANSI.name


async def test_the_sixteen_colours_are_all_that_the_ansi_theme_sends() -> None:
    state = State()
    state.set("look", "theme", ANSI.name)
    async with stage(state=state) as staged:
        await staged.press("j", "j", "3")
        for strip in staged.app.screen._compositor.render_strips():
            for segment in strip:
                style = segment.style
                for colour in (style.color, style.bgcolor) if style is not None else ():
                    assert colour is None or not re.match("#", colour.name), (segment.text, colour)
