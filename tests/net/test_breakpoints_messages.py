"""Breakpoints at messages within streams, over HTTP/1.1: one is stopped, and what need not wait does not."""

from __future__ import annotations

import pytest

from soth_mitm.control import DecisionError
from soth_mitm.model.events import (
    Direction,
    FlowClosed,
    MessageSeen,
    MessagesStarted,
    Noted,
    OriginalMessage,
    Paused,
    Resumed,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.joining import PASSING
from soth_mitm.policy.breakpoints import Breakpoint, Stage
from soth_mitm.policy.editing import MessageDraft, ResponseDraft
from tests.helpers.debugging import at, debugging, edit, stopped
from tests.helpers.net import OK, Lab
from tests.helpers.upgrade import upgraded
from tests.helpers.wire import eventually, unchunked
from tests.hooks.test_messages import SSE, chunk, opened
from tests.proto.websocket.framing import DEFLATE, PING, TEXT, Sender, frame, said, story

UP, DOWN = Stage.MESSAGE_UP, Stage.MESSAGE_DOWN
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"POST /up HTTP/1.1\r\nHost: site.test\r\nContent-Type: application/x-ndjson\r\n"


async def test_one_message_of_many_is_stopped_while_pings_and_the_other_way_go_on(
    lab: Lab, route: str
) -> None:
    debugger = await debugging(lab, at(UP, expression="body:held"))
    ws = await upgraded(lab, route)
    await ws.up(frame(TEXT, b"first"))
    ws.client.send(frame(TEXT, b"held") + frame(PING, b"?") + frame(TEXT, b"next"))
    await ws.server.same(frame(PING, b"?"))
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, MessageDraft)
    assert (draft.data, draft.label, paused.stage) == (b"held", "text", UP)
    await ws.down(frame(TEXT, b"free", mask=False))
    await edit(debugger, paused, data=b"edited")
    await eventually(lambda: ws.server.unread.endswith(frame(TEXT, b"next")), "what came after it")
    assert [entry[1] for entry in story(said(ws.server.unread))] == [b"edited", b"next"]
    assert [(seen.data, seen.origin) for seen in lab.all(MessageSeen) if seen.origin] == [
        (b"edited", "changed")
    ]
    (came,) = lab.all(OriginalMessage)
    assert (came.number, came.data) == (3, b"held"), "what the client sent is kept"
    assert (await lab.one(Paused)).message == 3
    assert (await lab.one(Resumed)).how == "edited"


async def test_a_message_is_judged_by_itself_and_in_its_own_direction(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP, expression="body:secret"))
    ws = await upgraded(lab, "plain")
    ws.client.send(frame(TEXT, b"a secret") + frame(TEXT, b"nothing"))
    await debugger.resume((await stopped(debugger)).number)
    await ws.server.same(frame(TEXT, b"a secret") + frame(TEXT, b"nothing"))
    await ws.up(frame(TEXT, b"nor here"))
    await ws.down(frame(TEXT, b"a secret of the server", mask=False))
    assert len(lab.all(Paused)) == 1


async def test_a_compressed_message_is_edited_and_those_after_it_can_be_read(lab: Lab) -> None:
    debugger = await debugging(lab, at(DOWN, expression="body:world", once=True))
    fields = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    ws = await upgraded(lab, "plain", fields=fields, answer=fields)
    sender = Sender(mask=False)
    ws.server.send(sender.text(b"hello world " * 9) + sender.text(b"hello world " * 9))
    await edit(debugger, await stopped(debugger), data=b"bye")
    await eventually(
        lambda: len(story(said(ws.client.unread, DEFLATE, direction=Direction.RESPONSE))) == 2,
        "both messages",
    )
    came = story(said(ws.client.unread, DEFLATE, direction=Direction.RESPONSE))
    assert [entry[1] for entry in came] == [b"bye", b"hello world " * 9]


async def test_a_dropped_message_is_left_out_and_its_stream_goes_on(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP, expression="body:no"))
    ws = await upgraded(lab, "plain")
    ws.client.send(frame(TEXT, b"no") + frame(TEXT, b"yes"))
    paused = await stopped(debugger)
    with pytest.raises(DecisionError, match="cannot be answered"):
        await debugger.respond(paused.number, ResponseDraft(status=200))
    assert await debugger.drop(paused.number)
    await ws.server.same(frame(TEXT, b"yes"))
    assert (await lab.one(Resumed)).how == "dropped"


