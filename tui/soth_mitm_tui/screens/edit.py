"""The editor of one message, wherever it goes afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.containers import Container, Vertical
from textual.screen import ModalScreen

from soth_mitm.errors import SothError
from soth_mitm.policy.editing.sheet import Sheet
from soth_mitm.record.worker import HERE_LIMIT
from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.editing.external import edit_outside, forget
from soth_mitm_tui.editing.raw import raw_of
from soth_mitm_tui.editing.says import Says, said
from soth_mitm_tui.editing.tabs import EditTabs, views_of
from soth_mitm_tui.editing.text_editor import TextEditor
from soth_mitm_tui.screens.help import HelpScreen
from soth_mitm_tui.widgets.bars import KeyBar
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from soth_mitm.decode.about import About
    from soth_mitm.policy.editing import Draft
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.editing.destination import Destination
    from soth_mitm_tui.editing.view import View
    from soth_mitm_tui.widgets.tabs import Tabs

LOOK: Final = 0.25
"""Seconds between two looks at how it stands with the message."""


class EditResult(NamedTuple):
    """How the editor was left."""

    how: str
    """`sent`, `kept`, `dropped`; or `answered`, where another editor wrote a response."""
    draft: Draft | None
    """What was sent or kept; None where nothing was, or it cannot be sent yet."""
    sheet: Sheet
    """All that was typed. Given to another `EditScreen`, that one goes on from there."""


class EditScreen(ModalScreen[EditResult]):
    """Edits a draft in tabs that share it, and hands it to its destination.

    `EditScreen(draft, destination)`: `original` is what the draft was made of, where it has been edited
    before (the Changes tab compares with it); `sheet` goes on with what another editor was left with;
    `about` is what is known of the message that is not in the draft.
    The screen calls `destination.opened()` when it is shown and `closed()` when it is gone; `send` when
    the person sends, `keep` when they leave with changes that could be sent. What these raise is shown
    in the editor, which then stays. It is dismissed with an `EditResult` after that.
    """

    PANE: ClassVar[str] = "edit"
    BINDINGS = bindings("edit")
    AUTO_FOCUS = None
    app: SothApp

    def __init__(
        self,
        draft: Draft,
        destination: Destination,
        *,
        original: Draft | None = None,
        sheet: Sheet | None = None,
        about: About | None = None,
        most: int = 256 * 1024,
    ) -> None:
        super().__init__()
        self.destination = destination
        self.sheet = sheet or Sheet(draft, original=original, about=about)
        self.most = most
        """Bytes of a body that are edited in the app."""
        self._title = PaneTitle(destination.title)
        self._title.set_bright(True)
        self.tabs = EditTabs()
        self._views: dict[str, View] = {}
        self._content = Container(id="edit-content")
        self._says = Says()
        self._keys = KeyBar(id="edit-keys")
        self.name_shown = ""
        self._busy = False

    def compose(self) -> ComposeResult:
        """Lay out the title, the tabs, the view, what is to say, and the keys."""
        with Vertical(id="edit"):
            yield self._title
            yield self.tabs
            yield self._content
            yield self._says
            yield self._keys

    async def on_mount(self) -> None:
        """Begin with the body, where there is one to edit."""
        names = list(self.views)
        filled = bool(self.sheet.parts.data) or self.sheet.is_message
        first = next((name for name in ("Body", "Hex") if name in names and filled), names[0])
        await self.show_tab(first)
        self.set_interval(LOOK, self._look)
        self._look()
        self.run_worker(self._told(self.destination.opened()), exit_on_error=False)

    async def _told(self, telling: object) -> None:
        try:
            await telling  # type: ignore[misc]
        except Exception as error:
            self.say(str(error))

    # --- tabs

    @property
    def views(self) -> dict[str, type[View]]:
        """The views that have a meaning for the message as it now is."""
        return views_of(self.sheet, self.most)

    @property
    def view(self) -> View:
        """The view that is shown."""
        return self._views[self.name_shown]

    async def show_tab(self, name: str) -> None:
        """Show a view, and give it the keys."""
        if self.name_shown:
            await self.view.settle()
        view = self._views.get(name)
        kind = self.views.get(name)
        if view is not None and kind is not None and type(view) is not kind:
            await view.remove()  # the body has another type by now
            view = None
        if view is None:
            view = self._views[name] = self.views[name](self.sheet, self.most)
            await self._content.mount(view)
        self.name_shown = name
        for each in self._views.values():
            each.display = each is view
        view.show()
        view.front.focus()
        self._say_all()

    async def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """A click shows a tab."""
        event.stop()
        await self.show_tab(list(self.views)[event.number])

    async def _turn(self, by: int) -> None:
        names = list(self.views)
        at = names.index(self.name_shown) if self.name_shown in names else 0
        await self.show_tab(names[(at + by) % len(names)])

    # --- what is said

    def on_view_changed(self, event: View.Changed) -> None:
        """Judge the message anew."""
        event.stop()
        self._says.error = ""
        self._say_all()

    def say(self, words: str) -> None:
        """Say what went wrong, until the next change."""
        self._says.error = printable(words, 400)
        self._say_all()

    def _look(self) -> None:
        standing = self.destination.standing()
        self._title.set(((printable(self.destination.title, 200), "heading"),), (standing.words,))
        self._says.over, self._says.instead = standing.over, standing.instead
        self._say_all()

    def _say_all(self) -> None:
        if not self.name_shown:
            return
        faults = self.sheet.faults()
        names = list(self.views)
        if self.name_shown not in names:
            names.append(self.name_shown)
        self.tabs.show_state(names, self.name_shown, self.sheet, faults)
        self._says.show_state(self.sheet, faults, self.view.verdict())
        self._show_keys()

    def _show_keys(self) -> None:
        if self.app.screen is not self:
            return  # the keys are those of what lies over it
        registry = self.app.registry
        pane = self.app.focused_pane
        own = registry.shown(pane) if pane != self.PANE else ()
        actions = [*own, *registry.shown(self.PANE)]
        send = self._says.instead or self.destination.send_label
        labels = {"edit.send": send, "edit.keep": self.destination.keep_label}
        shown = [
            each._replace(label=labels.get(each.id, each.label))
            for each in actions
            if not self.app.reason_against(each.id)
        ]
        here = [each for each in shown if each.id != "edit.help"]
        right = [each for each in shown if each.id == "edit.help"]
        self._keys.show_actions(here, right, typing=False, taken=frozenset())

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Other keys work now."""
        self._show_keys()

    # --- actions

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now."""
        verb = action_id.partition(".")[2]
        if verb in ("answer", "drop") and verb not in self.destination.verbs:
            return "This is no message that is paused"
        says = self._says
        if says.over and (verb in ("answer", "drop") or (verb == "send" and not says.instead)):
            return says.over
        if verb == "as-typed" and self.sheet.is_message:
            return "A message within a stream has no header fields"
        if verb == "undo" and not self.sheet.edited:
            return "The message has not been edited"
        if verb == "lay-out" and not hasattr(self.view, "lay_out"):
            return "Only the body can be laid out: its tab does that"
        return ""

    async def _finished(self) -> Draft:
        finishing = self.sheet.finishing()
        if self.sheet.codings and len(self.sheet.parts.data) > HERE_LIMIT:
            return (await self.app.worker.run(finishing)).draft
        return finishing().draft

    def _why_not(self) -> str:
        faults = self.sheet.faults()
        if not faults:
            return ""
        return f"Not sent: {said(faults[0]) if faults[0].place[:1].isupper() else faults[0]}"

    async def action_send(self) -> None:
        """Hand the message over."""
        await self.view.settle()
        why = self._why_not()
        if why:
            self.say(why)
            return
        await self._hand_over("sent", send=True)

    async def _hand_over(self, how: str, *, send: bool) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            draft = await self._finished()
            await (self.destination.send(draft) if send else self.destination.keep(draft))
        except Exception as error:
            self.say(str(error))
        else:
            self._leave(how, draft)
        finally:
            self._busy = False

    def _leave(self, how: str, draft: Draft | None = None) -> None:
        self.app.run_worker(self.destination.closed(), exit_on_error=False)
        if self.is_attached and self in self.app.screen_stack:
            self.dismiss(EditResult(how, draft, self.sheet))

    async def action_keep(self) -> None:
        """Go back; what can be sent is kept, and what cannot stays with the sheet."""
        await self.view.settle()
        if not self.sheet.changed or self._says.over or self._why_not():
            self._leave("kept")
        else:
            await self._hand_over("kept", send=False)

    async def _do(self, how: str, deed: object) -> None:
        try:
            await deed  # type: ignore[misc]
        except Exception as error:
            self.say(str(error))
        else:
            self._leave(how)

    async def action_drop(self) -> None:
        """Send nothing."""
        await self._do("dropped", self.destination.drop())

    def action_answer(self) -> None:
        """Write a response instead."""
        self.destination.answer()

    def answered(self) -> None:
        """Another editor has answered: this one is done with."""
        self._leave("answered")

    def action_as_typed(self) -> None:
        """Send framing fields as they are typed, or as they fit."""
        self.sheet.change("screen", as_typed=not self.sheet.parts.as_typed)
        self._again()

    def action_undo(self) -> None:
        """Make all as it was."""
        self.sheet.undo()
        self._again()

    def action_step_back(self) -> None:
        """Take a step back."""
        self.sheet.step_back()
        self._again()

    def _again(self) -> None:
        self.view.show()
        self._says.error = ""
        self._say_all()

    async def action_external(self) -> None:
        """Have the view's text edited in the person's own editor, and take what it wrote."""
        view = self.view
        try:
            data, suffix = view.outside()
            outcome = await edit_outside(self.app, data, suffix=suffix, most=self._most_outside)
        except SothError as error:
            self.say(str(error))
            return
        try:
            if outcome.data != data:
                view.take(outcome.data)
        except ValueError as error:
            self.say(f"{error}: what was written is kept in {outcome.path}")
        else:
            forget(outcome.path)
            self._again()
        view.front.focus()

    @property
    def _most_outside(self) -> int:
        return self.app.config.limits.hook_body_bytes

    def action_lay_out(self) -> None:
        """Lay out the JSON of the body."""
        lay_out = getattr(self.view, "lay_out", None)
        why = lay_out() if lay_out is not None else ""
        if why:
            self.say(why)

    def action_copy(self) -> None:
        """Copy what is selected, or the message."""
        view = self.focused
        text = view.buffer.selected_text if isinstance(view, TextEditor) else ""
        self.app.copy("Selection" if text else "Message", text or self.as_text)

    @property
    def as_text(self) -> str:
        """The message as text."""
        if self.sheet.is_message:
            return self.view.as_text or self.sheet.parts.data.decode("utf-8", "replace")
        return raw_of(self.sheet, most=self.most)[0]

    async def action_next(self) -> None:
        """Go to the next tab."""
        await self._turn(1)

    async def action_previous(self) -> None:
        """Go to the tab before."""
        await self._turn(-1)

    def action_help(self) -> None:
        """Show every key."""
        self.app.push_screen(HelpScreen(self.app.focused_pane, self.app.registry))
