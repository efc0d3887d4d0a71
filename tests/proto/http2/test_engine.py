"""One connection, frame by frame: what is told, what is answered, and what a fault costs."""

from __future__ import annotations

import pytest

from soth_mitm.proto.http2 import ErrorCode, codes, events
from soth_mitm.proto.http2.codes import frame
from tests.proto.http2.driving import GET, OK, POST, Pair, Script, engine, read, told

PAD = b"\x03"


def test_an_exchange_passes_with_interim_head_body_and_trailers() -> None:
    pair = Pair()
    mine, theirs = pair.ask(POST, end=False)
    pair.client.send(mine, b"hello")
    pair.client.send_trailers(mine, ((b"x", b"1"),))
    pair.server.send_head(theirs, ((b":status", b"103"),), interim=True)
    pair.server.send_head(theirs, OK)
    pair.server.send(theirs, b"world", end=True)
    pair.run()
    assert told(pair.to_server) == [
        ("Head", 1, POST, False),
        ("Data", 1, b"hello", 5, False),
        ("Trailers", 1, ((b"x", b"1"),)),
    ]
    assert told(pair.to_client) == [
        ("Interim", 1, ((b":status", b"103"),)),
        ("Head", 1, OK, False),
        ("Data", 1, b"world", 5, True),
    ]
    assert not pair.client.streams
    assert not pair.server.streams


def test_padding_priority_and_continuations_are_read_over() -> None:
    script = Script()
    block = script.block(GET)
    script.raw(codes.HEADERS, 0x1 | 0x8 | 0x20, 1, PAD + b"\x00\x00\x00\x00\x10" + block[:3] + b"\0\0\0")
    script.raw(codes.CONTINUATION, 0, 1, block[3:5]).raw(codes.CONTINUATION, 4, 1, block[5:])
    script.head(3, POST).raw(codes.DATA, 0x8 | 0x1, 3, PAD + b"body" + b"\0\0\0")
    assert read(engine(), [script.wire]) == [
        ("Head", 1, GET, True),
        ("Head", 3, POST, False),
        ("Data", 3, b"body", 8, True),
    ]


def test_a_block_larger_than_a_frame_is_sent_in_several() -> None:
    pair = Pair(header_list=1 << 20, header_block=1 << 20)
    fields = (*GET, (b"x-large", b"v" * 50_000))
    stream = pair.client.open()
    pair.client.send_head(stream, fields, end=True)
    wire = pair.client.output()
    assert wire[3] == codes.HEADERS
    assert wire[9 + 16_384 + 3] == codes.CONTINUATION
    assert told(pair.server.receive(wire, 0.0)) == [("Head", 1, fields, True)]


# --- flow control -------------------------------------------------------------------------------


def test_what_does_not_fit_the_window_waits_and_goes_as_it_is_granted() -> None:
    pair = Pair(stream_window=100, stream_window_max=100)
    pair.taking = False
    _, theirs = pair.ask()
    pair.server.send_head(theirs, OK)
    assert pair.server.send(theirs, b"x" * 250, end=True) == 100
    pair.run()
    (_, data) = pair.to_client
    assert isinstance(data, events.Data)
    assert (theirs.queued, pair.server.waiting) == (150, True)
    pair.client.took(data.stream, 49)
    assert not pair.client.output(), "less than half of the window is not worth a frame"
    pair.client.took(data.stream, 1)
    assert pair.server.receive(pair.client.output(), 0.0) == []
    assert [(stream.number, count) for stream, count in pair.server.pump(1000)] == [(1, 50)]
    assert theirs.queued == 100


def test_streams_that_wait_take_turns() -> None:
    pair = Pair(stream_window=1 << 20)
    streams = [pair.ask()[1] for _ in range(3)]
    pair.server.paused = True
    for stream in streams:
        pair.server.send_head(stream, OK)
        assert pair.server.send(stream, b"x" * 40_000, end=True) == 0
    pair.server.paused = False
    order = [(stream.number, count) for stream, count in pair.server.pump(1 << 20)]
    assert order[:4] == [(1, 16_384), (3, 16_384), (5, 16_384), (1, 16_384)]
    assert [count for number, count in order if number == 5] == [16_384, 16_384, 7232]
    pair.run()
    assert sum(event.flow for event in pair.to_client if isinstance(event, events.Data)) == 120_000


def test_the_connections_window_holds_all_streams_and_comes_back_with_what_is_reset() -> None:
    pair = Pair(stream_window=1 << 20, connection_window=65_535)
    pair.taking = False
    first, second = pair.ask()[1], pair.ask()[1]
    for stream in (first, second):
        pair.server.send_head(stream, OK)
        pair.server.send(stream, b"x" * 60_000)
    pair.run()
    assert (first.queued, second.queued) == (0, 54_465)
    pair.client.reset(pair.client.streams[1], ErrorCode.CANCEL)
    pair.run()
    pair.server.pump(1 << 20)
    assert second.queued == 0


