"""The application: it joins the record and the control to the screens, and knows how to stop."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.app import App

from soth_mitm.clock import Clock, SystemClock
from soth_mitm.record.document import Documents
from soth_mitm.record.worker import Worker
from soth_mitm.text import printable
from soth_mitm_tui import clipboard
from soth_mitm_tui.actions import DEFAULT, bindings
from soth_mitm_tui.commands import ActionCommands
from soth_mitm_tui.desks.browsing import Browsing
from soth_mitm_tui.desks.cells import Cells
from soth_mitm_tui.desks.comparing import Comparing
from soth_mitm_tui.desks.composing import Composing
from soth_mitm_tui.desks.copying import Copying
from soth_mitm_tui.desks.debugging import Debugging
from soth_mitm_tui.desks.decoding import Decoding
from soth_mitm_tui.desks.editing import Editing
from soth_mitm_tui.desks.filtering import Filtering
from soth_mitm_tui.desks.flows import Flows
from soth_mitm_tui.desks.general import General
from soth_mitm_tui.desks.jumping import Jumping
from soth_mitm_tui.desks.leaving import Leaving
from soth_mitm_tui.desks.marking import Marking
from soth_mitm_tui.desks.messages import Messages
from soth_mitm_tui.desks.replaying import Replaying
from soth_mitm_tui.desks.ruling import Ruling
from soth_mitm_tui.desks.run import Run
from soth_mitm_tui.desks.saved import SavedDesk
from soth_mitm_tui.desks.saving import Saving
from soth_mitm_tui.desks.viewing import Viewing
from soth_mitm_tui.dispatch import Dispatcher
from soth_mitm_tui.hints import Hints
from soth_mitm_tui.keymap import FILE as KEYS_FILE
from soth_mitm_tui.keymap import Keymap
from soth_mitm_tui.keymap import load as load_keymap
from soth_mitm_tui.safe import ControlFilter
from soth_mitm_tui.screens.main import MainScreen
from soth_mitm_tui.state import FILE as STATE_FILE
from soth_mitm_tui.state import State
from soth_mitm_tui.themes import DARK, LIGHT, THEMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from textual.binding import BindingType
    from textual.driver import Driver
    from textual.filter import LineFilter
    from textual.notifications import Notify, SeverityLevel
    from textual.theme import Theme

    from soth_mitm.config import Config
    from soth_mitm.model.checks import Check
    from soth_mitm.record.index import Index
    from soth_mitm.record.session import NoticeLine
    from soth_mitm.record.store import Store
    from soth_mitm_tui.control import Control
    from soth_mitm_tui.desks.desk import Desk
    from soth_mitm_tui.reading import Reading
    from soth_mitm_tui.widgets.bars import Bar
    from soth_mitm_tui.widgets.setup_card import SetupCard

TICK = 0.1
"""Seconds between two looks at the record."""

COLLECT = (10_000, 20, 1000)
"""Thresholds of the collector of cycles while the app runs over a proxy."""

COVERED = 10
"""Ticks after which the main screen is brought up to date while another one lies over it."""

MOST_NOTICES = 3
"""Notices in sight at a time; warnings and errors beyond it stay for as long as they are meant to."""

WARM_UP = 0.5
"""Seconds after which the app prepares for large bodies, so that its first screen comes first."""

_SEVERITIES: Final[dict[str, SeverityLevel]] = {
    "info": "information",
    "warning": "warning",
    "error": "error",
}

_log = logging.getLogger("soth_mitm.app")


Doctor = Callable[["Config"], "AsyncIterator[Check]"]
"""Checks the installation with some settings, and yields each check when it is done."""


Probe = Callable[["Config", str, int], "AsyncIterator[Check]"]
"""Asks a server, by host and port, what it offers and proves, and yields each check when it is done."""


class Outcome(NamedTuple):
    """How the app ended."""

    failure: Exception | None
    """The error that ended it; None where the person did."""
    drained: bool
    """Whether the proxy was drained before."""


class SothApp(App[None]):
    """Shows the flows of a store while they stream."""

    CSS_PATH = "app.tcss"
    TITLE = "soth-mitm"
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    COMMANDS = {ActionCommands}  # noqa: RUF012 - Textual's own declaration has no ClassVar
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-xwide")]  # noqa: RUF012 - as above
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - as above

    def __init__(
        self,
        store: Store,
        control: Control,
        *,
        config: Config,
        title: str = "soth-mitm",
        clock: Clock | None = None,
        light: bool = False,
        state: State | None = None,
        keymap: Keymap | None = None,
        local_clipboard: bool | None = None,
        reading: Reading | None = None,
        doctor: Doctor | None = None,
        probe: Probe | None = None,
        settings: Path | None = None,
        warm_up: bool = False,
    ) -> None:
        self._theme_in_use: tuple[str, Theme] | None = None
        super().__init__()
        self.reading = reading
        self._warms_up = warm_up
        self._remark = ""
        self.store, self.control = store, control
        self.config = config
        self.settings = settings if settings is not None else config.directory / "config.toml"
        """The file that the settings were read from, and are read again from."""
        self.doctor = doctor
        """Checks the installation; None where that is not offered."""
        self.probe = probe
        """Asks a server for its proofs; None where that is not offered."""
        self._product = title
        self.clock: Clock = clock or SystemClock()
        self.state = state or State()
        """What the app remembers from run to run."""
        self.keymap = keymap or Keymap(DEFAULT, {}, ())
        self.registry = self.keymap.registry
        self.hints = Hints(self.state, self.registry, say=self._hint)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._first_theme(light)
        self.local_clipboard = clipboard.has_local_clipboard() if local_clipboard is None else local_clipboard
        self.worker = Worker()
        self._documents = Documents(store, limits=config.limits, protos=config.proto)
        self._control_filter = ControlFilter()
        self._last_notice: NoticeLine | None = None
        self._ticks = 0
        self.read_only = reading is not None
        """Whether a file is looked at, and no proxy runs."""
        self.filtering = Filtering(self)
        self.leaving = Leaving(self)
        self.copying = Copying(self)
        self.saving = Saving(self)
        self.messages = Messages(self)
        self.debugging = Debugging(self)
        self.ruling = Ruling(self)
        self.editing = Editing(self)
        self.replaying = Replaying(self)
        self.comparing = Comparing(self)
        self.composing = Composing(self)
        desks: tuple[Desk, ...] = (
            Browsing(self),
            Flows(self),
            self.filtering,
            SavedDesk(self),
            self.copying,
            self.saving,
            Run(self),
            Jumping(self),
            Viewing(self),
            Decoding(self),
            self.messages,
            self.debugging,
            self.ruling,
            self.editing,
            self.replaying,
            self.comparing,
            self.composing,
            Marking(self),
            Cells(self),
            General(self),
            self.leaving,
        )
        self._dispatcher = Dispatcher(self, desks)
        self._main = self._make_main()
        self.failure: Exception | None = None
        self.drained = False

    def get_driver_class(self) -> type[Driver]:
        """Return the driver of this platform; on Unix the one that hands escape on at once."""
        usual = super().get_driver_class()
        if usual.__name__ != "LinuxDriver":
            return usual
        from soth_mitm_tui.driver import KeyDriver  # termios, which only Unix has

        return KeyDriver

    def _first_theme(self, light: bool) -> str:
        name = self.state.get("look", "theme", "")
        fits = [theme.name for theme in THEMES if not (self.no_color and theme.ansi)]
        return LIGHT.name if light else name if name in fits else DARK.name

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters of every finished line: Textual's, and ours against control characters."""
        return [*super().get_line_filters(), self._control_filter]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return our own variables for themes that do not know them."""
        return {name: value for name, value in DARK.variables.items() if name.startswith("soth-")}

    @property
    def current_theme(self) -> Theme:
        """The theme in use. Textual looks it up anew, in a copy of all themes, for every line it draws."""
        if self._theme_in_use is None or self._theme_in_use[0] != self.theme:
            self._theme_in_use = self.theme, super().current_theme
        return self._theme_in_use[1]

    def get_default_screen(self) -> MainScreen:
        """Return the screen the app starts with."""
        return self._main

    def _make_main(self) -> MainScreen:
        return MainScreen(
            self.store.index,
            self.store,
            self._documents,
            self.worker,
            config=self.config,
            clock=self.clock,
            title=self._product,
            state=self.state,
            ask=self.messages.ask,
            reading=self.reading,
        )

    def on_mount(self) -> None:
        """Begin to look at the record."""
        self._last_notice = next(reversed(self.store.index.session.notices), None)
        self.set_interval(TICK, self._tick)
        self.run_worker(self.debugging.begin(), exit_on_error=False)
        self.run_worker(self.ruling.begin(), exit_on_error=False)
        if self.keymap.changed:
            self.set_keymap(self.keymap.changed)
        if self.keymap.problems:
            count = len(self.keymap.problems)
            faults = "1 fault" if count == 1 else f"{count} faults"
            self.notify(f"{faults} in {KEYS_FILE}; ? lists them", severity="warning", markup=False, timeout=8)
        if self._warms_up:
            self.set_timer(WARM_UP, self._warm_up)

    async def _warm_up(self) -> None:
        # What is alive by now stays so: without this each full collection looks at all of it, for 60 ms.
        gc.freeze()
        # Collections of all generations stop the loop for tens of milliseconds: rare ones will do.
        gc.set_threshold(*COLLECT)
        self.run_worker(self._documents.warm(), exit_on_error=False)

    def on_unmount(self) -> None:
        """End the process for heavy reads."""
        self.worker.close()
        self.filtering.close()
        self._documents.close()

    @property
    def index(self) -> Index:
        """The rows of the record."""
        return self.store.index

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever lies over it."""
        return self._main

    def _tick(self) -> None:
        main = self.main
        if not main.is_running:
            return
        main.draining = self.leaving.words
        # What lies over it dims the main screen, and then each change draws all of it anew.
        self._ticks = 0 if self.screen is main else self._ticks + 1
        try:
            if not self._ticks % COVERED:
                main.tick()
            self._show_notices()
            while self.state.notices:
                self.notify(self.state.notices.pop(0), severity="warning", markup=False, timeout=10)
        except Exception as error:
            _log.error("a tick of the app failed", exc_info=error)

    def _show_notices(self) -> None:
        if self.reading is not None:
            remark = self.reading.remark
            if remark and remark != self._remark:
                self.notify(remark, severity="warning", markup=False, timeout=10)
            self._remark = remark
            return  # those of the recorded run were for whoever ran it
        notices = self.store.index.session.notices
        if not notices or notices[-1] is self._last_notice:
            return
        fresh = list(takewhile(lambda notice: notice is not self._last_notice, reversed(notices)))
        self._last_notice = notices[-1]
        for notice in reversed(fresh[:3]):
            self.notify(
                printable(notice.text, 300), severity=_SEVERITIES.get(notice.level, "warning"), markup=False
            )

    def on_notify(self, event: Notify) -> None:
        """Let a notice take the place of one that says the same, and a few be in sight at most."""
        shown = list(self._notifications)
        same = [notice for notice in shown if notice.message == event.notification.message]
        others = [notice for notice in shown if notice not in same]
        calm = [notice for notice in others if notice.severity == "information"]
        for notice in (*same, *calm[: max(0, len(others) + 1 - MOST_NOTICES)]):
            del self._notifications[notice]

    # --- acting

    def action_perform(self, action_id: str) -> None:
        """Carry out an action of the registry; what every key is bound to."""
        self.perform(action_id)
        self.hints.done(self.registry.named(action_id))

    def perform(self, action_id: str) -> None:
        """Carry out an action, or say why it does not work now."""
        self._dispatcher.perform(action_id)

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now; empty where it does."""
        return self._dispatcher.reason_against(action_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave a key to the next one bound to it where the pane does not take it."""
        if action == "perform" and parameters:
            return self._dispatcher.takes(str(parameters[0]))
        return super().check_action(action, parameters)

    @property
    def focused_pane(self) -> str:
        """The name of the pane that has the focus."""
        return self._dispatcher.focused_pane

    def _hint(self, text: str) -> None:
        self.notify(printable(text, 300), markup=False, timeout=4)

    def on_bar_chosen(self, event: Bar.Chosen) -> None:
        """A click on a part of a bar does what its key does."""
        self.perform(event.action)

    def on_search_bar_edited(self) -> None:
        """The search follows what is typed."""
        self.main.detail.searching.typed()

    def on_search_bar_accepted(self) -> None:
        """Enter goes on in the text."""
        self.perform("search.accept")

    def on_viewer_pressed(self) -> None:
        """A double click opens or closes what a line stands for."""
        if not self.reason_against("detail.fold"):
            self.perform("detail.fold")

    def on_message_list_opened(self) -> None:
        """A double click looks at a message."""
        self.perform("messages.open")

    def on_filter_bar_accepted(self) -> None:
        """Enter keeps the filter."""
        self.perform("filter.accept")

    def on_setup_card_copied(self, event: SetupCard.Copied) -> None:
        """Copy what was asked for, and say what went where."""
        self.copy(event.what, event.text)

    def copy(self, what: str, text: str) -> None:
        """Copy a text, and say what went where."""
        self.run_worker(self.copying.put(what, text), exit_on_error=False)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy what is selected in a field, as Textual's own keys for it do, the way all copies go."""
        self._clipboard = text
        self.copy("the selection", text)

    @property
    def write_to_terminal(self) -> Callable[[str], None] | None:
        """Write raw characters to the terminal; None where there is none."""
        return self._driver.write if self._driver is not None else None

    # --- the end

    async def action_quit(self) -> None:
        """Leave, as Textual's own key for it does."""
        self.leaving.leave()

    def _handle_exception(self, error: Exception) -> None:
        """End the app without a traceback over the terminal; `failure` tells the caller."""
        _log.error("the app failed", exc_info=error)
        if self.failure is None:
            self.failure = error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.exit(return_code=1)


