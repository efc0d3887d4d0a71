"""Flows to copy from, made of the bytes of a request and a response."""

from __future__ import annotations

from soth_mitm.model import events as e
from soth_mitm.record.view import FlowView
from soth_mitm.record.viewfold import fold
from tests.helpers.streams import Stream


def flow_of(
    head: bytes,
    body: bytes = b"",
    *,
    scheme: str = "http",
    host: str = "api.test",
    port: int = 80,
    path: bytes | None = None,
    captured: bool = True,
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
    answer_body: bytes = b"",
    answer_type: bytes = b"text/plain",
    answer_coding: bytes = b"",
    complete: bool = True,
) -> FlowView:
    """Return the view of one exchange; without `answer`, of one that has none."""
    stream = Stream()
    method, _, rest = head.partition(b" ")
    target, _, rest = rest.rpartition(b"\r\n\r\n")[0].partition(b"\r\n")[0].rpartition(b" ")
    version = rest.decode()
    path = path if path is not None else target
    stream.add(e.FlowOpened(e.FlowKind.HTTP, scheme, host, port, "127.0.0.1:4000"), conn=1, flow=1)
    stream.add(e.RequestHead(method, target, version, head, path), conn=1, flow=1)
    if body:
        stream.add(e.BodyChunk(e.Direction.REQUEST, 0, len(body), body if captured else b""), conn=1, flow=1)
    if complete:
        stream.add(e.RequestEnd(len(body), len(body)), conn=1, flow=1)
    if answer:
        status = int(answer.split(b" ")[1])
        stream.add(
            e.ResponseHead(status, b"OK", "HTTP/1.1", answer, answer_type, answer_coding), conn=1, flow=1
        )
        if answer_body:
            stream.add(e.BodyChunk(e.Direction.RESPONSE, 0, len(answer_body), answer_body), conn=1, flow=1)
        stream.add(e.ResponseEnd(len(answer_body), len(answer_body)), conn=1, flow=1)
    stream.add(e.FlowClosed("completed"), conn=1, flow=1)
    return fold(stream.events, 1)


def request(
    *fields: tuple[bytes, bytes], method: bytes = b"GET", target: bytes = b"/", version: bytes = b"HTTP/1.1"
) -> bytes:
    """Return the head of a request to api.test."""
    lines = [method + b" " + target + b" " + version, b"Host: api.test"]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"
