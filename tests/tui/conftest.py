"""What every test of the app needs: one time zone, and a cursor that does not blink."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import textual._wait
from textual.widgets import Input

GLANCE = 0.003


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show times in UTC, keep the cursor still, and take no setting from the surroundings."""
    monkeypatch.setenv("TZ", "UTC")
    for name in ("TMUX", "STY", "SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Input, "cursor_blink", False)
    # The pilot looks so often whether the app is idle; by itself it sleeps 20 ms, thrice a key.
    monkeypatch.setattr(textual._wait, "SLEEP_GRANULARITY", GLANCE)
    monkeypatch.setattr(textual._wait, "SLEEP_IDLE", GLANCE / 20)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
