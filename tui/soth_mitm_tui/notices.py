"""What the proxy and the app's own files have to say, shown once, and a few at a time."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from soth_mitm.text import printable
from soth_mitm_tui.keymap import FILE as KEYS_FILE

if TYPE_CHECKING:
    from textual.notifications import Notification, Notifications, SeverityLevel

    from soth_mitm.record.session import NoticeLine
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.reading import Reading

MOST_NOTICES = 3
"""Notices in sight at a time; warnings and errors beyond it stay for as long as they are meant to."""

_SEVERITIES: Final[dict[str, SeverityLevel]] = {
    "info": "information",
    "warning": "warning",
    "error": "error",
}


class Notices:
    """Shows what is new."""

    def __init__(self, app: SothApp, reading: Reading | None) -> None:
        self._app, self._reading = app, reading
        self._remark = ""
        self._last: NoticeLine | None = None

    def begin(self) -> None:
        """Take what was said before as known, and say what is wrong with the keys."""
        self._last = next(reversed(self._app.store.index.session.notices), None)
        count = len(self._app.keymap.problems)
        if count:
            faults = "1 fault" if count == 1 else f"{count} faults"
            self._warn(f"{faults} in {KEYS_FILE}; ? lists them", 8)

    def show(self) -> None:
        """Show what is new: of the run, of the file that is read, of what the app remembers."""
        if self._reading is None:
            self._show_of_the_run()
        else:  # the notices of the recorded run were for whoever ran it
            remark = self._reading.remark
            if remark and remark != self._remark:
                self._warn(remark, 10)
            self._remark = remark
        notices = self._app.state.notices
        while notices:
            self._warn(notices.pop(0), 10)

    def _show_of_the_run(self) -> None:
        notices = self._app.store.index.session.notices
        if not notices or notices[-1] is self._last:
            return
        fresh = list(takewhile(lambda notice: notice is not self._last, reversed(notices)))
        self._last = notices[-1]
        for notice in reversed(fresh[:MOST_NOTICES]):
            severity = _SEVERITIES.get(notice.level, "warning")
            self._app.notify(printable(notice.text, 300), severity=severity, markup=False)

    def _warn(self, text: str, seconds: float) -> None:
        self._app.notify(text, severity="warning", markup=False, timeout=seconds)


def make_room(shown: Notifications, coming: Notification) -> None:
    """Take out what says the same as the one that comes, and what would be too many."""
    same = [notice for notice in shown if notice.message == coming.message]
    others = [notice for notice in shown if notice not in same]
    calm = [notice for notice in others if notice.severity == "information"]
    for notice in (*same, *calm[: max(0, len(others) + 1 - MOST_NOTICES)]):
        del shown[notice]
