"""The screens about the run as a whole: overview, event log, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.text import printable
from soth_mitm_tui.counting import Counting
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.pages.checks import check_entries
from soth_mitm_tui.pages.limits import NOTHING_USED, Kept, limit_entries
from soth_mitm_tui.pages.log import LEVELS, log_entries
from soth_mitm_tui.pages.overview import ORDERS, overview_entries
from soth_mitm_tui.screens.page import PageScreen
from soth_mitm_tui.screens.prompt import PromptScreen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm.model.checks import Check
    from soth_mitm.policy.learning import Learned
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.widgets.page import Entry


class Run(Desk):
    """Opens the pages, and fills them with what the record knows."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._counting: Counting | None = None
        self._level, self._text = 0, ""
        self._order = next(iter(ORDERS))
        self._passed: tuple[tuple[Learned, float], ...] = ()
        self._usage = NOTHING_USED
        self.deeds = {
            "app.overview": self._overview,
            "app.log": self._log,
            "app.limits": self._limits,
            "app.doctor": self._doctor,
            "page.level": self._next_level,
            "page.find": self._find,
            "page.sort": self._next_order,
        }

    def reason_against(self, action_id: str) -> str:
        """Say where the level has no meaning."""
        if action_id == "page.level" and not self._on("log"):
            return "Only the event log has levels"
        if action_id == "page.find" and not self._on("log"):
            return "Only the event log can be searched"
        if action_id == "page.sort" and not self._on("overview"):
            return "Only the overview can be sorted"
        if action_id == "app.doctor" and self.app.doctor is None:
            return "This is a file: soth-mitm doctor checks the installation"
        return ""

    def _on(self, name: str) -> bool:
        screen = self.app.screen
        return isinstance(screen, PageScreen) and screen.name == name

    def _show(self, screen: PageScreen) -> None:
        self.app.push_screen(screen, self._follow)

    def _follow(self, leads: str | None) -> None:
        """Show the flows that an entry is about."""
        if leads:
            main = self.main
            main.filter.open()
            main.filter.field.value = leads
            main.show_list()

    # --- overview

    def _overview(self) -> None:
        if self._counting is None:
            self._counting = Counting(self.app.store.index)
        self._show(PageScreen("Overview", self._overview_entries, name="overview", tick=self._count))

    def _count(self) -> None:
        if self._counting is not None and not self._counting.count():
            self.app.set_timer(0.01, self._count)

    def _overview_entries(self, width: int) -> Iterator[Entry]:
        counting, session = self._counting, self.app.store.index.session
        assert counting is not None
        statistics = counting.statistics
        now = statistics.last_second + 1
        if not self.app.read_only:
            now = max(now, self.app.clock.wall_ns() // 1_000_000_000)
        return overview_entries(
            statistics,
            session,
            width,
            now_second=now,
            part=counting.part,
            opened=counting.open_flows,
            order=self._order,
        )

    def _next_order(self) -> None:
        screen, orders = self.app.screen, list(ORDERS)
        assert isinstance(screen, PageScreen)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        screen.page.update()

    # --- event log

    def _log(self) -> None:
        self._level, self._text = 0, ""
        self._show(PageScreen(self._log_title, self._log_entries, name="log", follows=True))

    @property
    def _log_title(self) -> str:
        title = "Event log" if not self._level else f"Event log: {LEVELS[self._level]} and worse"
        return f"{title}, with “{printable(self._text, 40)}”" if self._text else title

    def _next_level(self) -> None:
        screen = self.app.screen
        assert isinstance(screen, PageScreen)
        self._level = (self._level + 1) % len(LEVELS)
        screen.retitle(self._log_title)

    def _find(self) -> None:
        screen = self.app.screen
        assert isinstance(screen, PageScreen)

        async def take(text: str) -> None:
            self._text = text
            screen.retitle(self._log_title)

        self.app.push_screen(
            PromptScreen(
                "Find in the event log", take, text=self._text, placeholder="a text; empty for all lines"
            )
        )

    def _log_entries(self, width: int) -> Iterator[Entry]:
        return log_entries(
            self.app.store.index.session,
            width,
            least=LEVELS[self._level],
            text=self._text,
            remarks=self.app.reading.remarks if self.app.reading is not None else (),
        )

    # --- limits

    async def _limits(self) -> None:
        await self._ask()
        self._show(PageScreen("Limits and drops", self._limit_entries, name="limits", tick=self._ask_again))

    async def _ask(self) -> None:
        control = self.app.control
        self._passed, self._usage = await control.passed_through(), await control.usage()

    def _ask_again(self) -> None:
        self.app.run_worker(self._ask(), group="limits", exclusive=True, exit_on_error=False)

    def _limit_entries(self, width: int) -> Iterator[Entry]:
        store = self.app.store
        index = store.index
        kept = Kept(
            len(index),
            index.dropped,
            store.size_bytes,
            store.segments,
            store.place,
            live=not self.app.read_only,
        )
        return limit_entries(
            index.session, self.app.config, kept, width, passed=self._passed, usage=self._usage
        )

    # --- doctor

    async def _doctor(self) -> None:
        checks: list[Check] = []
        done = False
        self._show(PageScreen("Doctor", lambda width: check_entries(checks, width, done=done), name="doctor"))
        assert self.app.doctor is not None
        async for check in self.app.doctor(self.app.config):
            checks.append(check)  # noqa: PERF401 - each is shown as it comes
        done = True
