"""Flows that carry messages, event by event: a WebSocket, an event stream, lines of JSON in a body."""

from __future__ import annotations

from soth_mitm.model import events as e
from tests.helpers.streams import CHUNK, Stream

UP, DOWN = e.Direction.REQUEST, e.Direction.RESPONSE


class Talk:
    """One open flow; its messages are numbered as they are said."""

    def __init__(self, stream: Stream, form: e.MessageForm, *, detail: str = "") -> None:
        self.stream, self.form = stream, form
        self.conn, self.flow = stream.new_conn(), stream.new_flow()
        self.number = 0
        self.offset = 0
        opened = e.FlowOpened(e.FlowKind.HTTP, "https", "talk.test", 443, stream.new_client())
        self.add(opened)
        self.add(e.RequestHead(b"GET", b"/talk", "HTTP/1.1", b"GET /talk HTTP/1.1\r\n\r\n", b"/talk"))
        status = 101 if form == e.MessageForm.WEBSOCKET else 200
        self.add(e.ResponseHead(status, b"OK", "HTTP/1.1", b"HTTP/1.1 %d OK\r\n\r\n" % status))
        for direction in (UP, DOWN) if form == e.MessageForm.WEBSOCKET else (DOWN,):
            self.add(e.MessagesStarted(direction, form, detail))

    def add(self, body: e.Body, *, after_ms: float = 1) -> e.Event:
        """Append one event of the flow."""
        return self.stream.add(body, conn=self.conn, flow=self.flow, after_ms=after_ms)

    def say(
        self,
        direction: e.Direction,
        data: bytes,
        label: str = "text",
        *,
        after_ms: float = 1,
        note: str = "",
        origin: str = "",
        compressed: bool = False,
    ) -> int:
        """Tell a message that its event carries, or chunks where it is too long; return its number."""
        self.number += 1
        long = len(data) > CHUNK
        for offset in range(0, len(data) if long else 0, CHUNK):
            self.add(e.MessageChunk(direction, self.number, offset, data[offset : offset + CHUNK]))
        seen = e.MessageSeen(
            direction,
            self.number,
            label,
            len(data),
            b"" if long else data,
            note=note,
            origin=origin,
            compressed=compressed,
        )
        self.add(seen, after_ms=after_ms)
        return self.number

    def line(self, data: bytes, *, pieces: int = 1, recorded: bool = True) -> int:
        """Tell a line of a body, where it lies as it is; the body comes in `pieces`."""
        self.number += 1
        start = self.offset
        whole = data + b"\n"
        step = -(-len(whole) // pieces)
        for at in range(0, len(whole), step):
            piece = whole[at : at + step]
            chunk = e.BodyChunk(DOWN, self.offset, len(piece), piece if recorded else b"")
            self.add(chunk)
            self.offset += len(piece)
        self.add(e.MessageSeen(DOWN, self.number, "json", len(data), offset=start))
        return self.number

    def close(self, reason: str = "completed") -> None:
        """End the flow."""
        self.add(e.FlowClosed(reason))
