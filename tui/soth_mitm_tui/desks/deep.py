"""Asking heads and bodies for the filter, in another process, while the list goes on."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from soth_mitm.policy.filters import Scope
from soth_mitm.record.deep import DeepSearch, WorkerError
from soth_mitm.text import printable

if TYPE_CHECKING:
    from textual.timer import Timer
    from textual.worker import Worker

    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.deepfilter import DeepFilter

PAUSE: Final = 0.12
"""Seconds without a keypress after which a search begins."""

AT_ONCE: Final = 1024
"""Flows of one search; flows that come meanwhile are asked after it."""


class DeepRun:
    """Runs the search of one `DeepFilter` at a time."""

    def __init__(self, app: SothApp) -> None:
        self._app = app
        self._search: DeepSearch | None = None
        self._wanted: DeepFilter | None = None
        self._timer: Timer | None = None
        self._job: Worker[None] | None = None
        self._failure = ""

    @property
    def search(self) -> DeepSearch:
        """What asks; its process starts with the first question."""
        if self._search is None:
            self._search = DeepSearch(self._app.store, limits=self._app.config.limits)
        return self._search

    @property
    def running(self) -> bool:
        """Whether anything is being asked, or will be in a moment."""
        wanted = self._wanted
        if wanted is None or wanted.stopped or self._failure:
            return False
        return self._job is not None or self._timer is not None or wanted.pending > 0

    def set(self, wanted: DeepFilter | None) -> None:
        """Search for another filter, or for none."""
        self._leave_off()
        self._wanted, self._failure = wanted, ""
        if wanted is not None:
            self._timer = self._app.set_timer(PAUSE, self._begin)

    def _leave_off(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        if self._job is not None:
            self._job.cancel()
        self._timer = self._job = None

    def cancel(self) -> bool:
        """Stop a search that runs; what was found stays. Return False where none runs."""
        if not self.running or self._wanted is None:
            return False
        self._wanted.stop()
        self._leave_off()
        return True

    def go_on(self) -> None:
        """Ask about flows that have come or ended since."""
        wanted = self._wanted
        if wanted is not None and wanted.pending and self._timer is None and self._job is None:
            self._begin()

    def _begin(self) -> None:
        self._timer = None
        wanted = self._wanted
        if wanted is not None and not wanted.stopped and not self._failure:
            self._job = self._app.run_worker(self._run(wanted), exit_on_error=False)

    async def _run(self, wanted: DeepFilter) -> None:
        try:
            while wanted is self._wanted and (flows := wanted.take(AT_ONCE)):
                async with aclosing(self.search.search(flows, wanted.filter.deep)) as stream:
                    async for progress in stream:
                        if wanted is not self._wanted or wanted.stopped:
                            return
                        changed = wanted.learn(progress.found, self._app.main.model.row_of)
                        if changed:
                            self._app.main.list.judge(changed)
                        self._app.filtering.refresh_verdict()
                wanted.forget(flows)
        except WorkerError as error:
            self._failure = printable(str(error), 120)
        finally:
            if wanted is self._wanted:
                self._job = None
                self._app.filtering.refresh_verdict()

    def words(self, *, scanning: bool) -> tuple[str, str] | None:
        """Return what to say about the search, and in which tone; None where the filter asks no bytes."""
        wanted = self._wanted
        if wanted is None:
            return None
        if self._failure:
            return f"✕ {self._failure}", "bad"
        scopes = {term.scope for term in wanted.filter.deep}
        what = "headers" if scopes == {Scope.HEADER} else "bodies"
        counts = f"{wanted.answered:,} of {wanted.asked:,} · {wanted.found:,} found"
        if wanted.stopped:
            return f"stopped · {counts}", "muted"
        if self.running or scanning:
            return f"searching {what} · {counts} · esc cancels", "good"
        model = self._app.main.model
        return f"valid · {model.matching:,} of {model.total:,}", "good"

    def close(self) -> None:
        """End the process."""
        self._leave_off()
        if self._search is not None:
            self._search.close()
