"""Recorded messages as what `policy.diff` compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction
from soth_mitm.model.fields import Fields, start_line
from soth_mitm.policy.diff import MOST_BYTES, Sample

if TYPE_CHECKING:
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView


async def sample_of(store: Store, view: FlowView, direction: Direction) -> Sample | None:
    """Return the request or the response of a flow to be compared; None where there is none.

    A request is taken without what was meant for a proxy alone: the form of its target, fields of its
    own. Of the body comes at most as much as is compared line by line.
    """
    message = view.request if direction == Direction.REQUEST else view.response
    if message is None or not message.raw:
        return None
    body = await store.body(view.flow, direction, 0, MOST_BYTES + 1) if message.body_bytes else b""
    start, fields = start_line(message.raw), message.fields
    if direction == Direction.REQUEST:
        start = message.method + b" " + message.path
        fields = Fields.of_head(message.forwarded) if message.forwarded else fields
    return Sample(
        start=start,
        fields=tuple(pair for pair in fields.in_http1 if pair[0][:1] != b":"),
        body=body,
        body_bytes=message.body_bytes,
        trailers=tuple(message.trailers),
        content_type=message.content_type,
        content_encoding=message.content_encoding,
    )


async def exchange_of(store: Store, flow: int) -> tuple[Sample | None, Sample | None]:
    """Return both messages of a flow, as `compare_exchanges` takes them."""
    view = await store.view(flow)
    if view is None:
        return None, None
    return (
        await sample_of(store, view, Direction.REQUEST),
        await sample_of(store, view, Direction.RESPONSE),
    )
