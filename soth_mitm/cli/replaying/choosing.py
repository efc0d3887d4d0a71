"""Which flows of a dump are sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.coding import undo
from soth_mitm.model.events import Direction
from soth_mitm.policy.filters import Scope

if TYPE_CHECKING:
    from soth_mitm.policy.filters import DeepTerm, Filter
    from soth_mitm.record.rows import Row
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView

LOOKED_AT: Final = 1024 * 1024
"""Bytes of a body, as it came and decoded, that a `body:` term is looked for in."""


async def chosen(dump: Store, wanted: Filter) -> tuple[list[int], int]:
    """Return the flows with requests that match, in order, and how many that match have none."""
    flows: list[int] = []
    others = 0
    index = dump.index
    for number in index.search(wanted, 0, index.end):
        row = index.row(number)
        if wanted.judge(row) is None and not await _judge_deep(dump, row, wanted):
            continue
        if row.kind == "http" and row.method and row.method != "CONNECT":
            flows.append(row.flow)
        else:
            others += 1
    return flows, others


async def _judge_deep(dump: Store, row: Row, wanted: Filter) -> bool:
    view = await dump.view(row.flow)
    if view is None:
        return False
    return wanted.judge_deep(row, [await _answer(dump, view, term) for term in wanted.deep])


async def _answer(dump: Store, view: FlowView, term: DeepTerm) -> bool:
    for direction, message in ((Direction.REQUEST, view.request), (Direction.RESPONSE, view.response)):
        if message is None or not term.wants(response=direction is Direction.RESPONSE):
            continue
        if term.scope == Scope.HEADER:
            if term.matches_head(message.raw):
                return True
        elif message.body_bytes:
            data = await dump.body(view.flow, direction, 0, LOOKED_AT)
            if term.matches_body(undo(data, message.content_encoding, limit=LOOKED_AT).data):
                return True
    return False
