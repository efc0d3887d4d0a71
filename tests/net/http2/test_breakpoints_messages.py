"""Breakpoints at messages within streams of HTTP/2: one is stopped, and no other stream waits for it."""

from __future__ import annotations

import pytest
from h2.errors import ErrorCodes

from soth_mitm.model.events import FlowClosed, MessageSeen, Resumed
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.editing import MessageDraft
from tests.helpers.debugging import at, debugging, edit, stopped
from tests.helpers.h2peer import get, h2_link, post
from tests.helpers.net import Lab
from tests.helpers.upgrade import agreed
from tests.net.http2.test_message_hooks import GRPC, frame
from tests.proto.websocket.framing import PING, TEXT
from tests.proto.websocket.framing import frame as ws_frame

UP, DOWN = Stage.MESSAGE_UP, Stage.MESSAGE_DOWN


async def test_one_message_of_a_call_is_edited_and_its_trailers_stay(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP, expression="body:held"), at(DOWN, expression="body:answer"))
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/a.B/C", GRPC), end=False)
    link.client.data(stream, frame(b"first"))
    await server.until(lambda: server.messages[number].body == frame(b"first"), "the first")
    link.client.data(stream, frame(b"held") + frame(b"last"), end=True)
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, MessageDraft)
    assert (draft.data, paused.stage) == (b"held", UP)
    other, _, other_number = await link.request(get(b"/other"))
    server.answer(other_number)
    assert (await link.client.message(other)).body == b"ok"
    await edit(debugger, paused, data=b"edited and longer")
    request = await server.message(number)
    assert request.body == frame(b"first") + frame(b"edited and longer") + frame(b"last")
    server.head_out(number, [(b":status", b"200"), GRPC])
    server.data(number, frame(b"answer"))
    server.head_out(number, [(b"grpc-status", b"0")], end=True)
    await edit(debugger, await stopped(debugger), data=b"mine")
    response = await link.client.message(stream)
    assert (response.body, response.trailers) == (frame(b"mine"), [(b"grpc-status", b"0")])
    await lab.settled()
    assert [seen.origin for seen in lab.all(MessageSeen)].count("changed") == 2


async def test_messages_of_streams_that_are_open_already_are_stopped_both_ways(lab: Lab) -> None:
    debugger = await debugging(lab)
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/a.B/C", GRPC), end=False)
    link.client.data(stream, frame(b"first") + frame(b"second")[:3])
    await server.until(lambda: len(server.messages[number].body) == 13, "the first")
    await debugger.set_breakpoints([at(UP), at(DOWN)])
    link.client.data(stream, frame(b"second")[3:])
    await server.until(lambda: server.messages[number].body.endswith(b"second"), "what was under way")
    link.client.data(stream, frame(b"third"), end=True)
    await edit(debugger, await stopped(debugger), data=b"edited")
    assert (await server.message(number)).body.endswith(frame(b"edited"))
    await debugger.set_breakpoints([])
    server.head_out(number, [(b":status", b"200"), GRPC])
    server.data(number, frame(b"free"))
    await link.client.until(lambda: link.client.messages[stream].body == frame(b"free"), "the free one")
    await debugger.set_breakpoints([at(DOWN)])
    server.data(number, frame(b"held"))
    server.head_out(number, [(b"grpc-status", b"0")], end=True)
    await debugger.drop((await stopped(debugger)).number)
    response = await link.client.message(stream)
    assert (response.body, response.trailers) == (frame(b"free"), [(b"grpc-status", b"0")])
    await lab.settled()
    origins = [seen.origin for seen in lab.all(MessageSeen)]
    assert origins == ["", "", "changed", "", "dropped"]


async def test_the_next_message_of_a_stream_is_stopped_where_every_frame_ends_inside_of_one(lab: Lab) -> None:
    debugger = await debugging(lab)
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/a.B/C", GRPC), end=False)
    wire = b"".join(frame(b"%d" % message) for message in range(1, 5))
    link.client.data(stream, wire[:8])
    await server.until(lambda: server.messages[number].body == wire[:8], "what comes before the breakpoint")
    await debugger.set_breakpoints([at(UP)])
    link.client.data(stream, wire[8:20])
    paused = await stopped(debugger)
    assert isinstance(paused.original, MessageDraft)
    assert paused.original.data == b"3"
    await debugger.set_breakpoints([])
    await edit(debugger, paused, data=b"edited")
    link.client.data(stream, wire[20:], end=True)
    assert (await server.message(number)).body == wire[:12] + frame(b"edited") + wire[18:]
    server.answer(number)
    await lab.settled()
    assert [seen.origin for seen in lab.all(MessageSeen)] == ["", "", "changed", ""]


async def test_an_event_is_dropped_while_its_stream_goes_on(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE_BODY, expression="body:two"))
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/events"))
    server.head_out(number, [(b":status", b"200"), (b"content-type", b"text/event-stream")])
    server.data(number, b"data: one\n\ndata: two\n\ndata: three\n\n")
    paused = await stopped(debugger)
    await link.client.until(lambda: link.client.messages[stream].body == b"data: one\n\n", "the first")
    assert await debugger.drop(paused.number)
    server.data(number, b"", end=True)
    assert (await link.client.message(stream)).body == b"data: one\n\ndata: three\n\n"
    await lab.settled()
    assert (await lab.one(Resumed)).how == "dropped"


async def test_a_client_that_resets_a_call_whose_message_is_paused_ends_the_pause(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP))
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/a.B/C", GRPC), end=False)
    link.client.data(stream, frame(b"held"))
    await stopped(debugger)
    link.client.reset(stream, ErrorCodes.CANCEL)
    assert (await lab.one(Resumed)).how == "client_gone"
    assert (await lab.one(FlowClosed)).reason == CloseReason.CLIENT_CLOSED


async def test_one_message_of_a_websocket_is_edited_while_pings_go_on(lab: Lab) -> None:
    debugger = await debugging(lab, at(DOWN, expression="body:held"))
    ws = await agreed(lab)
    await ws.up(ws_frame(TEXT, b"free"))
    ws.server.send(ws_frame(TEXT, b"held", mask=False) + ws_frame(PING, b"?", mask=False))
    await ws.client.same(ws_frame(PING, b"?", mask=False))
    await edit(debugger, await stopped(debugger), data=b"edited")
    await ws.client.same(ws_frame(TEXT, b"edited", mask=False))


@pytest.mark.parametrize("stage", [UP, DOWN], ids=["up", "down"])
async def test_a_client_that_resets_a_websocket_whose_message_is_paused_ends_it(
    lab: Lab, stage: Stage
) -> None:
    debugger = await debugging(lab, at(stage))
    ws = await agreed(lab)
    (ws.client if stage is UP else ws.server).send(ws_frame(TEXT, b"held", mask=stage is UP))
    await stopped(debugger)
    ws.client.peer.reset(ws.client.stream, ErrorCodes.CANCEL)
    assert (await lab.one(Resumed)).how == "client_gone"
    assert (await lab.one(FlowClosed)).reason == CloseReason.WEBSOCKET_COMPLETED
    assert not ws.server.unread, "nobody has let go of what was paused"


async def test_a_killed_call_is_not_paused_any_more(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP))
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/a.B/C", GRPC), end=False)
    link.client.data(stream, frame(b"held"))
    paused = await stopped(debugger)
    assert await lab.running.control.kill(paused.flow)
    assert (await link.client.message(stream)).reset == ErrorCodes.CANCEL
    assert (await lab.one(Resumed)).how == "killed"
