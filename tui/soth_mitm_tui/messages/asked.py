"""The requests that an answer's results belong to: its own, or those of other flows, in the older era of MCP.

There, what the client asks goes to the `endpoint` that a stream names first, and results come in the stream.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.about import ASKED_MOST
from soth_mitm.decode.coding import undo
from soth_mitm.decode.llm.mcp import LOOKED_AT, MOST_CALLS, calls_of, endpoint_of, together
from soth_mitm.decode.sniff import essence
from soth_mitm.model.events import Direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView
    from soth_mitm_tui.source import FlowStore

FLOWS_AFTER: Final = 5_000
"""Flows behind a stream among which its requests are looked for."""

_AT_ONCE: Final = 100
_BEFORE: Final = 20
"""Flows before it that are looked at too: some clients do not wait for the endpoint."""
_HOLE: Final = 200
"""Flows that are not there, one after the other, behind which no more are looked for."""
_STREAM: Final = b"text/event-stream"
_JSON: Final = b"application/json"


class Asked:
    """What the answer of the flow that was asked about last answers; what is known is not read again."""

    def __init__(self, store: FlowStore, row_of: Callable[[int], Row | None]) -> None:
        self._store = store
        self._row_of = row_of
        self._flow = 0
        self._own = b""
        self._endpoint = ""
        self._calls: list[bytes] = []
        self._next = 0
        """The flow that is looked at next."""

    async def of(self, view: FlowView, row: Row) -> bytes:
        """Return the request as `About.asked` has it; empty where there is none that could help."""
        asked, said = view.request, view.response
        if asked is None or said is None:
            return b""
        kind = essence(said.content_type)
        small = asked.complete and 0 < asked.body_bytes <= ASKED_MOST
        if small and essence(asked.content_type) == _JSON and kind in (_JSON, _STREAM):
            if self._flow != view.flow:
                self._own = await self._body(view)
                self._begin(view.flow)
            return self._own
        if kind == _STREAM and not asked.body_bytes:
            return await self._of_stream(row)
        return b""

    def _begin(self, flow: int) -> None:
        self._flow, self._endpoint, self._calls = flow, "", []
        self._next = max(flow - _BEFORE, 1)

    async def _of_stream(self, row: Row) -> bytes:
        if self._flow != row.flow:
            self._begin(row.flow)
        if not self._endpoint:
            beginning = await self._store.body(row.flow, Direction.RESPONSE, 0, LOOKED_AT)
            self._endpoint = endpoint_of(beginning).decode("utf-8", "replace")
        if self._endpoint:
            await self._gather(row)
        return together(self._calls)

    async def _gather(self, row: Row) -> None:
        missing, flow = 0, self._next
        while missing < _HOLE and flow <= row.flow + FLOWS_AFTER and len(self._calls) < MOST_CALLS:
            if not flow % _AT_ONCE:
                await asyncio.sleep(0)
            other = self._row_of(flow)
            missing = 0 if other is not None else missing + 1
            if other is not None and self._is_request(other, row):
                view = await self._store.view(flow)
                if self._flow != row.flow:
                    return  # another was asked about meanwhile
                if view is None or view.request is None or not view.request.complete:
                    return  # it is looked at again
                self._calls += calls_of(await self._body(view))
            elif other is not None and other.open and not other.method:
                return
            flow += 1
            if other is not None:
                self._next = flow

    def _is_request(self, other: Row, row: Row) -> bool:
        where = other.method == "POST" and (other.host, other.port) == (row.host, row.port)
        return where and other.path == self._endpoint

    async def _body(self, view: FlowView) -> bytes:
        body = await self._store.body(view.flow, Direction.REQUEST, 0, ASKED_MOST)
        coding = view.request.fields.joined(b"content-encoding") if view.request is not None else b""
        return undo(body, coding, limit=ASKED_MOST).data if coding else body
