"""What every test of the app needs: one time zone, and a cursor that does not blink."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import textual._wait
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation
from textual.widgets import Input

GLANCE = 0.003

_parse_rules = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def parse_once(
    self: Stylesheet,
    css: str,
    read_from: CSSLocation,
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    """Parse a style sheet, or return what was parsed for an app before this one.

    A sheet that is parsed anew, after a change of the theme, reuses its rules in the same way, so they
    do not change. For an app that starts this is an eighth of the time.
    """
    variables = tuple(sorted(self._variables.items()))
    key = (variables, css, read_from, is_default_rules, tie_breaker, scope)
    if key not in _parsed:
        _parsed[key] = _parse_rules(self, css, read_from, is_default_rules, tie_breaker, scope)
    return _parsed[key]


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show times in UTC, keep the cursor still, and take no setting from the surroundings."""
    monkeypatch.setenv("TZ", "UTC")
    for name in ("TMUX", "STY", "SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Input, "cursor_blink", False)
    monkeypatch.setattr(Stylesheet, "_parse_rules", parse_once)
    # The pilot looks so often whether the app is idle; by itself it sleeps 20 ms, thrice a key.
    monkeypatch.setattr(textual._wait, "SLEEP_GRANULARITY", GLANCE)
    monkeypatch.setattr(textual._wait, "SLEEP_IDLE", GLANCE / 20)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
