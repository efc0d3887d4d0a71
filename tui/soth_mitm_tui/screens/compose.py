"""A request made anew: from a pasted curl command, from an address, or from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, TextArea

from soth_mitm.policy.composing import Pasted, PasteError
from soth_mitm.text import printable
from soth_mitm_tui import composing
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual import events
    from textual.app import ComposeResult

    from soth_mitm.policy.retargeting import Site
    from soth_mitm_tui.app import SothApp


class CommandArea(TextArea):
    """Where the command is; enter goes on once it is one."""

    async def _on_key(self, event: events.Key) -> None:
        screen = self.screen
        if event.key == "enter" and isinstance(screen, ComposeScreen) and screen.pasted is not None:
            event.stop()
            event.prevent_default()
            screen.app.perform("compose.edit")
            return
        await super()._on_key(event)


class ComposeScreen(ModalScreen[None]):
    """Reads what is typed or pasted while it changes; hands the request to `edit` or to `send`."""

    PANE: ClassVar[str] = "compose"
    BINDINGS = bindings("compose")
    AUTO_FOCUS = "CommandArea"
    app: SothApp

    def __init__(
        self,
        site: Site,
        *,
        edit: Callable[[Pasted], object],
        send: Callable[[Pasted], Awaitable[object]],
        text: str = "",
    ) -> None:
        """Begin with a text; `site` is the server of a request that is made from nothing."""
        super().__init__()
        self._site, self._edit, self._send = site, edit, send
        self.area = CommandArea(text, id="compose-text", soft_wrap=True, tab_behavior="focus", compact=True)
        self.area.cursor_blink = False
        self.pasted: Pasted | None = None
        """What the text stands for; None where it is wrong."""
        self.read = ""
        """The text that this was made of."""
        self._verdict = Label("", id="compose-verdict", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the title, the text, and what is made of it."""
        with Vertical(id="compose", classes="menu-box"):
            title = PaneTitle("New request")
            keys = (("enter", " edit it  "), ("^r", " send now  "), ("esc", " back"))
            title.set(note=tuple(span for key, words in keys for span in ((key, "accent"), (words, "muted"))))
            title.set_bright(True)
            yield title
            yield Label("Paste a curl command, or type an address; empty begins with nothing", markup=False)
            yield self.area
            yield self._verdict

    def on_mount(self) -> None:
        """Read what is there already."""
        self.area.move_cursor(self.area.document.end)
        self._read()

    def on_text_area_changed(self) -> None:
        """Read it anew."""
        self._read()

    def _read(self) -> None:
        text = self.read = self.area.text
        try:
            self.pasted = composing.read(text, self._site)
        except PasteError as error:
            self.pasted = None
            self._say(
                "\n".join((*composing.place(text, error.position), printable(str(error), 300))), wrong=True
            )
        else:
            said = [
                composing.words(self.pasted),
                *(f"· {printable(note, 200)}" for note in self.pasted.notes),
            ]
            self._say("\n".join(said))

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._verdict.update(text)
        self._verdict.set_class(wrong, "-wrong")

    def reason_against(self, action_id: str) -> str:
        """Say why it cannot go on."""
        if action_id != "compose.close" and self.pasted is None:
            return "This is no request yet: what is wrong stands below it"
        return ""

    def action_edit(self) -> None:
        """Go on in the editor."""
        if self.pasted is not None:
            self.dismiss()
            self._edit(self.pasted)

    async def action_send(self) -> None:
        """Send it as it is; what went wrong stays to be mended."""
        if self.pasted is None:
            return
        try:
            await self._send(self.pasted)
        except Exception as error:
            self._say(printable(str(error), 300), wrong=True)
        else:
            self.dismiss()

    def action_close(self) -> None:
        """Go back, and send nothing."""
        self.dismiss()
