"""A widget that fails alone: an error card in its place, and the proxy and the app go on."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textual.widget import Widget

from soth_mitm.text import printable
from soth_mitm_tui.lines import BLANK, Line, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.message import Message

_log = logging.getLogger("soth_mitm.app")


class Guarded(Widget):
    """Catches what its message handlers raise; `guard` does the same for what others call."""

    failure: Exception | None = None
    """What went wrong last; drawn as a card until `retry`."""
    title = "this pane"

    def fail(self, error: Exception) -> None:
        """Keep the error for the card, and log where it came from."""
        _log.error("%s failed", type(self).__name__, exc_info=error)
        self.failure = error
        self.refresh()

    def retry(self) -> None:
        """Forget the failure and draw again."""
        self.failure = None
        self.refresh()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn an exception in the block into this widget's error card."""
        try:
            yield
        except Exception as error:
            self.fail(error)

    async def _dispatch_message(self, message: Message) -> None:
        with self.guard():
            await super()._dispatch_message(message)


def failure_card(title: str, error: Exception) -> list[Line]:
    """Return the lines that stand in a failed pane."""
    return [
        BLANK,
        line(("  ✕ ", "bad"), (f"{title} could not be drawn", "strong")),
        line(("    ", "text"), (printable(f"{type(error).__name__}: {error}", 300), "muted"), indent=4),
        BLANK,
        line(
            ("    The proxy goes on, and so does the recording. Any key here tries again.", "text"), indent=4
        ),
    ]
