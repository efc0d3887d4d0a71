"""Take one message of a stream through the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Change, Continue, Drop, MessageDecision
from soth_mitm.hooks.messages import Message
from soth_mitm.net.chain import MESSAGE_HOOK as HOOK
from soth_mitm.net.chain import CutBehind
from soth_mitm.net.chain import MessageRefused as MessageRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.subject import Subject

__all__ = ["HOOK", "MessageRefused", "ask"]


async def ask(
    shared: Shared, flow: FlowLife, message: Message, asked: Callable[[], Subject]
) -> tuple[MessageDecision, str]:
    """Return what becomes of a message, and why its exchange is cut behind it, where it is.

    A part sees the changes of those before; a drop ends it.

    Raises:
        MessageRefused: the handler failed, and is set to fail closed.
    """
    made: Change | None = None
    cut = ""
    for part in shared.chain.messages:
        try:
            decision = await part.message(flow, asked(), message)
        except MessageRefused:
            if not cut:
                raise
            return Drop(), cut
        if flow.closed:
            break
        match decision:
            case None | Continue():
                continue
            case CutBehind(why=why, dropped=dropped):
                cut = cut or why
                if dropped:
                    return Drop(), cut
            case Change():
                made = _merged(made, decision)
                message = _changed(message, decision)
            case _:
                return decision, cut
    return made or Continue(), cut


def _merged(before: Change | None, change: Change) -> Change:
    if before is None:
        return change
    label = before.label if change.label is None else change.label
    return Change(change.data, label, before.note if change.note is None else change.note)


def _changed(message: Message, change: Change) -> Message:
    return Message(
        message.flow,
        message.direction,
        form=message.form,
        number=message.number,
        label=message.label if change.label is None else change.label,
        data=change.data,
        note=message.note if change.note is None else change.note,
        url=message.url,
    )
