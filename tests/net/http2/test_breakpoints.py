"""Breakpoints over HTTP/2: a stream that is stopped is changed, answered or reset, and holds no other."""

from __future__ import annotations

import pytest
from h2.errors import ErrorCodes

from soth_mitm.model.events import (
    FlowClosed,
    MessageChanged,
    Noted,
    OriginalChunk,
    Paused,
    RequestHead,
    ResponseHead,
    Resumed,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from tests.helpers.debugging import at, debugging, edit, stopped
from tests.helpers.h2peer import GET, OK, Peer, get, h2_link, post
from tests.helpers.net import OK as WHOLE
from tests.helpers.net import Lab

EVERY_REQUEST = at(Stage.REQUEST)


async def test_a_stream_that_goes_on_as_it_was_has_not_changed(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY, expression="method:POST path:/in"))
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/in", (b"x-a", b"1")), end=False)
    link.client.data(stream, b"hello", end=True)
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    assert (draft.method, draft.target, draft.body, draft.host) == (b"POST", b"/in", b"hello", "site.test")
    assert (b"x-a", b"1") in draft.fields
    assert await debugger.resume_original(paused.number)
    server = await link.server()
    message = await server.message(1)
    assert (message.head, message.body) == (post(b"/in", (b"x-a", b"1")), b"hello")
    server.answer(1)
    assert (await link.client.message(stream)).body == b"ok"
    await lab.settled()
    assert (await lab.one(Resumed)).how == "sent_as_it_was"
    assert not lab.all(MessageChanged)


async def test_an_edited_stream_arrives_as_it_was_edited_and_both_bodies_are_kept(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/in", (b"x-a", b"1"), (b"content-length", b"5")), end=False)
    link.client.data(stream, b"hello", end=True)
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    fields = tuple(pair for pair in draft.fields if pair[0] != b"x-a")
    await edit(
        debugger,
        paused,
        method=b"PUT",
        target=b"/out",
        body=b"good bye",
        fields=(*fields, (b"X-New", b"2")),
    )
    server = await link.server()
    message = await server.message(1)
    head = dict(message.head)
    assert (head[b":method"], head[b":path"], head[b"content-length"]) == (b"PUT", b"/out", b"8")
    assert (head[b"x-new"], head.get(b"x-a"), message.body) == (b"2", None, b"good bye")
    server.answer(1)
    await link.client.message(stream)
    await lab.settled()
    assert [chunk.data for chunk in lab.all(OriginalChunk)] == [b"hello"]
    assert (await lab.one(MessageChanged)).by == "person"
    assert (await lab.one(RequestHead)).method == b"POST"


async def test_a_response_is_stopped_and_replaced_while_another_stream_moves(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE_BODY, expression="path:/held"))
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/held"))
    server.answer(number, b"original")
    paused = await stopped(debugger)
    other, _, other_number = await link.request(get(b"/free"))
    server.answer(other_number)
    assert (await link.client.message(other)).body == b"ok"
    assert not link.client.messages[stream].head
    draft = paused.original
    assert isinstance(draft, ResponseDraft)
    assert (draft.status, draft.body) == (200, b"original")
    await edit(debugger, paused, status=201, body=b"edited")
    message = await link.client.message(stream)
    assert (dict(message.head)[b":status"], message.body) == (b"201", b"edited")
    await lab.settled()
    assert [chunk.data for chunk in lab.all(OriginalChunk)] == [b"original"]
    assert {head.status for head in lab.all(ResponseHead)} == {200}


async def test_an_edit_of_the_head_alone_lets_the_body_and_trailers_stream_on(lab: Lab) -> None:
    debugger = await debugging(lab, EVERY_REQUEST)
    link = await h2_link(lab)
    stream = link.client.ask(post(), end=False)
    link.client.data(stream, b"hel")
    paused = await stopped(debugger)
    assert paused.body_streams
    await edit(debugger, paused, target=b"/edited")
    link.client.data(stream, b"lo")
    link.client.head_out(stream, [(b"x-sum", b"1")], end=True)
    server = await link.server()
    message = await server.message(1)
    assert (dict(message.head)[b":path"], message.body) == (b"/edited", b"hello")
    assert message.trailers == [(b"x-sum", b"1")]
    server.answer(1)
    await link.client.message(stream)


