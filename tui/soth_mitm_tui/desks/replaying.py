"""Sending requests again: one, or all that are marked, and going from a replay to its original."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import SothError
from soth_mitm.record.resending import resend_of
from soth_mitm.text import printable
from soth_mitm_tui.columns import host, masked, method
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.runs import Judge, Run
from soth_mitm_tui.screens.picker import Choice, PickerScreen
from soth_mitm_tui.screens.replay import ReplayScreen
from soth_mitm_tui.screens.results import ResultsScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.notifications import SeverityLevel

    from soth_mitm.record.resending import Resend
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.plans import Plan
    from soth_mitm_tui.replaying import Replay

NO_PROXY: Final = "This is a file: no proxy runs that could send it. soth-mitm replay FILE sends it again"
HIDDEN: Final = "The filter hides flow #{}: esc in the list clears it"
RUNS: Final = 8
"""Runs whose results are kept."""
SECTION: Final = "replay"
RULES: Final = "ignore"
_SLICE: Final = 4096
_LATEST: Final = 1024
"""Flows whose newest replay is remembered; of others it is looked for."""
_KINDS: Final = {
    "tunnel": "This flow passed through without being decrypted: there is no request to send again",
    "bytes": "This flow carried bytes that are no HTTP: there is no request to send again",
    "failed": "This flow failed before there was a request to send again",
}


Deed = Callable[[list[int]], Awaitable[object] | None]
"""Does something to flows."""


class Replaying(Desk):
    """Sends recorded requests again."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._came_from = (0, 0)
        """The original and the replay that were last gone between."""
        self.latest: dict[int, int] = {}
        """The newest replay of each flow that was sent again from here."""
        self.runs: list[Run] = []
        """The latest runs, the newest last."""
        self._texts: dict[str, str] = {"times": "10", "concurrency": "2"}
        self.deeds = {
            "flow.replay": self._replay,
            "flow.replay-several": self._several,
            "flow.counterpart": self._go_to_counterpart,
            "app.results": lambda: self._show(self.runs[-1]),
            "results.open": self._open,
            "results.diff": self._compare,
            "results.cancel": self._stop,
            "results.again": self._again,
        }

    @property
    def row(self) -> Row | None:
        """The row of the flow that is looked at; None for none."""
        flow = self.main.current_flow
        return self.main.model.row_of(flow) if flow else None

    def reason_against(self, action_id: str) -> str:
        """Say why a flow cannot be sent again."""
        if action_id == "app.results":
            return "" if self.runs else "Nothing was sent again several times: ctrl+r does"
        if action_id.startswith("results."):
            return self._reason_of_result(action_id)
        row = self.row
        if row is None:
            return "No flow is selected"
        if action_id == "flow.counterpart":
            return ""
        if self.app.read_only:
            return NO_PROXY
        return _KINDS.get(row.kind, "")

    # --- sending

    @property
    def marked(self) -> list[int]:
        """The marked flows in the list that have a request, where the one at hand is among them."""
        model, said = self.main.model, self.app.index.annotation
        marked = [flow for flow in model.marked() if said(flow).mark or said(flow).colour]
        rows = [model.row_of(flow) for flow in marked]
        return [row.flow for row in rows if row is not None and row.kind not in _KINDS]

    def _replay(self) -> object:
        return self._with_marked(self._send_these)

    def _with_marked(self, act: Deed) -> object:
        """Do something to the flow at hand; where it is marked and others are, ask whether to all of them."""
        flow, marked = self.main.current_flow, self.marked
        if flow not in marked or len(marked) < 2:
            return act([flow])

        async def chosen(name: str) -> None:
            done = act([flow] if name == "this" else marked)
            if done is not None:
                await done

        choices = [
            Choice("this", "t", f"this flow, #{flow}"),
            Choice("all", "m", f"all {len(marked):,} marked"),
        ]
        self.app.push_screen(PickerScreen("Send again", choices, chosen))
        return None

    async def _send_these(self, flows: list[int]) -> None:
        await (self._send(flows[0]) if len(flows) == 1 else self._send_all(flows))

    async def _begin(self, flow: int) -> Replay:
        return await self.app.control.replay(await resend_of(self.app.store, flow))

    async def _send(self, flow: int) -> None:
        try:
            replay = await self._begin(flow)
        except SothError as error:
            self.say(str(error), severity="error")
            return
        again = await replay.begun()
        if again:
            self.note(flow, again)
            self.say(f"Flow #{flow} is sent again as #{again} · % goes there")
        else:
            self.say(f"Flow #{flow} is not sent again: {replay.attempts[0].error or 'the proxy is stopping'}")

    def note(self, flow: int, again: int) -> None:
        """Remember that a flow was sent again."""
        self._came_from = flow, again
        self.latest.pop(flow, None)
        self.latest[flow] = again
        if len(self.latest) > _LATEST:
            del self.latest[next(iter(self.latest))]

    async def _send_all(self, flows: Sequence[int]) -> None:
        """Send flows again in their order; how many at once is the proxy's limit."""
        count, refused = 0, ""
        for flow in flows:
            try:
                await self._begin(flow)
                count += 1
            except SothError as error:
                refused = refused or str(error)
        if refused:
            self.say(f"{count:,} of {len(flows):,} flows are sent again: {refused}", severity="warning")
        else:
            self.say(f"{count:,} flows are sent again · is:replay shows them")

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Tell the person something."""
        seconds = 8 if severity == "error" else 4
        self.app.notify(printable(text, 400), severity=severity, markup=False, timeout=seconds)

    # --- several times

    def _several(self) -> object:
        return self._with_marked(self._ask)

    def _ask(self, flows: list[int]) -> None:
        rows = [row for row in map(self.main.model.row_of, flows) if row is not None]
        if not rows:
            return
        own = {f"{row.scheme}://{host(row)}" for row in rows}
        state, one = self.app.state, rows[0]
        kept: list[str] = state.get_as(SECTION, RULES, list[str], [])
        title = f"#{one.flow} {method(one)} {host(one)}{masked(one.path)}"
        title = title if len(rows) == 1 else f"{len(rows):,} marked flows"

        def take(plan: Plan, texts: dict[str, str]) -> None:
            self._texts = texts
            state.set(SECTION, RULES, list(plan.rules) or None)
            self.begin_run(Run(f"Replay of {title}", flows, plan))

        self.app.push_screen(
            ReplayScreen(
                "Replay several times",
                take,
                own=own.pop() if len(own) == 1 else "their own servers",
                texts={**self._texts, "ignore": " ".join(kept)},
                limits=self.app.config.limits,
                websocket=any(row.form == "websocket" for row in rows),
            )
        )

    def begin_run(self, run: Run) -> None:
        """Begin a run, and show it."""
        self.runs.append(run)
        del self.runs[:-RUNS]
        self.app.run_worker(self._go(run), exit_on_error=False)
        self._show(run)

    async def _go(self, run: Run) -> None:
        app = self.app

        async def begin(resend: Resend, plan: Plan) -> Replay:
            return await app.control.replay(
                resend,
                times=plan.times,
                concurrency=plan.concurrency,
                timeout=plan.timeout,
                gaps=plan.gaps,
            )

        await run.go(partial(resend_of, app.store), begin, Judge(app.store, app.worker, run.plan.ignore))
        for entry in run.entries[-1:]:
            if entry.of and entry.flow:
                self.note(entry.of, entry.flow)

    @property
    def _screen(self) -> ResultsScreen | None:
        return next((each for each in self.app.screen_stack if isinstance(each, ResultsScreen)), None)

    def _show(self, run: Run) -> None:
        screen = self._screen
        if screen is not None:
            screen.show_run(run)
        else:
            self.app.push_screen(ResultsScreen(run))

    def _reason_of_result(self, action_id: str) -> str:
        screen = self._screen
        entry = screen.list.current if screen is not None else None
        if action_id == "results.cancel":
            return "" if screen is not None and not screen.run.finished else "It is over already"
        if action_id == "results.again":
            return "" if screen is not None and screen.run.finished else "It is under way: X stops it"
        if entry is None or not entry.flow:
            return "This time has no row"
        return "This request was made anew" if action_id == "results.diff" and not entry.of else ""

    def _open(self) -> None:
        screen = self._screen
        entry = screen.list.current if screen is not None else None
        if screen is not None and entry is not None and self.go_to(entry.flow):
            screen.dismiss()
            self.main.open()

    def _compare(self) -> None:
        screen = self._screen
        entry = screen.list.current if screen is not None else None
        if entry is not None:
            self.app.comparing.compare(entry.of, entry.flow)

    async def _stop(self) -> None:
        if self._screen is not None:
            await self._screen.run.stop()

    def _again(self) -> None:
        screen = self._screen
        if screen is not None:
            run = screen.run
            self.begin_run(Run(run.title, run.flows, run.plan))

    # --- originals

    async def _go_to_counterpart(self) -> None:
        row = self.row
        assert row is not None, "there is one, or the action would not have come this far"
        if row.replay_of:
            self._came_from = row.replay_of, row.flow
            self.go_to(row.replay_of)
            return
        original, replay = self._came_from
        again = (
            replay
            if original == row.flow
            else self.latest.get(row.flow) or await self._latest_replay_of(row.flow)
        )
        if again:
            self._came_from = row.flow, again
            self.go_to(again)
        else:
            self.say(f"Flow #{row.flow} is no replay, and was not sent again: r does", severity="warning")

    async def _latest_replay_of(self, flow: int) -> int:
        """Return the newest replay of a flow; 0 for none. Looked for in slices, from the end."""
        index = self.app.index
        stop = index.dropped + len(index)
        while stop > index.dropped:
            found = index.search(f"replay:{flow}", max(stop - _SLICE, index.dropped), stop)
            if found:
                return index.flows_at(found[-1:])[0]
            stop -= _SLICE
            await asyncio.sleep(0)
        return 0

    def go_to(self, flow: int) -> bool:
        """Select a flow in the list, and say so where that cannot be."""
        self.app.store.catch_up()
        self.main.tick()  # under another screen it is brought up to date but once a second
        if self.main.list.go_to_flow(flow):
            return True
        kept = self.main.model.row_of(flow) is not None
        why = HIDDEN.format(flow) if kept else f"Flow #{flow} is no longer kept: the oldest are dropped first"
        self.say(why, severity="warning")
        return False