@pytest.mark.parametrize("stage", [UP, DOWN], ids=["up", "down"])
async def test_a_client_that_leaves_ends_a_websocket_whose_message_is_paused(
    lab: Lab, route: str, stage: Stage
) -> None:
    debugger = await debugging(lab, at(stage))
    ws = await upgraded(lab, route)
    if stage is UP:
        ws.client.send(frame(TEXT, b"held"))
    else:
        ws.server.send(frame(TEXT, b"held", mask=False))
    await stopped(debugger)
    ws.client.close()
    assert (await lab.one(Resumed)).how == "client_gone"
    assert (await lab.one(FlowClosed)).reason == CloseReason.WEBSOCKET_COMPLETED
    await ws.server.closed()
    assert not ws.server.unread, "nobody has let go of what was paused"
    assert not debugger.paused


async def test_an_upstream_that_leaves_ends_a_websocket_whose_message_up_is_paused(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP))
    ws = await upgraded(lab, "tls")
    ws.client.send(frame(TEXT, b"held"))
    await stopped(debugger)
    ws.server.close()
    assert (await lab.one(Resumed)).how == "upstream_gone"
    assert (await lab.one(FlowClosed)).reason == CloseReason.WEBSOCKET_ERROR


async def test_a_killed_websocket_is_not_paused_any_more(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP))
    ws = await upgraded(lab, "plain")
    ws.client.send(frame(TEXT, b"held"))
    paused = await stopped(debugger)
    assert await lab.running.control.kill(paused.flow)
    await ws.client.closed()
    await ws.server.closed()
    assert (await lab.one(Resumed)).how == "killed"


async def test_an_event_of_a_stream_that_is_open_already_is_stopped(lab: Lab, route: str) -> None:
    debugger = await debugging(lab)
    link, server = await opened(lab, route, SSE + b"\r\n")
    server.send(chunk(b"data: one\n\n"))
    await link.client.until(b"data: one\n\n")
    await debugger.set_breakpoints([at(DOWN, expression="body:three")])
    server.send(chunk(b"data: two\n\n"))
    await link.client.until(b"data: two\n\n")
    server.send(chunk(b"data: three\n\n"))
    await edit(debugger, await stopped(debugger), data=b"edited")
    await link.client.until(b"data: edited\n\n")
    assert [came.data for came in lab.all(OriginalMessage)] == [b"three"]
    await debugger.set_breakpoints([])
    await debugger.pause_everything(True)
    server.send(chunk(b"data: four\n\n") + b"0\r\n\r\n")
    await debugger.resume((await stopped(debugger)).number)
    await link.client.until(b"data: four\n\n")
    await lab.settled()
    seen = [(seen.number, seen.origin) for seen in lab.all(MessageSeen)]
    assert seen == [(1, ""), (2, ""), (3, "changed"), (4, "")]
    assert len(lab.all(MessagesStarted)) == 1
    assert not lab.all(Noted)


async def test_a_message_that_is_under_way_passes_and_the_next_one_is_stopped(lab: Lab) -> None:
    debugger = await debugging(lab)
    link, server = await opened(lab, "plain", SSE + b"\r\n")
    server.send(chunk(b"data: o"))
    await link.client.until(b"data: o")
    await debugger.pause_everything(True)
    server.send(chunk(b"ne\n\n")[:-1])
    await link.client.until(b"ne\n\n")
    server.send(b"\n" + chunk(b"data: two\n\n"))
    paused = await stopped(debugger)
    assert isinstance(paused.original, MessageDraft)
    assert paused.original.data == b"two"
    await debugger.drop(paused.number)
    server.send(b"0\r\n\r\n")
    await link.client.until(b"0\r\n\r\n")
    await lab.settled()
    seen = [(seen.number, seen.size, seen.origin) for seen in lab.all(MessageSeen)]
    assert seen == [(1, 3, ""), (2, 3, "dropped")]


