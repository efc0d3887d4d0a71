"""How streams and their connection end: kill, drain, GOAWAY, losses, deadlines."""

from __future__ import annotations

import pytest
from h2.errors import ErrorCodes

from soth_mitm.model.events import (
    ConnOpened,
    FlowClosed,
    GoneAway,
    GuardTripped,
    Noted,
    ResponseHead,
    Retried,
    Side,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.tasks import start
from tests.helpers.h2peer import GET, OK, Peer, get, h2_link, post
from tests.helpers.net import Lab


async def test_a_kill_resets_one_stream_on_both_sides_and_no_other(lab: Lab) -> None:
    proxy = await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/1"))
    other, server, second = await link.request(get(b"/2"))
    assert await proxy.control.kill(1)
    assert (await link.client.message(stream)).reset == ErrorCodes.CANCEL
    await server.until(lambda: server.messages[number].reset is not None, "the reset upstream")
    server.answer(second)
    assert (await link.client.message(other)).body == b"ok"
    await lab.settled()
    assert {closed.reason for closed in lab.all(FlowClosed)} == {CloseReason.KILLED, CloseReason.COMPLETED}


async def test_a_goaway_of_the_upstream_goes_on_and_its_streams_end_as_they_would(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request()
    server.raw(0x7, 0, 0, number.to_bytes(4, "big") + (0).to_bytes(4, "big") + b"bye")
    await link.client.until(lambda: link.client.goaway, "the GOAWAY")
    assert link.client.goaway is not None
    assert (link.client.goaway.error_code, link.client.goaway.additional_data) == (0, b"bye")
    server.answer(number)
    # Package h2 takes nothing after a GOAWAY, so what comes is looked at as bytes.
    await link.client.wire.until(b"ok")
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED
    assert [(gone.by, gone.code) for gone in lab.all(GoneAway)] == [("upstream", "NO_ERROR")]
    assert stream == 1


async def test_streams_that_a_goaway_leaves_out_are_asked_again_on_a_new_connection(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    _, server, number = await link.request(get(b"/seen"))
    late, server, second = await link.request(get(b"/unseen"))
    server.raw(0x7, 0, 0, number.to_bytes(4, "big") + (0).to_bytes(4, "big"))
    fresh = Peer(await link.origin.accept(), client=False)
    await fresh.until(lambda: fresh.messages[1].ended, "the second attempt")
    assert dict(fresh.messages[1].head)[b":path"] == b"/unseen"
    fresh.answer(1, b"again")
    await link.client.wire.until(b"again")
    server.answer(number)
    await link.client.wire.until(b"ok")
    await lab.settled()
    assert len(lab.all(Retried)) == 1
    assert len([conn for conn in lab.all(ConnOpened) if conn.side is Side.UPSTREAM]) == 2
    assert (late, second) == (3, 3)


async def test_an_upstream_that_is_lost_ends_each_stream_with_what_can_still_be_said(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    begun, server, number = await link.request(get(b"/begun"))
    silent, server, _ = await link.request(get(b"/silent"))
    server.head_out(number, OK)
    server.data(number, b"part")
    await link.client.until(lambda: link.client.messages[begun].body == b"part", "the beginning")
    server.wire.abort()
    answer = await link.client.message(silent)
    assert dict(answer.head)[b":status"] == b"502"
    assert b"closed the connection before the response was complete" in answer.body
    assert (await link.client.message(begun)).reset is not None
    await lab.settled()
    assert {closed.reason for closed in lab.all(FlowClosed)} == {CloseReason.UPSTREAM_CLOSED}
    # The client's connection goes on, with a new one to the upstream.
    again = link.client.ask(GET)
    fresh = Peer(await link.origin.accept(), client=False)
    await fresh.until(lambda: fresh.messages[1].ended, "the request")
    fresh.answer(1)
    assert (await link.client.message(again)).body == b"ok"


async def test_a_client_that_is_lost_cancels_all_its_streams(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    await link.request()
    await link.request(post(), end=False)
    server = await link.server()
    link.client.wire.abort()
    await server.until(lambda: server.wire.ended or server.wire.lost, "the end upstream")
    await lab.settled()
    assert {closed.reason for closed in lab.all(FlowClosed)} == {CloseReason.CLIENT_CLOSED}


async def test_a_response_before_the_upload_has_ended_arrives_and_stops_the_upload(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request(post(), end=False)
    link.client.data(stream, b"begun")
    await server.until(lambda: server.messages[number].body == b"begun", "a piece")
    server.answer(number, b"enough", fields=[(b":status", b"413")])
    server.reset(number, ErrorCodes.NO_ERROR)
    await link.client.until(lambda: link.client.messages[stream].reset is not None, "the reset")
    message = link.client.messages[stream]
    assert (message.body, message.ended, message.reset) == (b"enough", True, ErrorCodes.NO_ERROR)
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED
    assert "early_response" in {note.code for note in lab.all(Noted)}


async def test_draining_says_goaway_refuses_new_streams_and_lets_open_ones_end(lab: Lab) -> None:
    proxy = await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request()
    drained = start(proxy.control.drain(5.0), "drain")
    await link.client.until(lambda: link.client.goaway, "the GOAWAY")
    assert link.client.goaway is not None
    assert (link.client.goaway.error_code, link.client.goaway.last_stream_id) == (0, stream)
    # Frames by hand: the package refuses to begin a stream now.
    link.client.raw(0x1, 0x5, 3, bytes([0x82, 0x87, 0x84]) + b"\x41\x09site.test")
    await link.client.wire.until((7).to_bytes(4, "big"))
    server.answer(number)
    await link.client.wire.until(b"ok")
    assert await drained == 0
    await link.client.wire.closed()
    assert [closed.reason for closed in lab.all(FlowClosed)] == [CloseReason.COMPLETED]


async def test_a_silent_stream_ends_after_the_idle_time_and_a_moving_one_does_not(lab: Lab) -> None:
    await lab.start(limits={"idle_timeout": 5.0})
    link = await h2_link(lab)
    silent, server, _ = await link.request(get(b"/silent"))
    moving, server, number = await link.request(get(b"/moving"))
    now = lab.running._shared.loop.time()
    (session,) = lab.running._shared.sessions
    session.tick(now)
    server.head_out(number, OK)
    await link.client.head(moving)
    session.tick(now + 4)
    session.tick(now + 6)
    assert (await link.client.message(silent)).reset == ErrorCodes.CANCEL
    server.data(number, b"still", end=True)
    assert (await link.client.message(moving)).body == b"still"
    reasons = {closed.reason for closed in await lab.told(FlowClosed, 2)}
    assert reasons == {CloseReason.IDLE_TIMEOUT, CloseReason.COMPLETED}


async def test_a_response_that_does_not_come_in_time_is_a_504(lab: Lab) -> None:
    await lab.start(limits={"response_timeout": 2.0})
    link = await h2_link(lab)
    stream, _, _ = await link.request()
    lab.pass_time(3.0)
    assert dict((await link.client.message(stream)).head)[b":status"] == b"504"
    assert (await lab.one(FlowClosed)).reason == CloseReason.STAGE_TIMEOUT


async def test_a_connection_without_streams_ends_after_the_idle_time_with_a_goaway(lab: Lab) -> None:
    await lab.start(limits={"idle_timeout": 5.0})
    link = await h2_link(lab)
    await link.client.until(lambda: link.client.peer_settings, "the settings")
    lab.pass_time(6.0)
    await link.client.until(lambda: link.client.goaway, "the GOAWAY")
    await link.client.wire.closed()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ([*GET, (b"connection", b"close")], "h2_connection_field"),
        ([*GET, (b"X-Upper", b"1")], "h2_uppercase_name"),
        ([*GET[:3], (b":path", b"no-slash")], "invalid_target"),
        ([*GET, (b":late", b"1")], "h2_pseudo_unknown"),
    ],
)
async def test_a_request_that_breaks_the_rules_ends_its_stream_and_leaves_a_row(
    lab: Lab, fields: list[tuple[bytes, bytes]], code: str
) -> None:
    await lab.start()
    link = await h2_link(lab)
    bad = link.client.ask(fields)
    assert (await link.client.message(bad)).reset == ErrorCodes.PROTOCOL_ERROR
    good, server, number = await link.request()
    server.answer(number)
    assert (await link.client.message(good)).body == b"ok"
    await lab.settled()
    assert (await lab.one(GuardTripped)).code == code
    assert [closed.reason for closed in lab.all(FlowClosed)] == [
        CloseReason.HTTP_ERROR,
        CloseReason.COMPLETED,
    ]


async def test_a_response_that_breaks_the_rules_is_a_502_of_its_stream_alone(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    bad, server, number = await link.request(get(b"/bad"))
    good, server, second = await link.request(get(b"/good"))
    server.head_out(number, [(b":status", b"200"), (b"connection", b"close")])
    answer = await link.client.message(bad)
    assert dict(answer.head)[b":status"] == b"502"
    server.answer(second)
    assert (await link.client.message(good)).body == b"ok"
    assert (await lab.one(GuardTripped)).code == "h2_connection_field"
    await server.until(lambda: server.messages[number].reset is not None, "the reset upstream")
    assert [head.generated for head in lab.all(ResponseHead)] == [True, False]
