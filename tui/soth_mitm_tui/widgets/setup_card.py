"""The set-up card: how to send traffic through the proxy, turning green as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.viewers.content import Joined
from soth_mitm_tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.setup import Commands


class SetupCard(LineView):
    """Shows the card, and copies its one-liners."""

    class Copied(Message):
        """A one-liner is to be copied."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what, self.text = what, text

    class Closed(Message):
        """The card is to go away."""

    PANE: ClassVar[str] = "setup"
    BINDINGS = bindings("setup")
    title = "The set-up card"

    def __init__(
        self,
        content: Callable[[], list[Line]],
        commands: Callable[[], Commands | None],
        *,
        standing: bool,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._content, self._commands = content, commands
        self._standing = standing

    def on_mount(self) -> None:
        """Fill in the card."""
        self.update()

    def update(self) -> None:
        """Show the facts as they are now."""
        lines = self._content()
        if list(self.lines) != lines:
            self.extend(Joined(lines))

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now; empty where it does."""
        if action_id == "setup.close":
            return "The list opens with the first flow" if self._standing else ""
        return "" if self._commands() is not None else "This is a file: no proxy runs here"

    def takes(self, action_id: str) -> bool:
        """Leave the keys of closing to others where the card lies over nothing."""
        return not (self._standing and action_id == "setup.close")

    def action_copy_try(self) -> None:
        """Copy the command that sends one request through."""
        self._copy("Command", "try_out")

    def action_copy_run(self) -> None:
        """Copy the command that starts a program set up."""
        self._copy("Command", "run")

    def action_copy_browser(self) -> None:
        """Copy the address that installs the CA."""
        self._copy("Address", "browser")

    def _copy(self, what: str, name: str) -> None:
        commands = self._commands()
        if commands is not None:
            self.post_message(self.Copied(what, getattr(commands, name)))

    def action_close(self) -> None:
        """Close the card."""
        self.post_message(self.Closed())
