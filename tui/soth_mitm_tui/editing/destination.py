"""Where an edited message goes: the editor does not know, and asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from soth_mitm.policy.editing import Draft
    from soth_mitm_tui.lines import Span


class Standing(NamedTuple):
    """How it stands with the message that is edited."""

    words: Span
    """A few words for the title, with their tone."""
    over: str = ""
    """Why it cannot go there any more, as a sentence; empty while it can."""
    instead: str = ""
    """What sending does all the same, once it is over, such as `send again`; empty where it does nothing."""


class Destination:
    """What becomes of a draft. A subclass says what it can do in `verbs`, and does it.

    Whatever a method raises is shown inside the editor, which then stays open, with all that was typed.
    """

    title: str = "Message"
    """What is edited, for a person; display text."""
    send_label: str = "send"
    """What the key that sends is called."""
    keep_label: str = "back"
    """What leaving the editor without sending is called."""
    verbs: frozenset[str] = frozenset()
    """What it can do besides sending and keeping: of `answer` and `drop`."""

    def standing(self) -> Standing:
        """Say how it stands; asked some times a second."""
        return Standing(("", "muted"))

    async def opened(self) -> None:
        """The editor is open."""

    async def closed(self) -> None:
        """The editor is closed, whatever for."""

    async def send(self, draft: Draft) -> None:
        """Send it; the editor closes once this returns."""
        raise NotImplementedError

    async def keep(self, draft: Draft) -> None:
        """Keep a draft that can be sent, as the person leaves without sending it."""

    def answer(self) -> None:
        """Open another editor for a response that is written in its place (`answer`)."""
        raise NotImplementedError

    async def drop(self) -> None:
        """Send nothing (`drop`)."""
        raise NotImplementedError
