"""What of a recorded flow is needed to send its request again: a draft, its body, its messages.

A body that is not small stays where it is: it is read piece by piece while it goes out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.errors import ReplayError
from soth_mitm.model.events import Direction, FlowKind, MessageForm
from soth_mitm.model.fields import Fields, start_line
from soth_mitm.policy.editing.draft import RequestDraft
from soth_mitm.policy.retargeting import parse_site
from soth_mitm.record.comparing import body_replaced

if TYPE_CHECKING:
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView, MessageView

PERSON: Final = "person"
"""Who has changed a message, where that was no rule and no handler."""

REPLAYING: Final = "replay"
"""What stands for the address of the client of a replay."""

HELD_BYTES: Final = 64 * 1024
"""Up to this size a body becomes part of its draft."""

_FOR_A_PROXY: Final = frozenset({b"proxy-connection", b"proxy-authorization"})
_SENT: Final = frozenset({"text", "binary"})
_WAS: Final = {
    FlowKind.TUNNEL: "it passed through without being decrypted",
    FlowKind.BYTES: "it carried bytes that are no HTTP",
    FlowKind.FAILED: "it failed before there was a request",
}


class ScriptedMessage(msgspec.Struct, frozen=True):
    """A message that the client of a WebSocket sent."""

    label: str
    """`text` or `binary`."""
    data: bytes
    after_ns: int = 0
    """How long the client had waited since its message before, or since the handshake."""


class Script(msgspec.Struct, frozen=True):
    """What the client of a WebSocket sent, and how much came back."""

    messages: Callable[[], AsyncIterator[ScriptedMessage]]
    """Reads them in order, one at a time; raises `ReplayError` where one was not recorded as a whole."""
    count: int
    answers: int
    """Messages that the server sent."""


class Resend(msgspec.Struct, frozen=True):
    """A request to be sent: a recorded one, edited or not, or one made anew."""

    draft: RequestDraft
    of: int = 0
    """The flow that it was recorded in; 0 for none."""
    read: Callable[[int, int], Awaitable[bytes]] | None = None
    """Reads the body where the draft has None for it: from an offset on, up to so many bytes."""
    length: int = 0
    """Bytes of that body."""
    trailers: bytes = b""
    """Lines of fields that come after the body."""
    script: Script | None = None
    """Of a WebSocket."""
    h2c: bool = False
    """The server was spoken to in HTTP/2 without TLS."""


async def resend_of(store: Store, flow: int) -> Resend:
    """Return the request of a flow as it can be sent again.

    It is what the client sent, before rules or a handler changed it, as they do so again; where a person
    did, it is what went on. It is in origin-form, and without what was meant for this proxy. Of a
    WebSocket, the client's messages come with it.

    Raises:
        ReplayError: there is no such flow, it has no request, or not all of its body was recorded.
    """
    view = await store.view(flow)
    if view is None or view.opened is None:
        raise ReplayError(f"cannot replay flow {flow}: there is no such flow")
    request = view.request
    if request is None or not request.raw or not request.method:
        why = _WAS.get(view.opened.flow_kind, "there is no request in it")
        raise ReplayError(f"cannot replay flow {flow}: {why}")
    websocket = _is_websocket(view)
    if request.method == b"CONNECT" and not websocket:
        raise ReplayError(f"cannot replay flow {flow}: a CONNECT asks for a tunnel, not for an answer")
    draft = draft_of(view, request)
    if websocket:
        return Resend(_upgrade_of(draft, view), flow, script=await _script(store, flow))
    original = body_replaced(view, Direction.REQUEST) and not _edited(request)
    sent = request.original_bytes if original else request.body_bytes
    length = 0 if view.upgraded else sent
    captured = request.original_refs.captured if original else request.captured_bytes
    _check_whole(flow, request, length, captured=captured)
    body_of = store.original_body if original else store.body
    body: bytes | None = b""
    if length > HELD_BYTES:
        body = None
    elif length:
        body = await body_of(flow, Direction.REQUEST, 0, length)
        if len(body) < length:
            raise ReplayError(f"cannot replay flow {flow}: a part of its body is gone from the recording")

    async def read(start: int, size: int) -> bytes:
        return await body_of(flow, Direction.REQUEST, start, size)

    return Resend(
        msgspec.structs.replace(draft, body=body),
        flow,
        read=read if body is None else None,
        length=length if body is None else 0,
        trailers=request.trailers_raw,
        h2c=view.opened.scheme == "http" and bool(view.bound and view.bound.stream),
    )


def _check_whole(flow: int, request: MessageView, length: int, *, captured: int) -> None:
    if not request.complete and not request.body_bytes and not length:
        return
    if not request.complete:
        raise ReplayError(
            f"cannot replay flow {flow}: its request has not come to its end; wait, or replay another"
        )
    missing = length - captured
    if missing > 0:
        raise ReplayError(
            f"cannot replay flow {flow}: {missing:,} of {length:,} bytes of its body were not recorded "
            "(limits.capture_body_bytes, or a host whose bodies are not recorded)"
        )


def draft_of(view: FlowView, request: MessageView) -> RequestDraft:
    """Return the head of a recorded request as a draft without a body."""
    assert view.opened is not None, "the flow's first event is known"
    opened = view.opened
    changed = any(each.direction == Direction.REQUEST for each in view.changes)
    method, target = request.method, request.path or request.target
    # What went on instead differs by what a proxy has to change: the form of the target, its own fields.
    head = request.forwarded or request.raw
    if changed and not _edited(request):
        head = request.raw
    elif changed and request.forwarded:
        method, _, rest = start_line(request.forwarded).partition(b" ")
        target = rest.rpartition(b" ")[0]
    draft = RequestDraft(
        scheme=opened.scheme if opened.scheme in ("http", "https") else "http",
        host=opened.host,
        port=opened.port,
        method=method,
        target=target,
        fields=tuple(pair for pair in Fields.of_head(head).in_http1 if pair[0].lower() not in _FOR_A_PROXY),
        version=_spoken(view, request),
    )
    return _at_its_place(draft, view) if changed and _edited(request) else draft


def _edited(request: MessageView) -> bool:
    """Return whether a person has changed it."""
    return PERSON in request.changed_by


def _at_its_place(draft: RequestDraft, view: FlowView) -> RequestDraft:
    """Return a draft for the server that an edit sent it to."""
    targets = [each.target for each in view.changes if each.direction == Direction.REQUEST and each.target]
    if not targets:
        return draft
    site = parse_site(targets[-1])
    return msgspec.structs.replace(draft, scheme=site.scheme, host=site.host, port=site.port)


def _spoken(view: FlowView, request: MessageView) -> str:
    """Return the version that the client spoke; of a replay, whose client is ours, the server's."""
    if view.opened is not None and view.opened.client == REPLAYING and view.response is not None:
        return view.response.version or request.version
    return request.version


