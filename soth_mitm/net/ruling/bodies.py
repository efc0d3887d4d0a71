"""Replacing in bodies: as they stream, or as a whole where they cannot go on in another length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.decode.undoing import CodingError
from soth_mitm.hooks.decisions import Modify
from soth_mitm.hooks.messages import BodyTooLarge
from soth_mitm.model.events import Noted
from soth_mitm.net.shaping import Rewriting, rewritten
from soth_mitm.policy.rules.replacing import Replacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.config import Limits
    from soth_mitm.net.chain import Turn
    from soth_mitm.policy.rules.actions import ReplaceBody


async def replace(
    turn: Turn, action: ReplaceBody, *, by: str, applied: Callable[[str], None], limits: Limits
) -> Modify | None:
    """Have a body rewritten as it passes; return the rewritten body where that cannot be.

    `applied` is called once it is known how much was replaced, where anything was.
    """

    def told(count: int) -> None:
        if count:
            applied(f"{count:,} replaced in the {turn.direction.name.lower()}'s body")

    def editor() -> Replacing:
        return Replacing(action.pattern.encode(), action.replacement.encode(), literal=action.literal)

    fields = turn.draft(None).fields
    coding = b", ".join(value for name, value in fields if name.lower() == b"content-encoding")
    if coding and any(name.lower() == b"content-range" for name, _ in fields):
        turn.flow.emit(Noted("rule_undecided", f"{by} cannot change a part of a coded body"))
        return None
    try:
        rewriting = Rewriting(editor, coding, by=by, original=turn.original, told=told)
        if turn.resizable:
            turn.shape(rewriting)
            return None
        body = await turn.body()
        made = await rewritten(body, rewriting, limit=limits.hook_body_bytes)
        return None if made == body else Modify(body=made)
    except (CodingError, BodyTooLarge) as error:
        turn.flow.emit(Noted("rule_undecided", f"{by} cannot change the body: {error}"))
        return None
