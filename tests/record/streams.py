"""Streams of events and the dumps that hold them, for the tests of this folder."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from soth_mitm.model.events import (
    BODIES,
    Body,
    BodyChunk,
    ConnClosed,
    ConnOpened,
    Direction,
    Event,
    FlowBound,
    FlowClosed,
    FlowKind,
    FlowOpened,
    RequestEnd,
    RequestHead,
    ResponseEnd,
    ResponseHead,
    SessionEnded,
    SessionStarted,
    Side,
)
from soth_mitm.record.format import BLOCK_HEADER_SIZE
from soth_mitm.record.frames import append_frame
from soth_mitm.record.layout import Layout
from soth_mitm.record.writing import Job, write_job

HEAD = b"GET /items?page=3 HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n"


def of(kind: type, events: list[Event]) -> list[Event]:
    """Return the events whose bodies are of a kind."""
    return [event for event in events if isinstance(event.body, kind)]


def exchange(payload: bytes = b"x" * 1024) -> list[Body]:
    """Return the bodies of one typical exchange: 8 events."""
    return [
        FlowOpened(FlowKind.HTTP, "https", "example.com", 443, "127.0.0.1:50000", True),
        RequestHead(b"GET", b"/items?page=3", "HTTP/1.1", HEAD, b"/items?page=3"),
        FlowBound(1, 2, True, "192.0.2.1:443"),
        RequestEnd(0, 0),
        ResponseHead(200, b"OK", "HTTP/1.1", b"HTTP/1.1 200 OK\r\n\r\n", b"text/plain"),
        BodyChunk(Direction.RESPONSE, 0, len(payload), payload),
        ResponseEnd(len(payload), len(payload)),
        FlowClosed("completed"),
    ]


def session(exchanges: int, payload: bytes = b"x" * 1024) -> list[Event]:
    """Return a whole small run with that many exchanges on one connection."""
    bodies: list[tuple[Body, int, int, int]] = [
        (SessionStarted("run", "1.0"), 0, 0, 0),
        (ConnOpened(Side.CLIENT, "127.0.0.1:50000"), 1, 0, 0),
    ]
    for flow in range(1, exchanges + 1):
        bodies += [(body, 1, flow, number) for number, body in enumerate(exchange(payload), 1)]
    bodies += [(ConnClosed("client_closed"), 1, 0, 0), (SessionEnded("done"), 0, 0, 0)]
    return [
        Event(seq, conn, flow, flow_seq, seq * 1000, 10**18 + seq * 1000, body)
        for seq, (body, conn, flow, flow_seq) in enumerate(bodies, 1)
    ]


class _Bytes:
    """The least that a job can be written to."""

    def __init__(self) -> None:
        self.data = bytearray()

    def begin(self, segment: int) -> None:
        pass

    def write(self, data: bytes | bytearray) -> None:
        self.data += data


def dump_of(
    events: Sequence[Event],
    *,
    per_block: int = 10,
    per_segment: int = 0,
    footer: bool = True,
    run: str = "run",
) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a dump of `events`, and where each of its blocks of frames begins and ends."""
    layout = Layout(run_id=run, segment_bytes=1 << 30)
    out = _Bytes()
    spans: list[tuple[int, int]] = []
    for start in range(0, max(len(events), 1), per_segment or max(len(events), 1)):
        write_job(out, Job(0, layout.begin_segment(wall_ns=10**18, mono_ns=0), begins=True))  # type: ignore[arg-type]
        part = events[start : start + per_segment] if per_segment else events
        for batch in _batches(part, per_block):
            buffer = bytearray(BLOCK_HEADER_SIZE)
            for event in batch:
                append_frame(buffer, event)
            info = layout.place(
                len(buffer), frames=len(batch), first_seq=batch[0].seq, last_seq=batch[-1].seq
            )
            spans.append((len(out.data), len(out.data) + len(buffer)))
            write_job(out, Job(1, buffer, info))  # type: ignore[arg-type]
        if footer:
            out.write(layout.end_segment())
    return bytes(out.data), spans


def _batches(events: Sequence[Event], size: int) -> Iterable[Sequence[Event]]:
    return (events[at : at + size] for at in range(0, len(events), size))


@functools.cache
def bodies() -> st.SearchStrategy[Body]:
    """Any event body of any kind with any values."""
    return st.one_of([_body(body) for _, body in sorted(BODIES.items())])


def _body(kind: type[Body]) -> st.SearchStrategy[Body]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: _value(hints[name]) for name in kind.__struct_fields__})


def _value(hint: object) -> st.SearchStrategy[Any]:
    if hint is int:
        return st.integers(-(2**63), 2**64 - 1)
    if hint is str:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    if hint is bytes:
        return st.binary(max_size=300)
    if isinstance(hint, type) and hasattr(hint, "__struct_fields__"):
        hints = get_type_hints(hint)
        fields: tuple[str, ...] = hint.__struct_fields__
        return st.builds(hint, **{name: _value(hints[name]) for name in fields})
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        return st.lists(_value(arguments[0]), max_size=3).map(tuple)
    if type(None) in arguments:
        return st.none() | _value(next(each for each in arguments if each is not type(None)))
    return st.from_type(hint)  # type: ignore[arg-type]


@functools.cache
def events() -> st.SearchStrategy[Event]:
    """Any event."""
    number = st.integers(0, 2**63)
    return st.builds(
        Event,
        seq=number,
        conn=number,
        flow=number,
        flow_seq=st.integers(0, 2**32 - 1),
        mono_ns=st.integers(-(2**63), 2**63 - 1),
        wall_ns=st.integers(-(2**63), 2**63 - 1),
        body=bodies(),
    )
