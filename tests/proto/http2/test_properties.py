"""What holds for every input: cuts change nothing, nothing raises, and package `h2` understands the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.proto.http2 import codes
from soth_mitm.proto.http2.codes import frame
from tests.proto.http2.driving import GET, POST, Script, engine, read

KINDS = st.integers(0, 12)
PAYLOADS = st.one_of(st.binary(max_size=30), st.sampled_from([b"\x82\x87\x84", bytes(4), bytes(8), b"\x80"]))
FRAMES = st.lists(st.tuples(KINDS, st.integers(0, 255), st.integers(0, 7), PAYLOADS), max_size=12)
CUTS = st.lists(st.integers(0, 400), max_size=6)


def script_of(frames: list[tuple[int, int, int, bytes]]) -> bytes:
    script = Script().head(1, POST).head(3, GET, end=True)
    return script.wire + b"".join(frame(*each) for each in frames)


def pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    return [wire[start:stop] for start, stop in pairwise(edges)]


@given(frames=FRAMES, cuts=CUTS)
def test_however_it_is_cut_the_same_is_told_and_answered(
    frames: list[tuple[int, int, int, bytes]], cuts: list[int]
) -> None:
    wire = script_of(frames)
    whole, parted = engine(), engine()
    assert read(parted, pieces(wire, cuts)) == read(whole, [wire])
    assert parted.output() == whole.output()


@given(data=st.binary(max_size=300), client=st.booleans())
def test_no_bytes_make_it_raise(data: bytes, client: bool) -> None:
    one = engine(client=client)
    one.receive((b"" if client else codes.PREFACE) + data, 0.0)
    one.output()


FIELDS = st.lists(
    st.tuples(st.sampled_from([b"x-a", b"x-b", b"accept"]), st.sampled_from([b"", b"1", b"v" * 80])),
    max_size=4,
)
BODIES = st.lists(st.sampled_from([b"", b"a", b"b" * 3000, b"c" * 20_000]), max_size=4)


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[int, list[tuple[bytes, bytes]], list[bytes], bool]]:
    """Draw what a client sends on some streams: fields, pieces of a body, and whether trailers follow."""
    count = draw(st.integers(1, 5))
    return [(1 + 2 * number, draw(FIELDS), draw(BODIES), draw(st.booleans())) for number in range(count)]


@settings(max_examples=60)
@given(sent=conversations(), cuts=st.lists(st.integers(0, 60_000), max_size=4))
def test_what_package_h2_says_is_understood(
    sent: list[tuple[int, list[tuple[bytes, bytes]], list[bytes], bool]], cuts: list[int]
) -> None:
    config = h2.config.H2Configuration(client_side=True, header_encoding=None)
    peer = h2.connection.H2Connection(config)
    peer.initiate_connection()
    ours = engine(stream_window=1 << 20, connection_window=1 << 24)
    for event in peer.receive_data(ours.output()):
        assert event is not None
    expected: list[tuple[Any, ...]] = []
    for number, fields, body, trailers in sent:
        whole = (*POST, *fields)
        peer.send_headers(number, whole)
        expected.append(("Head", number, whole, False))
        for piece in body:
            for start in range(0, len(piece), 16_384):
                part = piece[start : start + 16_384]
                peer.send_data(number, part)
                expected.append(("Data", number, part, len(part), False))
        if trailers:
            peer.send_headers(number, [(b"x-end", b"1")], end_stream=True)
            expected.append(("Trailers", number, ((b"x-end", b"1"),)))
        else:
            peer.end_stream(number)
            expected.append(("Data", number, b"", 0, True))
    assert read(ours, pieces(peer.data_to_send(), cuts)) == expected


@settings(max_examples=60)
@given(sent=conversations())
def test_package_h2_understands_what_is_said(
    sent: list[tuple[int, list[tuple[bytes, bytes]], list[bytes], bool]],
) -> None:
    peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
    peer.initiate_connection()
    ours = engine(client=True)
    ours.receive(peer.data_to_send(), 0.0)
    seen: dict[int, list[tuple[bytes, bytes]]] = {}
    bodies: dict[int, bytes] = {}

    def carry() -> None:
        while data := ours.output():
            for event in peer.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    seen[event.stream_id] = [(bytes(name), bytes(value)) for name, value in event.headers]
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                    if event.flow_controlled_length:
                        peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            ours.receive(peer.data_to_send(), 0.0)
            ours.pump(1 << 20)

    for number, fields, body, trailers in sent:
        stream = ours.open()
        assert stream.number == number
        ours.send_head(stream, (*POST, *fields))
        for piece in body:
            ours.send(stream, piece)
        if trailers:
            ours.send_trailers(stream, ((b"x-end", b"1"),))
        else:
            ours.send(stream, b"", end=True)
        carry()
    carry()
    for number, fields, body, _ in sent:
        assert seen[number] == [*POST, *fields]
        assert bodies.get(number, b"") == b"".join(body)