async def run_app(
    store: Store,
    control: Control,
    *,
    config: Config,
    title: str = "soth-mitm",
    light: bool = False,
    reading: Reading | None = None,
    remember: bool = True,
    doctor: Doctor | None = None,
    probe: Probe | None = None,
    settings: Path | None = None,
) -> Outcome:
    """Run the app on the caller's loop until it ends; never raises for a fault of the app.

    The caller has bound the port and started the proxy before, and stops it after; with `reading`,
    it looks at a file that the caller has read meanwhile. Without `remember`, what the app remembers
    is read and not written; `settings` is the file that `config` was read from. Where `failure` is
    set, it says what happened and where the record is.
    """
    state = State(config.directory / STATE_FILE, writes=remember)
    keymap = load_keymap(config.directory / KEYS_FILE)
    app = SothApp(
        store,
        control,
        config=config,
        title=title,
        light=light,
        state=state,
        keymap=keymap,
        reading=reading,
        doctor=doctor,
        probe=probe,
        settings=settings,
        warm_up=True,
    )
    try:
        await app.run_async()
    except Exception as error:
        _log.error("the app failed", exc_info=error)
        app.failure = app.failure or error
    finally:
        if control.debugger is not None:
            await control.debugger.detach()  # nobody is there any more to decide about what is paused
        await state.close()
    return Outcome(app.failure, app.drained)
