"""The application: it joins the record and the control to the screens, and knows how to stop."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import App

from soth_mitm.clock import Clock, SystemClock
from soth_mitm.record.document import Documents
from soth_mitm.record.worker import Worker
from soth_mitm.text import printable
from soth_mitm_tui import clipboard
from soth_mitm_tui.actions import DEFAULT, bindings
from soth_mitm_tui.commands import ActionCommands
from soth_mitm_tui.hints import Hints
from soth_mitm_tui.keymap import Keymap
from soth_mitm_tui.notices import Notices, make_room
from soth_mitm_tui.office import Office
from soth_mitm_tui.safe import ControlFilter
from soth_mitm_tui.screens.main import MainScreen
from soth_mitm_tui.state import State
from soth_mitm_tui.themes import DARK, LIGHT, THEMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from textual.binding import BindingType
    from textual.driver import Driver
    from textual.filter import LineFilter
    from textual.notifications import Notify
    from textual.theme import Theme

    from soth_mitm.config import Config
    from soth_mitm.model.checks import Check
    from soth_mitm.record.index import Index
    from soth_mitm.record.store import Store
    from soth_mitm_tui.control import Control
    from soth_mitm_tui.reading import Reading
    from soth_mitm_tui.widgets.bars import Bar
    from soth_mitm_tui.widgets.setup_card import SetupCard

TICK = 0.1
"""Seconds between two looks at the record."""

COLLECT = (10_000, 20, 1000)
"""Thresholds of the collector of cycles while the app runs over a proxy."""

COVERED = 10
"""Ticks after which the main screen is brought up to date while another one lies over it."""

WARM_UP = 0.5
"""Seconds after which the app prepares for large bodies, so that its first screen comes first."""

_log = logging.getLogger("soth_mitm.app")


Doctor = Callable[["Config"], "AsyncIterator[Check]"]
"""Checks the installation with some settings, and yields each check when it is done."""


Probe = Callable[["Config", str, int], "AsyncIterator[Check]"]
"""Asks a server, by host and port, what it offers and proves, and yields each check when it is done."""


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
        self._notices = Notices(self, reading)
        self._ticks = 0
        self.read_only = reading is not None
        """Whether a file is looked at, and no proxy runs."""
        office = self._office = Office(self)
        self.filtering, self.copying, self.saving = office.filtering, office.copying, office.saving
        self.messages, self.debugging, self.ruling = office.messages, office.debugging, office.ruling
        self.editing, self.replaying, self.leaving = office.editing, office.replaying, office.leaving
        self.comparing, self.composing = office.comparing, office.composing
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
        self._notices.begin()
        self.set_interval(TICK, self._tick)
        self.run_worker(self.debugging.begin(), exit_on_error=False)
        self.run_worker(self.ruling.begin(), exit_on_error=False)
        if self.keymap.changed:
            self.set_keymap(self.keymap.changed)
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
            self._notices.show()
        except Exception as error:
            _log.error("a tick of the app failed", exc_info=error)

    def on_notify(self, event: Notify) -> None:
        """Let a notice take the place of one that says the same, and a few be in sight at most."""
        make_room(self._notifications, event.notification)

    # --- acting

    def action_perform(self, action_id: str) -> None:
        """Carry out an action of the registry; what every key is bound to."""
        self.perform(action_id)
        self.hints.done(self.registry.named(action_id))

    def perform(self, action_id: str) -> None:
        """Carry out an action, or say why it does not work now."""
        self._office.perform(action_id)

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now; empty where it does."""
        return self._office.reason_against(action_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave a key to the next one bound to it where the pane does not take it."""
        if action == "perform" and parameters:
            return self._office.takes(str(parameters[0]))
        return super().check_action(action, parameters)

    @property
    def focused_pane(self) -> str:
        """The name of the pane that has the focus."""
        return self._office.focused_pane

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
