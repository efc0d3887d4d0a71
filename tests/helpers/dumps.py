"""Dumps made of streams of events, and what formats make of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from soth_mitm.export.har.reader import HarReader
from soth_mitm.model import events as e
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.converting import Conversion, Outcome
from soth_mitm.record.eventfile import EventFile
from soth_mitm.record.kinds import Format
from soth_mitm.record.picking import Numbered
from soth_mitm.record.target import FileTarget
from tests.helpers.streams import Stream


def written(path: Path, *streams: Stream) -> Path:
    """Write streams into a dump, a run each."""
    target = FileTarget(path)
    for number, stream in enumerate(streams, 1):
        file = EventFile(target, run_id=f"run-{number}")
        for event in stream.events:
            file.write(event)
        file.close()
    target.close()
    return path


def convert(
    source: Path, path: Path, kind: Format, *, expression: str = "", masks: bool = False, packing: str = ""
) -> Outcome:
    """Convert a file."""
    target = FileTarget(path)
    try:
        wanted = compile_filter(expression) if expression else None
        return Conversion(wanted=wanted, masks=masks).run(source, target, kind, packing=packing)
    finally:
        target.close()


def har_of(tmp_path: Path, *streams: Stream, expression: str = "", masks: bool = False) -> dict[str, Any]:
    """Return the HAR of streams."""
    dump = written(tmp_path / "dump.soth", *streams)
    convert(dump, tmp_path / "dump.har", "har", expression=expression, masks=masks)
    found: dict[str, Any] = json.loads((tmp_path / "dump.har").read_bytes())
    return found


def har_reader(data: bytes) -> HarReader:
    """Return a reader of bytes."""
    return HarReader(io.BytesIO(data), "test.har")


def events_of(path: Path) -> list[e.Event]:
    """Return the events of a dump."""
    return list(Numbered(path))


def websocket(stream: Stream, *, large: int = 70_000) -> int:
    """A WebSocket with messages of every sort, one of them longer than an event."""
    conn, flow = stream.new_conn(), stream.new_flow()
    client = stream.new_client()
    stream.add(e.ConnOpened(e.Side.CLIENT, client), conn=conn)

    def tell(body: e.Body, after_ms: float = 1.0) -> None:
        stream.add(body, conn=conn, flow=flow, after_ms=after_ms)

    tell(e.FlowOpened(e.FlowKind.HTTP, "http", "chat.test", 8080, client))
    raw = b"GET /ws HTTP/1.1\r\nHost: chat.test:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    tell(e.RequestHead(b"GET", b"/ws", "HTTP/1.1", raw, b"/ws"))
    tell(e.RequestEnd(0, 0))
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    tell(e.ResponseHead(101, b"Switching Protocols", "HTTP/1.1", answer))
    tell(e.Upgraded("websocket"))
    for direction in e.Direction:
        tell(e.MessagesStarted(direction, e.MessageForm.WEBSOCKET))
    up, down = e.Direction.REQUEST, e.Direction.RESPONSE
    tell(e.MessageSeen(up, 1, "text", 7, "gr\u00fc\u00dfe".encode()))
    tell(e.MessageSeen(down, 2, "binary", 3, b"\x00\xff\x01"), 5)
    data = b"long " * (large // 5)
    for offset in range(0, len(data), e.CHUNK_LIMIT):
        tell(e.MessageChunk(down, 3, offset, data[offset : offset + e.CHUNK_LIMIT]))
    tell(e.MessageSeen(down, 3, "text", len(data)))
    tell(e.MessageSeen(up, 4, "ping", 2, b"hi"))
    tell(e.MessageSeen(down, 5, "close", 2, b"\x03\xe8", note="1000"))
    tell(e.FlowClosed("websocket_completed", "1000", 20, 70_010))
    stream.add(e.ConnClosed("completed"), conn=conn)
    return flow


def byte_stream(stream: Stream) -> int:
    """A connection that is not HTTP, decrypted and recorded."""
    conn, flow = stream.new_conn(), stream.new_flow()
    client = stream.new_client()
    stream.add(e.ConnOpened(e.Side.CLIENT, client), conn=conn)

    def tell(body: e.Body) -> None:
        stream.add(body, conn=conn, flow=flow, after_ms=1.0)

    tell(e.FlowOpened(e.FlowKind.BYTES, "tcp", "mail.test", 25, client))
    tell(e.Upgraded("bytes"))
    tell(e.BodyChunk(e.Direction.RESPONSE, 0, 5, b"220 x"))
    tell(e.BodyChunk(e.Direction.REQUEST, 0, 4, b"EHLO"))
    tell(e.BodyChunk(e.Direction.RESPONSE, 5, 3, b"250"))
    tell(e.FlowClosed("relay_eof", "", 4, 8))
    stream.add(e.ConnClosed("completed"), conn=conn)
    return flow