@pytest.mark.parametrize(("sent", "first"), [(0, 3), (9, 5)], ids=["of whole chunks", "and of a chunk"])
async def test_the_next_message_is_stopped_where_every_read_ends_inside_of_one(
    lab: Lab, sent: int, first: int
) -> None:
    debugger = await debugging(lab)
    link, server = await opened(lab, "plain", SSE + b"\r\n")
    events = [b"data: 1\r\n\r\n", b"data: 2\r\n\r\n", b"data: 3\n\n", b"data: 4\n\n", b"data: 5\n\n"]
    one, two, three, four, five = events
    wire = [chunk(piece) for piece in (one + two[:-5], two[-5:] + three + four[:4], four[4:] + five)]
    before = wire[0] + wire[1][:sent]
    server.send(before)
    await eventually(lambda: before in link.client.unread, "what comes before the breakpoint")
    await debugger.pause_everything(True)
    server.send(wire[1][sent:] + wire[2][:9])
    server.send(wire[2][9:])
    paused = await stopped(debugger)
    assert isinstance(paused.original, MessageDraft)
    assert paused.original.data == b"%d" % first
    await debugger.pause_everything(False)
    assert await debugger.drop(paused.number)
    server.send(b"0\r\n\r\n")
    assert await unchunked(link.client) == b"".join((*events[: first - 1], *events[first:]))
    await lab.settled()
    seen = [(seen.number, seen.origin) for seen in lab.all(MessageSeen)]
    assert seen == [(number, "dropped" if number == first else "") for number in range(1, 6)]


async def test_a_read_of_nothing_but_framing_loses_no_message(lab: Lab) -> None:
    debugger = await debugging(lab)
    link, server = await opened(lab, "plain", SSE + b"\r\n")
    server.send(chunk(b"data: 1\n\nda"))
    await eventually(lambda: link.client.unread.endswith(b"da\r\n"), "the first chunk")
    await debugger.set_breakpoints([at(DOWN, expression="body:3")])
    server.send(b"10\r\n")
    await eventually(lambda: link.client.unread.endswith(b"10\r\n"), "the size of the next")
    server.send(b"ta: 2\n\nda")
    await eventually(lambda: link.client.unread.endswith(b"\nda"), "a part of it")
    server.send(b"ta: 3\n\n\r\n0\r\n\r\n")
    assert await unchunked(link.client) == b"data: 1\n\ndata: 2\n\ndata: 3\n\n"
    await lab.settled()
    assert [seen.number for seen in lab.all(MessageSeen)] == [1, 2, 3]


async def test_lines_from_a_client_are_stopped_once_their_breakpoint_is_set(lab: Lab) -> None:
    debugger = await debugging(lab)
    link = await lab.link("plain")
    link.ask(BODY + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b'{"a":1}\n'))
    server = await link.server()
    await server.until(chunk(b'{"a":1}\n'))
    await debugger.set_breakpoints([at(UP)])
    link.client.send(chunk(b'{"a":2}\n') + b"0\r\n\r\n")
    await edit(debugger, await stopped(debugger), data=b'{"a":"edited"}')
    await server.until(b'{"a":"edited"}\n')
    await server.until(b"0\r\n\r\n")
    await link.pass_response(OK)


@pytest.mark.parametrize("coded", [True, False], ids=["coded events", "plain body"])
async def test_a_body_that_is_on_its_way_and_cannot_be_stopped_any_more_says_so(
    lab: Lab, coded: bool
) -> None:
    debugger = await debugging(lab)
    head = SSE + b"Content-Encoding: gzip\r\n\r\n" if coded else PLAIN
    link, server = await opened(lab, "plain", head)
    server.send(chunk(b"any"))
    await link.client.until(b"any")
    await debugger.set_breakpoints([at(Stage.RESPONSE_BODY, expression="path:/other")])
    assert not lab.all(Noted)
    await debugger.pause_everything(True)
    await debugger.set_breakpoints([at(DOWN, Stage.RESPONSE)])
    (note,) = [note for note in lab.all(Noted) if note.code == PASSING]
    assert note.detail == "the response's body was already on its way, so no breakpoint stops it"
    server.send(chunk(b"more") + b"0\r\n\r\n")
    await link.client.until(b"0\r\n\r\n")
    assert not debugger.paused