@pytest.mark.parametrize("stage", [Stage.REQUEST, Stage.RESPONSE], ids=["request", "response"])
async def test_a_person_may_answer_a_stream(lab: Lab, stage: Stage) -> None:
    debugger = await debugging(lab, at(stage))
    link = await h2_link(lab)
    if stage is Stage.REQUEST:
        stream = link.client.ask(GET)
    else:
        stream, server, number = await link.request()
        server.answer(number)
    paused = await stopped(debugger)
    answer = ResponseDraft(status=418, fields=((b"X-Mine", b"1"),), body=b"short and stout")
    assert await debugger.respond(paused.number, answer)
    message = await link.client.message(stream)
    head = dict(message.head)
    assert (head[b":status"], head[b"x-mine"], message.body) == (b"418", b"1", b"short and stout")
    await lab.settled()
    assert (await lab.one(Resumed)).how == "answered"
    assert (await lab.one(FlowClosed)).reason == CloseReason.RESPONDED


async def test_a_dropped_stream_is_reset_and_its_connection_lives_on(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST, expression="path:/drop"))
    link = await h2_link(lab)
    stream = link.client.ask(get(b"/drop"))
    paused = await stopped(debugger)
    assert await debugger.drop(paused.number)
    assert (await link.client.message(stream)).reset == ErrorCodes.CANCEL
    other, server, number = await link.request(get(b"/other"))
    server.answer(number)
    assert (await link.client.message(other)).body == b"ok"
    await lab.settled()
    assert (await lab.one(Resumed)).how == "dropped"
    assert lab.all(FlowClosed)[0].reason == CloseReason.KILLED


async def test_a_client_that_resets_a_paused_stream_ends_the_pause(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await h2_link(lab)
    stream = link.client.ask(GET)
    await stopped(debugger)
    link.client.reset(stream, ErrorCodes.CANCEL)
    assert (await lab.one(FlowClosed)).reason == CloseReason.CLIENT_CLOSED
    assert (await lab.one(Resumed)).how == "client_gone"
    assert not debugger.paused


async def test_a_client_that_leaves_ends_all_its_pauses(lab: Lab) -> None:
    debugger = await debugging(lab, EVERY_REQUEST)
    link = await h2_link(lab)
    for _ in range(3):
        link.client.ask(GET)
    await stopped(debugger, 3)
    link.client.wire.close()
    await lab.told(FlowClosed, 3)
    assert {resumed.how for resumed in await lab.told(Resumed, 3)} == {"client_gone"}
    assert not debugger.paused


async def test_a_killed_stream_is_not_paused_any_more(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE))
    link = await h2_link(lab)
    stream, server, number = await link.request()
    server.answer(number)
    paused = await stopped(debugger)
    assert await lab.running.control.kill(paused.flow)
    assert (await link.client.message(stream)).reset == ErrorCodes.CANCEL
    assert (await lab.one(Resumed)).how == "killed"


async def test_an_upstream_that_resets_while_its_response_is_paused_ends_the_pause(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE))
    link = await h2_link(lab)
    stream, server, number = await link.request()
    server.head_out(number, OK)
    await stopped(debugger)
    server.reset(number, ErrorCodes.INTERNAL_ERROR)
    assert (await link.client.message(stream)).reset == ErrorCodes.INTERNAL_ERROR
    assert (await lab.one(Resumed)).how == "upstream_gone"


async def test_pings_are_answered_while_streams_are_paused(lab: Lab) -> None:
    debugger = await debugging(lab, EVERY_REQUEST)
    link = await h2_link(lab)
    link.client.ask(GET)
    await stopped(debugger)
    before = len(link.client.wire.received)
    link.client.raw(6, 0, 0, b"8 bytes.")
    await link.client.until(lambda: b"8 bytes." in bytes(link.client.wire.received[before:]), "the answer")
    await debugger.resume_all()
    (await link.server()).pump()


async def test_a_client_that_waits_for_100_gets_it_before_its_stream_is_paused_at_its_body(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/", (b"expect", b"100-continue")), end=False)
    await link.client.until(lambda: link.client.messages[stream].interim, "100")
    link.client.data(stream, b"hi", end=True)
    await debugger.resume((await stopped(debugger)).number)
    server = await link.server()
    message = await server.message(1)
    assert (dict(message.head).get(b"expect"), message.body) == (None, b"hi")
    server.answer(1)
    await link.client.message(stream)


async def test_a_body_over_the_budget_streams_on_behind_a_head_that_can_be_edited(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY), hook_body_bytes=1000)
    link = await h2_link(lab)
    stream = link.client.ask(post(), end=False)
    link.client.data(stream, b"x" * 5000, end=True)
    paused = await stopped(debugger)
    assert paused.body_streams
    await edit(debugger, paused, target=b"/edited")
    server = await link.server()
    message = await server.message(1)
    assert (dict(message.head)[b":path"], message.body) == (b"/edited", b"x" * 5000)
    assert "body_not_held" in [note.code for note in lab.all(Noted)]
    server.answer(1)
    await link.client.message(stream)