def test_a_window_grows_while_nothing_waits_and_stays_where_something_did() -> None:
    pair = Pair(stream_window=1000, stream_window_max=4000)
    quick, theirs = pair.ask()
    pair.server.send_head(theirs, OK)
    for _ in range(20):
        pair.server.send(theirs, b"x" * 500)
        pair.run()
    assert quick.target == 4000
    pair.taking = False
    slow, theirs = pair.ask()
    pair.server.send_head(theirs, OK)
    for _ in range(20):
        pair.server.send(theirs, b"x" * 500)
        pair.run()
        pair.client.took(slow, 500, late=True)
    assert slow.target == 1000


def test_a_changed_initial_window_moves_those_of_open_streams() -> None:
    pair = Pair()
    _, theirs = pair.ask()
    pair.client.send_settings((codes.INITIAL_WINDOW_SIZE, 10))
    pair.run()
    pair.server.send_head(theirs, OK)
    assert pair.server.send(theirs, b"x" * 20) == 10
    pair.client.send_settings((codes.INITIAL_WINDOW_SIZE, 5))
    pair.run()
    assert theirs.send_window == -5


# --- faults -------------------------------------------------------------------------------------

FATAL = {
    "wrong_preface": (b"PRI * HTTP/2.0\r\n\r\nXX", ErrorCode.PROTOCOL_ERROR, "h2_preface"),
    "http1": (b"GET / HTTP/1.1\r\n\r\n", ErrorCode.PROTOCOL_ERROR, "h2_preface"),
    "no_settings_first": (
        codes.PREFACE + frame(codes.PING, 0, 0, b"12345678"),
        ErrorCode.PROTOCOL_ERROR,
        "h2_preface",
    ),
    "large_frame": (Script().raw(0, 0, 1, b"x" * 16_385).wire, ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size"),
    "data_on_idle": (Script().data(1, b"x").wire, ErrorCode.PROTOCOL_ERROR, "h2_idle_stream"),
    "data_on_0": (Script().data(0, b"x").wire, ErrorCode.PROTOCOL_ERROR, "h2_stream_of_frame"),
    "even_stream": (Script().head(2, GET).wire, ErrorCode.PROTOCOL_ERROR, "h2_stream_number"),
    "broken_block": (Script().raw(1, 5, 1, b"\x80").wire, ErrorCode.COMPRESSION_ERROR, "hpack"),
    "interrupted_head": (
        Script().raw(1, 0, 1, b"\x82").raw(6, 0, 0, b"12345678").wire,
        ErrorCode.PROTOCOL_ERROR,
        "h2_block_interrupted",
    ),
    "stray_continuation": (
        Script().raw(9, 4, 1, b"\x82").wire,
        ErrorCode.PROTOCOL_ERROR,
        "h2_block_interrupted",
    ),
    "all_padding": (
        Script().head(1, POST).raw(0, 8, 1, b"\x05abc").wire,
        ErrorCode.PROTOCOL_ERROR,
        "h2_padding",
    ),
    "push": (Script().raw(5, 4, 1, b"\x00\x00\x00\x02").wire, ErrorCode.PROTOCOL_ERROR, "h2_push"),
    "odd_settings": (Script().raw(4, 0, 0, b"12345").wire, ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size"),
    "window_setting": (
        Script().raw(4, 0, 0, b"\x00\x04\xff\xff\xff\xff").wire,
        ErrorCode.FLOW_CONTROL_ERROR,
        "h2_setting",
    ),
    "push_setting": (
        Script().raw(4, 0, 0, b"\x00\x02\x00\x00\x00\x02").wire,
        ErrorCode.PROTOCOL_ERROR,
        "h2_setting",
    ),
    "frame_size_setting": (
        Script().raw(4, 0, 0, b"\x00\x05\x00\x00\x00\x01").wire,
        ErrorCode.PROTOCOL_ERROR,
        "h2_setting",
    ),
    "zero_update": (Script().raw(8, 0, 0, bytes(4)).wire, ErrorCode.PROTOCOL_ERROR, "h2_window_zero"),
    "overflow": (
        Script().raw(8, 0, 0, b"\x7f\xff\xff\xff").wire,
        ErrorCode.FLOW_CONTROL_ERROR,
        "h2_window_overflow",
    ),
    "reset_of_idle": (Script().raw(3, 0, 1, bytes(4)).wire, ErrorCode.PROTOCOL_ERROR, "h2_idle_stream"),
    "short_ping": (Script().raw(6, 0, 0, b"1").wire, ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size"),
    "older_stream": (
        Script().head(5, GET, end=True).head(3, GET, end=True).wire,
        ErrorCode.PROTOCOL_ERROR,
        "h2_stream_closed",
    ),
}


@pytest.mark.parametrize("name", FATAL)
def test_a_fault_of_the_connection_writes_a_goaway_and_is_the_last_event(name: str) -> None:
    wire, code, reason = FATAL[name]
    server = engine()
    server.output()
    found = read(server, [wire + Script().wire])
    assert found[-1] == ("Failed", code, reason)
    assert server.failed
    assert server.output().endswith(code.to_bytes(4, "big") + reason.encode())
    assert server.receive(b"anything", 0.0) == []


REFUSED = {
    "upper_case": (((*GET, (b"X-A", b"1"))), ErrorCode.PROTOCOL_ERROR, "h2_uppercase_name"),
    "connection": ((*GET, (b"connection", b"close")), ErrorCode.PROTOCOL_ERROR, "h2_connection_field"),
    "te": ((*GET, (b"te", b"gzip")), ErrorCode.PROTOCOL_ERROR, "h2_te"),
    "line_end": ((*GET, (b"x", b"a\r\nb: c")), ErrorCode.PROTOCOL_ERROR, "h2_field_value"),
    "nul": ((*GET, (b"x", b"a\0")), ErrorCode.PROTOCOL_ERROR, "h2_field_value"),
    "no_method": (GET[1:], ErrorCode.PROTOCOL_ERROR, "h2_pseudo_missing"),
    "no_path": (GET[:3], ErrorCode.PROTOCOL_ERROR, "h2_pseudo_missing"),
    "twice": ((*GET, (b":path", b"/b")), ErrorCode.PROTOCOL_ERROR, "h2_pseudo_repeated"),
    "late": ((GET[0], (b"x", b"1"), *GET[1:]), ErrorCode.PROTOCOL_ERROR, "h2_pseudo_order"),
    "status": ((*GET, (b":status", b"200")), ErrorCode.PROTOCOL_ERROR, "h2_pseudo_unknown"),
    "space_in_path": ((*GET[:3], (b":path", b"/a b")), ErrorCode.PROTOCOL_ERROR, "invalid_target"),
    "method": (((b":method", b"G T"), *GET[1:]), ErrorCode.PROTOCOL_ERROR, "invalid_method"),
    "userinfo": ((*GET[:2], (b":authority", b"u@a"), GET[3]), ErrorCode.PROTOCOL_ERROR, "invalid_authority"),
    "lengths": (
        (*GET, (b"content-length", b"1"), (b"content-length", b"2")),
        ErrorCode.PROTOCOL_ERROR,
        "cl_conflict",
    ),
    "length": ((*GET, (b"content-length", b"+1")), ErrorCode.PROTOCOL_ERROR, "cl_invalid"),
    "no_body": ((*GET, (b"content-length", b"1")), ErrorCode.PROTOCOL_ERROR, "cl_mismatch"),
    "protocol": (
        ((b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]),
        ErrorCode.PROTOCOL_ERROR,
        "h2_connect_protocol",
    ),
    "connect": (((b":method", b"CONNECT"), *GET[1:]), ErrorCode.PROTOCOL_ERROR, "h2_connect_malformed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_malformed_request_costs_its_stream_alone(name: str) -> None:
    fields, code, reason = REFUSED[name]
    script = Script().head(1, fields, end=True).head(3, GET, end=True)
    server = engine()
    assert read(server, [script.wire]) == [("Refused", 1, code, reason), ("Head", 3, GET, True)]
    assert frame(codes.RST_STREAM, 0, 1, code.to_bytes(4, "big")) in server.output()


def test_a_body_that_is_not_as_long_as_was_said_costs_its_stream() -> None:
    fields = (*POST, (b"content-length", b"3"))
    script = Script().head(1, fields).data(1, b"abcd").head(3, fields).data(3, b"ab", end=True)
    script.head(5, fields).data(5, b"abc", end=True)
    found = [item for item in read(engine(), [script.wire]) if item[0] != "Head"]
    assert found == [
        ("Refused", 1, ErrorCode.PROTOCOL_ERROR, "cl_mismatch"),
        ("Refused", 3, ErrorCode.PROTOCOL_ERROR, "cl_mismatch"),
        ("Data", 5, b"abc", 3, True),
    ]


def test_a_stream_that_exceeds_its_window_is_reset_and_the_connections_is_given_back() -> None:
    server = engine(stream_window=10, connection_window=65_535)
    script = Script().head(1, POST).data(1, b"x" * 11).head(3, POST).data(3, b"x" * 10)
    assert read(server, [script.wire])[1:] == [
        ("Refused", 1, ErrorCode.FLOW_CONTROL_ERROR, "h2_window_exceeded"),
        ("Head", 3, POST, False),
        ("Data", 3, b"x" * 10, 10, False),
    ]


def test_frames_for_a_stream_that_we_reset_are_passed_over() -> None:
    pair = Pair()
    mine, theirs = pair.ask(POST, end=False)
    pair.server.reset(theirs, ErrorCode.CANCEL)
    pair.client.send(mine, b"on its way")
    pair.client.send_trailers(mine, ((b"x", b"1"),))
    late = pair.client.output()
    assert pair.server.receive(late, 0.0) == []
    pair.run()
    assert told(pair.to_client) == [("Reset", 1, ErrorCode.CANCEL)]


def test_what_came_before_a_fault_is_told_all_the_same() -> None:
    script = Script().head(1, POST).data(1, b"body").raw(6, 0, 0, b"short")
    assert [item[0] for item in read(engine(), [script.wire])] == ["Head", "Data", "Failed"]


def test_a_goaway_leaves_open_streams_alone() -> None:
    pair = Pair()
    mine, theirs = pair.ask()
    pair.server.send_goaway(ErrorCode.NO_ERROR, last=1, detail=b"bye")
    pair.run()
    assert not pair.client.can_open
    pair.server.send_head(theirs, OK, end=True)
    pair.run()
    assert told(pair.to_client) == [("GoneAway", 1, 0, b"bye"), ("Head", 1, OK, True)]
    assert mine.number == 1


def test_streams_beyond_the_last_one_served_are_refused() -> None:
    pair = Pair()
    pair.server.last_served = 0
    stream = pair.client.open()
    pair.client.send_head(stream, GET, end=True)
    pair.run()
    assert told(pair.to_client) == [("Reset", 1, ErrorCode.REFUSED_STREAM)]


def test_pings_are_answered_and_settings_acknowledged() -> None:
    server = engine()
    server.output()
    read(server, [Script().raw(6, 0, 0, b"12345678").wire])
    wire = server.output()
    assert frame(codes.SETTINGS, codes.ACK, 0) in wire
    assert frame(codes.PING, codes.ACK, 0, b"12345678") in wire


def test_floods_are_counted_anew_after_their_time() -> None:
    server = engine(settings=3, flood_window=10.0)
    empty = frame(codes.SETTINGS, 0, 0)
    read(server, [Script().wire + empty * 2])
    assert not server.failed
    read(server, [empty * 3], now=11.0)
    assert not server.failed
    found = read(server, [empty], now=12.0)
    assert found == [("Failed", ErrorCode.ENHANCE_YOUR_CALM, "settings_flood")]


def test_pings_beside_data_are_no_flood() -> None:
    server = engine(pings=5)
    ping = frame(codes.PING, 0, 0, b"12345678")
    script = Script().head(1, POST)
    read(server, [script.wire])
    for _ in range(100):
        read(server, [frame(codes.DATA, 0, 1, b"x") + ping])
    assert not server.failed


def test_a_response_before_its_head_or_after_its_end_costs_its_stream() -> None:
    client = engine(client=True)
    script = Script(client=False)
    for _ in range(2):
        client.send_head(client.open(), GET, end=True)
    script.data(1, b"early").head(3, OK, end=True).data(3, b"late")
    assert read(client, [script.wire]) == [
        ("Refused", 1, ErrorCode.PROTOCOL_ERROR, "h2_data_before_head"),
        ("Head", 3, OK, True),
        ("Refused", 3, ErrorCode.STREAM_CLOSED, "h2_stream_closed"),
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (((b":status", b"99"),), "h2_status"),
        (((b":status", b"101"),), "h2_status"),
        (((b"server", b"x"),), "h2_status"),
        ((*OK, (b"transfer-encoding", b"chunked")), "h2_connection_field"),
    ],
)
def test_a_malformed_response_costs_its_stream(fields: tuple[tuple[bytes, bytes], ...], reason: str) -> None:
    client = engine(client=True)
    client.send_head(client.open(), GET, end=True)
    found = read(client, [Script(client=False).head(1, fields).wire])
    assert found == [("Refused", 1, ErrorCode.PROTOCOL_ERROR, reason)]


def test_extended_connect_passes_where_it_was_offered() -> None:
    server = engine()
    server.connect_protocol = True
    fields = ((b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:])
    assert read(server, [Script().head(1, fields).wire]) == [("Head", 1, fields, False)]