async def test_an_event_is_stopped_and_edited_and_never_the_whole_body(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE_BODY, expression="body:two"))
    link, server = await opened(lab, route, SSE + b"\r\n")
    server.send(chunk(b"data: one\n\n"))
    await link.client.until(b"data: one\n\n")
    server.send(chunk(b"event: a\nid: 7\ndata: two\n\ndata: three\n\n"))
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, MessageDraft)
    assert (paused.stage, draft.label, draft.data, draft.note) == (DOWN, "a", b"two", "7")
    await edit(debugger, paused, data=b"edited", label="b")
    came = await link.client.until(b"data: three\n\n")
    assert b"event: b" in came
    assert b"data: edited" in came
    server.send(b"0\r\n\r\n")
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED


async def test_a_client_that_leaves_while_its_event_is_paused_ends_the_flow(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(DOWN))
    link, server = await opened(lab, route, SSE + b"\r\n")
    server.send(chunk(b"data: one\n\n"))
    await stopped(debugger)
    link.client.close()
    assert (await lab.one(Resumed)).how == "client_gone"
    assert (await lab.one(FlowClosed)).reason == CloseReason.CLIENT_CLOSED


async def test_a_client_that_leaves_while_nothing_is_read_from_it_is_noticed_at_the_next_look(
    lab: Lab, route: str
) -> None:
    debugger = await debugging(lab, at(UP))
    link = await lab.link(route)
    link.ask(BODY + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"1\n"))
    await stopped(debugger)
    link.client.abort()
    await eventually(lambda: link.client.lost, "the client's end")

    def noticed() -> bool:
        lab.pass_time(1.0)
        return bool(lab.all(FlowClosed))

    await eventually(noticed, "the end of the flow")
    assert (await lab.one(Resumed)).how == "client_gone"
    assert (await lab.one(FlowClosed)).reason == CloseReason.CLIENT_CLOSED


async def test_lines_of_an_upload_are_stopped_one_by_one(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP, expression='body:"2"'))
    link = await lab.link("plain")
    link.ask(BODY + b"Content-Length: 6\r\n\r\n1\n2\n3\n")
    paused = await stopped(debugger)
    await edit(debugger, paused, data=b'"changed"')
    server = await link.server()
    head = await server.head()
    assert b"chunked" in head
    came = await server.until(b"0\r\n\r\n")
    assert b"1\n" in came
    assert b'"changed"' in came
    assert b"3\n" in came
    server.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    await link.client.head()


async def test_after_the_deadline_a_message_goes_on_as_it_was(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP), pause_seconds=0.05)
    ws = await upgraded(lab, "plain")
    ws.client.send(frame(TEXT, b"late"))
    await ws.server.same(frame(TEXT, b"late"))
    assert (await lab.one(Resumed)).how == "deadline"
    assert not debugger.paused


async def test_timeouts_do_not_cut_a_stream_whose_message_is_paused(lab: Lab) -> None:
    debugger = await debugging(lab, at(UP), idle_timeout=5.0)
    ws = await upgraded(lab, "plain")
    ws.client.send(frame(TEXT, b"held"))
    await stopped(debugger)
    lab.pass_time(100.0)
    await debugger.resume_all()
    await ws.server.same(frame(TEXT, b"held"))


async def test_a_breakpoint_set_later_stops_messages_of_a_websocket_that_is_open(lab: Lab) -> None:
    debugger = await debugging(lab)
    ws = await upgraded(lab, "plain")
    await ws.up(frame(TEXT, b"before"))
    await debugger.set_breakpoints([Breakpoint(stages=(UP,))])
    ws.client.send(frame(TEXT, b"after"))
    paused = await stopped(debugger)
    await debugger.resume(paused.number)
    await ws.server.same(frame(TEXT, b"after"))
    await debugger.set_breakpoints([])
    wire = frame(TEXT, b"x" * 100)
    ws.client.send(wire[:50])
    await ws.server.same(wire[:50])
    await ws.up(wire[50:])
