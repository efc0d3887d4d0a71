"""Bodies that are passing already when somebody begins to decide about messages.

Of a stream of messages the next ones are decided about, from where the one that is under way ends. A
body that is no such stream, or whose messages cannot be taken out of it any more, goes on; its flow says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.model.events import Direction, Noted

if TYPE_CHECKING:
    from soth_mitm.net.asking import Asking
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.shared import Shared

PASSING = "already_passing"
"""Code of the note."""


class Passing(Protocol):
    """An exchange with a body that passes."""

    @property
    def deciding(self) -> Asking | None:
        """The chain's part in it, once there is one."""
        ...

    def decider(self) -> Asking:
        """Return the chain's part in it."""
        ...


def look_again(shared: Shared) -> None:
    """Have all open flows decided about as far as that is possible yet: what is asked has changed."""
    if shared.pauses.active:
        for owner in tuple(shared.flows.values()):
            owner.decide_anew()


def decide_anew(exchange: Passing, *taps: BodyTap) -> None:
    """Do so for the bodies of one exchange that are passing now."""
    for tap in taps:
        deciding = exchange.deciding
        if (deciding is None or not deciding.holds(tap.direction)) and _wanted(tap):
            exchange.decider().join(tap.direction)


def _wanted(tap: BodyTap) -> bool:
    """Return whether a stream's messages are to be decided about; take note where that is too late."""
    messages, asked, shared = tap.messages, tap.asked, tap.shared
    if tap.through is not None or asked is None:
        return False
    if messages is not None and messages.sure:
        if not shared.chain.wants_messages(asked, tap.direction):
            return False
        if messages.can_join:
            return True
    elif not shared.pauses.would_stop(asked(), tap.direction):
        return False
    if not tap.late:
        tap.late = True
        whose = "request" if tap.direction is Direction.REQUEST else "response"
        tap.flow.emit(Noted(PASSING, f"the {whose}'s body was already on its way, so no breakpoint stops it"))
    return False
