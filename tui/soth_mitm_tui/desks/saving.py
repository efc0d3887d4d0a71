"""Saving flows, bodies and texts into files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soth_mitm.errors import SothError
from soth_mitm.text import human_size, printable
from soth_mitm_tui import paths
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.messages.writing import message_scopes, time_shift
from soth_mitm_tui.scopes import Saved, Scope, body_scopes, flow_scopes, text_scope
from soth_mitm_tui.screens.save import SaveScreen
from soth_mitm_tui.viewers.pages import MESSAGES, REQUEST, RESPONSE, TABS

if TYPE_CHECKING:
    from pathlib import Path

    from textual.worker import Worker

    from soth_mitm_tui.app import SothApp

_NO_SCREEN = "the dialog is closed"


class Saving(Desk):
    """Runs the dialog: judges what is typed, writes, says what was written."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._asked = ""
        """The path that a person was asked about, because there is a file already."""
        self._job: Worker[None] | None = None
        self._part = 0.0
        self.deeds = {
            "list.save": self.open,
            "flow.save": self.open,
            "save.save": self._save,
            "save.complete": self._complete,
            "save.down": lambda: self._step(1),
            "save.up": lambda: self._step(-1),
            "save.close": self._close,
        }

    def reason_against(self, action_id: str) -> str:
        """Say why nothing can be saved."""
        if action_id in ("list.save", "flow.save") and not self.main.model.total:
            return "There is no flow to save yet"
        if action_id.startswith("save.") and self._screen is None:
            return _NO_SCREEN
        return ""

    @property
    def _screen(self) -> SaveScreen | None:
        screen = self.app.screen
        return screen if isinstance(screen, SaveScreen) else None

    # --- opening

    async def open(self) -> None:
        """Show what can be saved of what is looked at."""
        main, store = self.main, self.app.store
        flow = main.current_flow
        model = main.model
        scopes = flow_scopes(
            store,
            flow=flow,
            marked=[each for each in store.index.annotated() if store.index.annotation(each).mark],
            shown=model.matches() if model.filtered else None,
            counts=(model.matching, model.total),
            wall_ns=self.app.clock.wall_ns(),
        )
        view = await store.view(flow) if flow else None
        if view is not None:
            scopes += body_scopes(store, view)
        scopes = [*self._messages(), *scopes]
        self._show(scopes, self._first(scopes))

    def _messages(self) -> list[Scope]:
        """Return the scopes of the messages that are looked at."""
        detail = self.main.detail
        pane = detail.messages
        if (
            not self.main.focus_in_detail
            or not detail.in_messages
            or pane.message_log is None
            or pane.list.row is None
        ):
            return []
        model = pane.list.model
        return message_scopes(
            pane.message_log,
            position=pane.list.cursor,
            shown=model.positions() if model is not None else (),
            shift=time_shift(pane.list.row),
            worker=self.app.worker,
        )

    def _first(self, scopes: list[Scope]) -> int:
        """Return the scope that is meant first: the body that is looked at, else the shown flows."""
        names = [scope.id for scope in scopes if not scope.reason]
        in_detail, tab = self.main.focus_in_detail, self.main.detail.tab
        wanted = ["flow"] if in_detail else ["shown", "all"]
        if in_detail and tab in (REQUEST, RESPONSE):
            wanted.insert(0, f"{TABS[tab].lower()}-body")
        elif in_detail and tab == MESSAGES:
            wanted.insert(0, "payload" if self.main.detail.message >= 0 else "messages")
        name = next((name for name in wanted if name in names), "all")
        return next(at for at, scope in enumerate(scopes) if scope.id == name)

    def offer_text(self, what: str, text: str) -> None:
        """Open the dialog for a text."""
        self._show([text_scope(what, text)], 0)

    def _show(self, scopes: list[Scope], chosen: int) -> None:
        self._asked = ""
        self.app.push_screen(SaveScreen(scopes, chosen))

    # --- typing

    def judge(self) -> None:
        """Say what would be written where, or why it cannot be."""
        screen = self._screen
        if screen is None or self._job is not None:
            return
        self._asked = ""
        try:
            path = paths.full(screen.field.value)
        except ValueError as error:
            screen.say(str(error), "bad" if screen.field.value.strip() else "muted")
            return
        wrong = self._wrong(screen.scope, path)
        if wrong:
            screen.say(wrong, "bad")
        elif path.exists():
            screen.say(f"{path} exists already; enter asks before it is overwritten", "warn")
        else:
            screen.say(f"Writes {path}{screen.scope.secrets_in(path)}", "muted")

    @staticmethod
    def _wrong(scope: Scope, path: Path) -> str:
        return scope.reason or paths.trouble_with(path) or scope.trouble_with(path)

    async def _complete(self) -> None:
        screen = self._screen
        assert screen is not None
        text = screen.field.value
        done = await asyncio.to_thread(paths.complete, text)
        if screen.field.value == text:
            screen.set_path(done.text)
            screen.call_after_refresh(screen.show_others, done.others)

    def _step(self, step: int) -> None:
        screen = self._screen
        if screen is not None and self._job is None:
            screen.choose(screen.menu.cursor + step)

    # --- saving

    def _save(self) -> None:
        screen = self._screen
        if screen is None or self._job is not None:
            return
        scope = screen.scope
        try:
            path = paths.full(screen.field.value)
        except ValueError as error:
            screen.say(str(error), "bad")
            return
        wrong = self._wrong(scope, path)
        if wrong:
            screen.say(wrong, "bad")
            return
        if path.exists() and self._asked != str(path):
            self._asked = str(path)
            size = human_size(path.stat().st_size)
            screen.say(f"{path} exists already, {size} bytes: enter again overwrites it", "warn")
            return
        self._job = self.app.run_worker(self._write(screen, scope, path), exit_on_error=False)

    async def _write(self, screen: SaveScreen, scope: Scope, path: Path) -> None:
        self._part = 0.0
        overwrite = self._asked == str(path)
        ticks = screen.set_interval(0.1, lambda: self._show_progress(screen))
        self._show_progress(screen)
        try:
            saved = await scope.save(path, overwrite, self._advance)
        except asyncio.CancelledError:
            screen.say("Stopped: nothing was written", "warn")
            raise
        except (SothError, OSError) as error:
            screen.say(str(error), "bad")
        else:
            self._done(screen, scope, path, saved)
        finally:
            ticks.stop()
            self._job, self._asked = None, ""

    def _advance(self, done: int, total: int) -> None:
        self._part = done / total if total else 0.0

    def _show_progress(self, screen: SaveScreen) -> None:
        if self._job is not None:
            screen.say(f"Saving · {self._part:.0%} · esc stops it", "good")

    def _done(self, screen: SaveScreen, scope: Scope, path: Path, saved: Saved) -> None:
        if screen.is_attached and self.app.screen is screen:
            screen.dismiss()
        remark = f". {saved.remark[:1].upper()}{saved.remark[1:]}" if saved.remark else ""
        self.app.notify(
            printable(f"Saved {scope.label.lower()}, {human_size(saved.size)} bytes, to {path}{remark}", 400),
            severity="warning" if remark else "information",
            markup=False,
            timeout=8 if remark else 5,
        )

    def _close(self) -> None:
        screen = self._screen
        if self._job is not None:
            self._job.cancel()
        elif screen is not None:
            screen.dismiss()
