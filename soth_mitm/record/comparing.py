"""Recorded messages as what `policy.diff` compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from soth_mitm.model.events import Direction, MessageForm
from soth_mitm.model.fields import Fields, start_line
from soth_mitm.policy.diff import MOST_BYTES, Sample

if TYPE_CHECKING:
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView, MessageView

Pair = tuple[Sample | None, Sample | None]
"""The request and the response of a flow."""

_SAID: Final = frozenset({"text", "binary"})


async def sample_of(
    store: Store, view: FlowView, direction: Direction, *, most: int = MOST_BYTES
) -> Sample | None:
    """Return the request or the response of a flow to be compared; None where there is none.

    A request is taken without what was meant for a proxy alone: the form of its target, fields of its
    own. Of the body come at most `most` bytes; of a WebSocket, what that side said.
    """
    message = _message(view, direction)
    if message is None or not message.raw:
        return None
    body = await store.body(view.flow, direction, 0, most + 1) if message.body_bytes else b""
    head = message.forwarded
    start, fields = start_line(message.raw), message.fields
    if direction == Direction.REQUEST:
        start = message.method + b" " + message.path
        fields = Fields.of_head(head) if head else fields
        if head and any(each.direction == direction for each in view.changes):
            start = start_line(head).rpartition(b" ")[0]
    elif head:
        start, fields = start_line(head), Fields.of_head(head)
    sample = _sample(message, start, fields, body, message.body_bytes)
    return await _with_talk(store, view, direction, sample)


async def original_of(store: Store, view: FlowView, direction: Direction) -> Sample | None:
    """Return a message as its sender sent it, to be compared with what went on in its place."""
    message = _message(view, direction)
    if message is None or not message.raw:
        return None
    start, fields = start_line(message.raw), Fields.of_head(message.raw)
    if direction == Direction.REQUEST:
        start = message.method + b" " + message.path
    if not body_replaced(view, direction):
        body = await store.body(view.flow, direction, 0, MOST_BYTES + 1) if message.body_bytes else b""
        return _sample(message, start, fields, body, message.body_bytes)
    body = await store.original_body(view.flow, direction, 0, MOST_BYTES + 1)
    return _sample(message, start, fields, body, message.original_bytes)


def body_replaced(view: FlowView, direction: Direction) -> bool:
    """Return whether another body went on in the place of the one that came."""
    message = _message(view, direction)
    return bool(message is not None and message.original_bytes) or any(
        change.detail for change in view.changes if change.direction == direction
    )


def is_changed(view: FlowView) -> bool:
    """Return whether a message of a flow went on otherwise than it came."""
    return bool(view.changes)


def _message(view: FlowView, direction: Direction) -> MessageView | None:
    return view.request if direction == Direction.REQUEST else view.response


def _sample(message: MessageView, start: bytes, fields: Fields, body: bytes, size: int) -> Sample:
    return Sample(
        start=start,
        fields=tuple(pair for pair in fields.in_http1 if pair[0][:1] != b":"),
        body=body,
        body_bytes=size,
        trailers=tuple(message.trailers),
        content_type=fields.get(b"content-type"),
        content_encoding=fields.joined(b"content-encoding"),
    )


async def exchange_of(store: Store, flow: int) -> Pair:
    """Return both messages of a flow, as `compare_exchanges` takes them."""
    view = await store.view(flow)
    if view is None:
        return None, None
    return (
        await sample_of(store, view, Direction.REQUEST),
        await sample_of(store, view, Direction.RESPONSE),
    )


async def changes_of(store: Store, flow: int) -> tuple[Pair, Pair]:
    """Return both messages of a flow as they came, and as they went on."""
    view = await store.view(flow)
    if view is None:
        return (None, None), (None, None)
    directions = Direction.REQUEST, Direction.RESPONSE
    before = [await original_of(store, view, each) for each in directions]
    after = [await sample_of(store, view, each) for each in directions]
    for at, direction in enumerate(directions):
        one, other = before[at], after[at]
        if one is not None and other is not None:
            before[at] = await _with_talk(store, view, direction, one, changes="came")
            after[at] = await _with_talk(store, view, direction, other, changes="went")
    return (before[0], before[1]), (after[0], after[1])


async def answer_of(store: Store, view: FlowView) -> Sample:
    """Return an answer with its status alone for a start line: the version may be another one."""
    sample = await sample_of(store, view, Direction.RESPONSE) or Sample()
    return msgspec.structs.replace(sample, start=b"status %d" % view.status)


# --- messages within streams ------------------------------------------------------------------------


async def message_of(log: MessageLog, position: int) -> Sample:
    """Return one message of a stream; raises IndexError where it is no longer kept."""
    entry = log.table.entry(position)
    data = await log.payload(position, MOST_BYTES + 1)
    way = b"from the client" if entry.direction == Direction.REQUEST else b"to the client"
    return Sample(start=b"%b %b" % (entry.label.encode(), way), body=data, body_bytes=entry.size)


async def original_message_of(log: MessageLog, position: int) -> Sample | None:
    """Return a message as it came, where another or none went on; None where it went on as it came.

    Raises:
        IndexError: it is no longer kept.
    """
    sample = await message_of(log, position)
    if log.table.entry(position).origin == "dropped":
        return sample
    data = await log.original(position, MOST_BYTES + 1)
    if data is None:
        return None
    came = log.table.originals[position]
    way = sample.start.partition(b" ")[2]
    return msgspec.structs.replace(
        sample, start=b"%b %b" % (came.label.encode(), way), body=data, body_bytes=came.size
    )


async def forwarded_message_of(log: MessageLog, position: int) -> Sample:
    """Return what went on of a message: nothing of one that was dropped; raises IndexError likewise."""
    if log.table.entry(position).origin == "dropped":
        return Sample(start=b"dropped: nothing went on")
    return await message_of(log, position)


async def _with_talk(
    store: Store,
    view: FlowView,
    direction: Direction,
    sample: Sample,
    *,
    changes: Literal["", "came", "went"] = "",
) -> Sample:
    """Return a sample with what a side said for a body: of a WebSocket, or where messages were changed."""
    started = view.framing.get(direction)
    if started is None or not (changes or started.form == MessageForm.WEBSOCKET):
        return sample
    log = store.messages(view.flow)
    await log.refresh()
    websocket = started.form == MessageForm.WEBSOCKET
    if not websocket and not log.facts.origins:
        return sample
    said = await _said(log, direction, came=changes == "came", websocket=websocket)
    return msgspec.structs.replace(
        sample, body=said, body_bytes=len(said), content_type=b"text/plain", content_encoding=b""
    )


async def _said(log: MessageLog, direction: Direction, *, came: bool, websocket: bool) -> bytes:
    """Return what one side said, or what of it went on, a message a line, up to what is compared."""
    said: list[bytes] = []
    size = 0
    for position in range(log.table.dropped, log.table.end):
        entry = log.table.entry(position)
        if entry.direction != direction or (websocket and entry.label not in _SAID):
            continue
        if entry.origin == ("injected" if came else "dropped"):
            continue
        data = await log.original(position, MOST_BYTES) if came else None
        if data is None:
            data = await log.payload(position, entry.size)
        said.append(data if websocket else b"%b: %b" % (entry.label.encode(), data))
        size += len(said[-1]) + 1
        if size > MOST_BYTES:
            break
    return b"\n".join(said)[:MOST_BYTES]
