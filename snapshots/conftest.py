"""Pictures of the app must not depend on the machine, the hour, or a blinking cursor."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import textual._wait
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped]
from syrupy.assertion import SnapshotAssertion
from textual.css.stylesheet import Stylesheet
from textual.widgets import Input

from tests.tui.conftest import GLANCE, parse_once


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show times in UTC, keep the cursor still, and take no setting from the surroundings."""
    monkeypatch.setenv("TZ", "UTC")
    for name in ("TMUX", "SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Input, "cursor_blink", False)
    monkeypatch.setattr(Stylesheet, "_parse_rules", parse_once)
    monkeypatch.setattr(textual._wait, "SLEEP_GRANULARITY", GLANCE)
    monkeypatch.setattr(textual._wait, "SLEEP_IDLE", GLANCE / 20)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """The picture of this name in `__snapshots__`."""
    return snapshot.use_extension(SVGImageExtension)
