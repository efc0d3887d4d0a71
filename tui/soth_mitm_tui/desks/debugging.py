"""Breakpoints, and what they have stopped: set, kept from run to run, resumed, dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from soth_mitm.policy.breakpoints import Breakpoint, BreakpointState, Stage
from soth_mitm.policy.breakpoints.breakpoint import check
from soth_mitm.policy.editing import RequestDraft
from soth_mitm.policy.filters.quoting import term_for
from soth_mitm.text import printable
from soth_mitm_tui.columns import host
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.desks.flows import NO_PROXY
from soth_mitm_tui.keptbreaks import Broken, sorted_out
from soth_mitm_tui.screens.breakpoint import BreakpointScreen
from soth_mitm_tui.screens.breakpoints import BreakpointsScreen
from soth_mitm_tui.screens.picker import Choice, PickerScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soth_mitm.control import PausedMessage
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.debugging import Debugger

MORE_TIME: Final = 60.0
_OF_PAUSED: Final = ("flow.resume", "flow.more-time")
_OF_WORKING: Final = ("breakpoints.switch", "breakpoints.later", "breakpoints.earlier")


class Debugging(Desk):
    """Acts on breakpoints and on paused messages."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._deleted: list[tuple[int, Breakpoint | Broken]] = []
        self.broken: list[Broken] = []
        """What is kept and cannot work; the list shows it below the others."""
        self._paused: tuple[PausedMessage, ...] = ()
        self._seen = -1
        """The debugger's revision when `_paused` was read: bars and keys ask for it many times a second."""
        self.deeds = {
            "flow.resume": self._resume,
            "flow.more-time": self._more_time,
            "flow.break": self._break_on_this,
            "paused.resume": self._resume,
            "paused.original": self._resume_original,
            "paused.drop": self._drop,
            "paused.undo": self._undo_edits,
            "paused.more-time": self._more_time,
            "paused.open": self._open,
            "paused.close": self._back,
            "app.resume-all": self._resume_all,
            "app.pause-everything": self._pause_everything,
            "app.breakpoints": self._show,
            "app.paused": self._go_to_paused,
            "breakpoints.switch": self._switch,
            "breakpoints.add": self._add,
            "breakpoints.edit": self._edit,
            "breakpoints.delete": self._delete,
            "breakpoints.undo": self._put_back,
            "breakpoints.later": lambda: self._move(1),
            "breakpoints.earlier": lambda: self._move(-1),
        }

    # --- what there is

    @property
    def debugger(self) -> Debugger | None:
        """The debugger of the proxy; None where there is a file and no proxy."""
        return self.app.control.debugger

    @property
    def _debugger(self) -> Debugger:
        debugger = self.debugger
        assert debugger is not None, "there is one, or the action would not have come this far"
        return debugger

    @property
    def states(self) -> tuple[BreakpointState, ...]:
        """The breakpoints with their hits."""
        return self.debugger.breakpoints if self.debugger is not None else ()

    @property
    def paused(self) -> tuple[PausedMessage, ...]:
        """What is paused."""
        debugger = self.debugger
        if debugger is not None and debugger.revision != self._seen:
            self._seen, self._paused = debugger.revision, debugger.paused
        return self._paused

    @property
    def current(self) -> PausedMessage | None:
        """The paused message that an action is about: the one in the queue, or the oldest of the flow."""
        queue = self.main.paused
        if queue.has_focus:
            return queue.current
        flow = self.main.current_flow
        return next((each for each in self.paused if each.flow == flow), None)

    @property
    def pausing(self) -> tuple[int, bool]:
        """How many messages are paused, and whether everything is."""
        debugger = self.debugger
        return (len(self.paused), debugger.pauses_everything) if debugger is not None else (0, False)

    def refresh(self) -> None:
        """Show in the main screen what is paused now."""
        debugger = self.debugger
        if debugger is None:
            return
        self.app.editing.look()
        paused = self.paused
        hosts: dict[int, str] = {}
        for each in paused:
            row = None if isinstance(each.draft, RequestDraft) else self.main.model.row_of(each.flow)
            if row is not None:
                hosts[each.flow] = f"{row.method} {host(row)}{row.path}"
        self.main.show_paused(paused, debugger.now(), hosts)

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now."""
        if self.debugger is None:
            return NO_PROXY
        if action_id in _OF_PAUSED or (action_id.startswith("paused.") and action_id != "paused.close"):
            if self.current is None:
                return "Nothing of this flow is paused"
            resumes = action_id in ("flow.resume", "paused.resume")
            if resumes and self.app.editing.unfinished(self.current.number):
                return "The edits cannot be sent yet: e shows why, o sends it as it came"
            if action_id == "paused.undo" and self.app.editing.unfinished(self.current.number):
                return ""
            if action_id == "paused.undo" and self.current.draft == self.current.original:
                return "The message has not been edited"
        if action_id in ("app.resume-all", "app.paused") and not self.paused:
            return "Nothing is paused"
        if action_id == "flow.break" and self._row is None:
            return "No flow is selected"
        if action_id == "breakpoints.undo" and not self._deleted:
            return "No breakpoint was deleted"
        if action_id in ("breakpoints.edit", "breakpoints.delete", *_OF_WORKING):
            if not self.states and not self.broken:
                return "No breakpoint is set"
            if action_id in _OF_WORKING and self._chosen_broken is not None:
                return "It cannot work: enter changes it, d deletes it"
        return ""

    @property
    def _row(self) -> Row | None:
        flow = self.main.current_flow
        return self.main.model.row_of(flow) if flow else None

    # --- from run to run

    async def begin(self) -> None:
        """Let messages be paused, and set what was kept."""
        debugger = self.debugger
        if debugger is None:
            return
        given = [state.breakpoint for state in debugger.breakpoints]
        kept: list[Any] = self.app.state.get_as("breakpoints", "list", list[Any], [])
        fresh, self.broken = sorted_out(kept)
        await debugger.set_breakpoints((*given, *fresh))
        for each in self.broken:
            said = f"A kept breakpoint is left out, {each.title!r}: {each.fault} · B shows it"
            self.app.notify(printable(said, 300), severity="warning", markup=False)
        await debugger.attach()

    async def _set(self, breakpoints: Sequence[Breakpoint]) -> None:
        states = await self._debugger.set_breakpoints(tuple(breakpoints))
        self._keep(states)

    def _keep(self, states: Sequence[BreakpointState]) -> None:
        own = [state.breakpoint for state in states if not state.breakpoint.given]
        kept: list[object] = [*own, *(each.kept for each in self.broken)]
        self.app.state.set("breakpoints", "list", kept or None)
        if self._screen is not None:
            self._screen.look()

    # --- what is paused

    async def _resume(self) -> None:
        if self.current is not None and not await self._debugger.resume(self.current.number):
            self._over()
        self.refresh()

    async def _resume_original(self) -> None:
        if self.current is not None and not await self._debugger.resume_original(self.current.number):
            self._over()
        self.refresh()

    async def _drop(self) -> None:
        if self.current is not None and not await self._debugger.drop(self.current.number):
            self._over()
        self.refresh()

    async def _undo_edits(self) -> None:
        if self.current is not None:
            self.app.editing.forget(self.current.number)
            await self._debugger.undo(self.current.number)
        self.refresh()

    async def _more_time(self) -> None:
        if self.current is not None:
            await self._debugger.more_time(self.current.number, MORE_TIME)
        self.refresh()

    def _over(self) -> None:
        self.app.notify("The message is not paused any more", severity="warning", markup=False, timeout=3)

    async def _resume_all(self) -> None:
        numbers = [each.number for each in self.paused]
        ready = [number for number in numbers if not self.app.editing.unfinished(number)]
        if len(ready) == len(numbers):
            count = await self._debugger.resume_all()
        else:
            count = sum([await self._debugger.resume(number) for number in ready])
        said = "1 message goes on" if count == 1 else f"{count:,} messages go on"
        left = len(numbers) - len(ready)
        if left:
            stay = "1 stays" if left == 1 else f"{left:,} stay"
            said = f"{said}; {stay}, with edits that cannot be sent yet: e shows why, o sends as it came"
        self.app.notify(said, markup=False, timeout=5 if left else 3)
        self.refresh()

    async def _pause_everything(self) -> None:
        on = not self._debugger.pauses_everything
        await self._debugger.pause_everything(on)
        said = (
            "Every request and response is paused from now on: i stops that, A lets all go on"
            if on
            else "Only breakpoints pause messages now; what is paused stays so"
        )
        self.app.notify(said, markup=False, timeout=5)
        self.main.refresh_bars()

    def _go_to_paused(self) -> None:
        queue = self.main.paused
        if queue.has_focus:
            self._back()
        else:
            self.main.show_list()
            queue.focus()

    def _open(self) -> None:
        paused = self.current
        if paused is None:
            return
        if self.main.list.go_to_flow(paused.flow):
            self.main.open()
        else:
            self.app.notify("The filter hides this flow: esc in the list clears it", markup=False, timeout=4)

    def _back(self) -> None:
        self.main.show_list()

    # --- breakpoints

    @property
    def _screen(self) -> BreakpointsScreen | None:
        return next((each for each in self.app.screen_stack if isinstance(each, BreakpointsScreen)), None)

    def _show(self) -> None:
        self.app.push_screen(BreakpointsScreen())

    def _break_on_this(self) -> None:
        row = self._row
        assert row is not None, "there is one, or the action would not have come this far"
        self._ask("Break on messages like this", breakpoint_for(row), add=True)

    def _add(self) -> None:
        self._ask("New breakpoint", Breakpoint(stages=(Stage.REQUEST_BODY,)), add=True)

    def _ask(self, title: str, made: Breakpoint, *, add: bool) -> None:
        async def take(kept: Breakpoint) -> None:
            before = [state.breakpoint for state in self.states]
            if add:
                await self._set((*before, kept))
                self.app.notify("Breakpoint set: B lists them all", markup=False, timeout=3)
            else:
                await self._set([kept if each.id == kept.id else each for each in before])

        self.app.push_screen(BreakpointScreen(title, made, take))

    @property
    def _chosen(self) -> Breakpoint | None:
        screen, states = self._screen, self.states
        return states[screen.at].breakpoint if screen is not None and 0 <= screen.at < len(states) else None

    @property
    def _chosen_broken(self) -> Broken | None:
        screen, before = self._screen, len(self.states)
        at = screen.at - before if screen is not None else -1
        return self.broken[at] if 0 <= at < len(self.broken) else None

    def _edit(self) -> None:
        broken = self._chosen_broken
        if broken is not None:
            self._mend(broken)
        elif self._chosen is not None:
            self._ask("Breakpoint", self._chosen, add=False)

    def _mend(self, broken: Broken) -> None:
        if broken.made is None:
            said = f"{broken.fault}: change it in state.toml, or delete it with d"
            self.app.notify(printable(said, 300), severity="warning", markup=False)
            return

        async def take(mended: Breakpoint) -> None:
            check(mended)
            self.broken = [each for each in self.broken if each is not broken]
            await self._set([*(state.breakpoint for state in self.states), mended])

        self.app.push_screen(BreakpointScreen("Breakpoint", broken.made, take))

    async def _switch(self) -> None:
        chosen = self._chosen
        if chosen is None:
            return
        changed = msgspec.structs.replace(chosen, enabled=not chosen.enabled)
        await self._set([changed if each.breakpoint is chosen else each.breakpoint for each in self.states])

    async def _delete(self) -> None:
        broken = self._chosen_broken
        if broken is not None:
            self.broken = [each for each in self.broken if each is not broken]
            self._deleted.append((0, broken))
            self._keep(self.states)
            self.app.notify(
                f"Breakpoint {printable(broken.title, 60)} deleted · u puts it back", markup=False
            )
            return
        chosen = self._chosen
        if chosen is None:
            return
        at = next(at for at, state in enumerate(self.states) if state.breakpoint is chosen)
        self._deleted.append((at, chosen))
        await self._set([state.breakpoint for state in self.states if state.breakpoint is not chosen])
        self.app.notify(f"Breakpoint {printable(chosen.title, 60)} deleted · u puts it back", markup=False)

    async def _put_back(self) -> None:
        at, made = self._deleted.pop()
        if isinstance(made, Broken):
            self.broken.append(made)
            self._keep(self.states)
            return
        before = [state.breakpoint for state in self.states]
        await self._set((*before[:at], made, *before[at:]))

    async def _move(self, step: int) -> None:
        screen, chosen = self._screen, self._chosen
        if screen is None or chosen is None:
            return
        order = [state.breakpoint for state in self.states]
        at = order.index(chosen)
        to = max(0, min(at + step, len(order) - 1))
        order.insert(to, order.pop(at))
        await self._set(order)
        screen.menu.go(to)

    # --- leaving

    def ask_before_leaving(self, leave: Callable[[Literal["resume", "drop"]], object]) -> bool:
        """Ask what becomes of paused messages before the app ends; False where nothing is paused."""
        paused = self.paused
        if not paused:
            return False
        count = "1 message is paused" if len(paused) == 1 else f"{len(paused):,} messages are paused"

        async def chosen(name: str) -> None:
            if name == "resume":
                leave("resume")
            elif name == "drop":
                leave("drop")

        choices = [
            Choice("resume", "r", "let all go on, then quit"),
            Choice("drop", "d", "drop all, then quit", tone="warn"),
            Choice("stay", "s", "stay"),
        ]
        self.app.push_screen(PickerScreen(count, choices, chosen))
        return True


def breakpoint_for(row: Row) -> Breakpoint:
    """Return a breakpoint for messages like those of a flow."""
    path = row.path.partition("?")[0]
    terms = [term_for("method", row.method)] if row.method else []
    terms += [term_for("host", row.host)] if row.host else []
    terms += [term_for("path", path)] if path and path != "/" else []
    stages = (Stage.MESSAGE_UP, Stage.MESSAGE_DOWN) if row.form else (Stage.REQUEST_BODY,)
    return Breakpoint(expression=" ".join(terms), stages=stages)