# --- WebSockets -----------------------------------------------------------------------------------


def _is_websocket(view: FlowView) -> bool:
    return any(started.form == MessageForm.WEBSOCKET for started in view.framing.values())


def _upgrade_of(draft: RequestDraft, view: FlowView) -> RequestDraft:
    """Return a handshake as HTTP/1.1 has it, of one over HTTP/2 (RFC 8441) as well.

    The server is offered HTTP/2 where the original went over that.
    """
    if draft.method != b"CONNECT":
        return draft
    version = "HTTP/2.0" if view.bound is not None and view.bound.stream else "HTTP/1.1"
    fields = (
        *draft.fields,
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Key", b"c290aC1taXRtIHJlcGxheQ=="),
    )
    return msgspec.structs.replace(draft, method=b"GET", fields=fields, version=version)


async def _script(store: Store, flow: int) -> Script:
    log = store.messages(flow)
    await log.refresh()
    table = log.table
    if table.dropped:
        raise ReplayError(
            f"cannot replay flow {flow}: its first {table.dropped:,} messages are no longer in the list "
            "(limits.message_rows)"
        )
    count = answers = 0
    for position in range(table.end):
        entry = table.entry(position)
        if entry.label in _SENT and entry.direction == Direction.RESPONSE:
            answers += 1
        elif entry.label in _SENT and entry.origin != "dropped":
            count += 1
    return Script(lambda: _messages(log, flow), count, answers)


async def _messages(log: MessageLog, flow: int) -> AsyncIterator[ScriptedMessage]:
    table = log.table
    before = table.entry(0).mono_ns if len(table) else 0
    for position in range(table.dropped, table.end):
        entry = table.entry(position)
        if entry.direction != Direction.REQUEST or entry.label not in _SENT or entry.origin == "dropped":
            continue
        data = await log.payload(position, entry.size)
        if len(data) < entry.size or entry.cut:
            raise ReplayError(f"message {entry.number} of flow {flow} was not recorded as a whole")
        yield ScriptedMessage(entry.label, data, max(entry.mono_ns - before, 0))
        before = entry.mono_ns
