"""Drive a reader over input in pieces and sum up what came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from soth_mitm.proto.http1 import (
    Body,
    End,
    Framing,
    Http1Error,
    Item,
    RequestHead,
    RequestReader,
    ResponseHead,
    ResponseReader,
)

Reader = RequestReader | ResponseReader


class Summary(NamedTuple):
    """What a whole input gave, with adjacent body spans merged."""

    heads: list[RequestHead | ResponseHead]
    bodies: list[bytes]
    trailers: list[bytes]
    wire: bytes
    rest: bytes
    error: tuple[str, str, int] | None


def wire_of(item: Item) -> bytes:
    return item.raw if isinstance(item, RequestHead | ResponseHead) else item.wire


def request_reader(*, lenient: bool = False, max_head: int = 65536) -> RequestReader:
    return RequestReader(lenient=lenient, max_head=max_head)


def run(
    reader: Reader, pieces: Sequence[bytes], *, methods: Sequence[bytes] = (), eof: bool = True
) -> Summary:
    """Feed all pieces, asking for the next message after every end; `methods` are those of responses."""
    waiting = list(methods)
    heads: list[RequestHead | ResponseHead] = []
    bodies: list[bytes] = []
    trailers: list[bytes] = []
    wire: list[bytes] = []
    error: Http1Error | None = None
    begun = False

    def take(items: list[Item]) -> None:
        nonlocal begun
        for item in items:
            wire.append(wire_of(item))
            if isinstance(item, RequestHead | ResponseHead):
                heads.append(item)
                bodies.append(b"")
            elif isinstance(item, Body):
                bodies[-1] += item.data
            else:
                trailers.append(item.trailers)
                begun = False

    def step(items: list[Item]) -> None:
        nonlocal begun
        take(items)
        while items and isinstance(items[-1], End):
            if isinstance(reader, ResponseReader):
                if not waiting:
                    return
                reader.begin(waiting.pop(0))
            items = reader.next_message()
            take(items)

    if isinstance(reader, ResponseReader):
        reader.begin(waiting.pop(0))
    try:
        for piece in pieces:
            step(reader.receive(piece))
        if eof:
            take(reader.eof())
    except Http1Error as caught:
        take(caught.items)
        error = caught
    rest = b"" if error else reader.release()
    told = (error.code, error.detail, error.status) if error else None
    return Summary(heads, bodies, trailers, b"".join(wire), rest, told)


def one_request(wire: bytes, *, lenient: bool = False) -> RequestHead:
    """Read one request head."""
    head = RequestReader(lenient=lenient).receive(wire)[0]
    assert isinstance(head, RequestHead)
    return head


def one_response(wire: bytes, *, method: bytes = b"GET", lenient: bool = False) -> ResponseHead:
    """Read one response head."""
    reader = ResponseReader(lenient=lenient)
    reader.begin(method)
    head = reader.receive(wire)[0]
    assert isinstance(head, ResponseHead)
    return head


__all__ = ["Framing", "Reader", "Summary", "one_request", "one_response", "request_reader", "run", "wire_of"]