async def test_a_stream_may_be_sent_to_another_place(lab: Lab) -> None:
    debugger = await debugging(lab, EVERY_REQUEST)
    link = await h2_link(lab)
    context = lab.world.server_context("other.test", alpn=("h2",))
    other = await lab.origin(tls=True, context=context)
    stream = link.client.ask(get(b"/moved"))
    await edit(debugger, await stopped(debugger), host="other.test", port=other.port)
    server = Peer(await other.accept(), client=False)
    await server.head(1)
    server.answer(1)
    assert (await link.client.message(stream)).body == b"ok"
    assert not link.origin.received.count(b"/moved")


async def test_a_hundred_paused_streams_go_on_at_once(lab: Lab) -> None:
    debugger = await debugging(lab, EVERY_REQUEST)
    link = await h2_link(lab)
    streams = [link.client.ask(GET) for _ in range(100)]
    await stopped(debugger, 100)
    assert await debugger.resume_all() == 100
    server = await link.server()
    await server.until(lambda: len([each for each in server.messages.values() if each.head]) == 100)
    for number in list(server.messages):
        server.answer(number)
    for stream in streams:
        assert (await link.client.message(stream)).body == b"ok"
    await lab.settled()
    assert len(lab.all(Resumed)) == len(lab.all(Paused)) == 100
    assert lab.running.control.open_flows == 0


async def test_timeouts_do_not_cut_a_paused_stream(lab: Lab) -> None:
    debugger = await debugging(lab, EVERY_REQUEST, idle_timeout=5.0)
    link = await h2_link(lab)
    stream = link.client.ask(GET)
    await stopped(debugger)
    lab.pass_time(100.0)
    await debugger.resume_all()
    server = await link.server()
    await server.head(1)
    server.answer(1)
    assert (await link.client.message(stream)).body == b"ok"


async def test_stopping_the_proxy_lets_go_of_paused_streams(lab: Lab) -> None:
    debugger = await debugging(lab, EVERY_REQUEST)
    link = await h2_link(lab)
    link.client.ask(GET)
    await stopped(debugger)
    await lab.running.drain(0.0)
    assert (await lab.one(Resumed)).how == "killed"
    assert not debugger.paused


async def test_over_http1_upstreams_a_stream_is_stopped_and_edited_likewise(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY), at(Stage.RESPONSE_BODY))
    link = await h2_link(lab, upstream=("http/1.1",), client=("h2",))
    stream = link.client.ask(post(b"/in"), end=False)
    link.client.data(stream, b"hello", end=True)
    await edit(debugger, await stopped(debugger), target=b"/out", body=b"good bye")
    wire = await link.origin.accept()
    head = await wire.head()
    assert head.startswith(b"POST /out HTTP/1.1\r\n")
    assert b"content-length: 8\r\n" in head.lower()
    await wire.same(b"good bye")
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await edit(debugger, await stopped(debugger), body=b"edited", fields=((b"x-a", b"1"),))
    message = await link.client.message(stream)
    assert (dict(message.head)[b"x-a"], message.body) == (b"1", b"edited")


async def test_after_a_request_as_typed_its_upstream_connection_of_http1_carries_nothing(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY, once=True))
    link = await h2_link(lab, upstream=("http/1.1",), client=("h2",))
    stream = link.client.ask(post(b"/in"), end=False)
    link.client.data(stream, b"hello", end=True)
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    fields = (*draft.fields, (b"content-length", b"9"))
    await edit(debugger, paused, fields=fields, body=b"four", as_typed=True)
    server = await link.origin.accept()
    assert b"content-length: 9\r\n" in await server.head()
    await server.same(b"four")
    server.send(WHOLE)
    assert (await link.client.message(stream)).body == b"ok"
    await server.closed()
    again = link.client.ask(GET)
    server = await link.origin.accept()
    await server.head()
    server.send(WHOLE)
    assert (await link.client.message(again)).body == b"ok"
