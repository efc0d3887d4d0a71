"""Breakpoints over real sockets: what is stopped, what goes on, and that nothing hangs."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import msgspec
import pytest

from soth_mitm.config import BreakpointSetting
from soth_mitm.control import DecisionError
from soth_mitm.errors import ConfigError
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
from soth_mitm.net import tasks
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from tests.helpers.debugging import at, debugging, stopped
from tests.helpers.net import HOST, OK, Lab
from tests.helpers.wire import eventually

if TYPE_CHECKING:
    from soth_mitm.control import Debugger

POST = b"POST /in HTTP/1.1\r\nHost:site.test\r\nX-A:  1\r\nContent-Length: 5\r\n\r\nhello"
SITE = b"Host: site.test\r\n"


async def test_a_request_that_is_sent_as_it_was_has_not_changed_by_a_byte(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY, expression="method:POST path:/in"))
    link = await lab.link(route)
    link.ask(POST)
    paused = await stopped(debugger)
    assert (paused.stage, paused.flow, paused.body_streams) == (Stage.REQUEST_BODY, 1, False)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    assert (draft.method, draft.target, draft.body) == (b"POST", b"/in", b"hello")
    assert draft.fields == ((b"Host", b"site.test"), (b"X-A", b"1"), (b"Content-Length", b"5"))
    assert not link.origin.received
    assert await debugger.resume_original(paused.number)
    await (await link.server()).same(POST)
    await link.pass_response(OK)
    assert [each.how for each in await lab.told(Resumed)] == ["sent_as_it_was"]
    assert not debugger.paused
    assert not lab.all(MessageChanged)
    assert not await debugger.resume(paused.number), "it is over"


async def test_an_edited_request_arrives_exactly_as_it_was_edited(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await lab.link(route)
    link.ask(POST)
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    edited = msgspec.structs.replace(
        draft,
        method=b"PUT",
        target=b"/out?x=1",
        fields=((b"X-A", b"1"), (b"Host", b"site.test"), (b"X-B", b"\xff"), (b"content-length", b"5")),
        body=b"good bye",
    )
    assert await debugger.edit(paused.number, edited)
    assert debugger.paused[0].draft == edited
    assert await debugger.resume(paused.number)
    await (await link.server()).same(
        b"PUT /out?x=1 HTTP/1.1\r\nX-A:  1\r\nHost:site.test\r\nX-B: \xff\r\n"
        b"content-length: 8\r\n\r\ngood bye"
    )
    await link.pass_response(OK)
    await lab.settled()
    assert (await lab.one(MessageChanged)).by == "person"
    assert [chunk.data for chunk in lab.all(OriginalChunk)] == [b"hello"], "what the client sent is kept"
    assert (await lab.one(RequestHead)).method == b"POST"
    assert [each.how for each in lab.all(Resumed)] == ["edited"]


async def test_an_edit_of_the_head_alone_lets_the_body_stream_on_in_its_own_framing(
    lab: Lab, route: str
) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link(route)
    link.ask(b"POST / HTTP/1.1\r\n" + SITE + b"Transfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n")
    paused = await stopped(debugger)
    assert paused.body_streams
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    assert draft.body is None
    edited = msgspec.structs.replace(draft, fields=(*draft.fields[:1], (b"X-New", b"1")))
    await debugger.edit(paused.number, edited)
    await debugger.resume(paused.number)
    link.client.send(b"2\r\nlo\r\n0\r\n\r\n")
    await (await link.server()).same(
        b"POST / HTTP/1.1\r\n" + SITE + b"X-New: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;x\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    )
    await link.pass_response(OK)


async def test_a_response_is_stopped_and_replaced(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE_BODY, expression="status:2xx"))
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok")
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, ResponseDraft)
    assert (draft.status, draft.body) == (200, b"ok")
    await debugger.edit(paused.number, msgspec.structs.replace(draft, status=201, body=b"changed"))
    await debugger.resume(paused.number)
    await link.client.same(b"HTTP/1.1 201 OK\r\nX-A: 1\r\nContent-Length: 7\r\n\r\nchanged")
    await lab.settled()
    assert (await lab.one(ResponseHead)).status == 200
    assert [chunk.data for chunk in lab.all(OriginalChunk)] == [b"ok"]
    await link.pass_request(link.get(b"/next"))


async def test_a_person_may_answer_a_request_himself(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link(route)
    link.ask(link.get())
    paused = await stopped(debugger)
    with pytest.raises(DecisionError, match="cannot be sent"):
        await debugger.respond(paused.number, ResponseDraft(status=200, fields=((b"A\n", b"b"),)))
    answer = ResponseDraft(status=418, fields=((b"X-Mine", b"1"),), body=b"short and stout")
    assert await debugger.respond(paused.number, answer)
    assert b"418" in await link.client.head()
    assert not link.origin.received
    assert [each.how for each in await lab.told(Resumed)] == ["answered"]


async def test_a_dropped_request_closes_the_client_and_says_so(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link(route)
    link.ask(link.get())
    paused = await stopped(debugger)
    assert await debugger.drop(paused.number)
    await link.client.closed()
    assert (await lab.one(FlowClosed)).reason == CloseReason.KILLED
    assert (await lab.one(Resumed)).how == "dropped"


async def test_after_the_deadline_the_original_goes_on(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST), pause_seconds=0.05)
    link = await lab.link("plain")
    link.ask(link.get())
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    await debugger.edit(paused.number, msgspec.structs.replace(draft, target=b"/edited"))
    await (await link.server()).same(link.get())
    assert (await lab.one(Resumed)).how == "deadline"
    assert (await lab.one(Noted)).code == "edits_not_sent"
    (lapsed,) = debugger.lapsed
    assert isinstance(lapsed.draft, RequestDraft)
    assert (lapsed.flow, lapsed.how, lapsed.draft.target) == (paused.flow, "deadline", b"/edited")
    await link.pass_response(OK)


async def test_of_what_nobody_decided_about_no_more_bytes_are_kept_than_may_be_paused(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE_BODY), pause_seconds=0.01, paused_bytes=3)
    link = await lab.link("plain")
    for _ in range(2):
        (await link.pass_request(link.get())).send(OK)
        await link.client.until(b"ok")
    first, second = await lab.told(Resumed, 2)
    assert (first.how, second.how) == ("deadline", "deadline")
    (lapsed,) = debugger.lapsed
    assert (lapsed.number, lapsed.size) == (second.number, 2)


async def test_the_row_says_so_where_more_was_typed_than_could_be_sent(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST), pause_seconds=0.05)
    link = await lab.link("plain")
    link.ask(link.get())
    await debugger.unfinished((await stopped(debugger)).number, True)
    await (await link.server()).same(link.get())
    assert (await lab.one(Noted)).code == "edits_not_sent"
    await link.pass_response(OK)


def deadline(debugger: Debugger) -> int:
    return debugger.paused[0].deadline_ns or 0


async def test_an_open_editor_suspends_the_deadline(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST), pause_seconds=60)
    link = await lab.link("plain")
    link.ask(link.get())
    paused = await stopped(debugger)
    before = deadline(debugger)
    await debugger.editing(paused.number, True)
    assert debugger.paused[0].editing
    assert deadline(debugger) == 0
    await debugger.editing(paused.number, False)
    await debugger.more_time(paused.number, 100)
    assert deadline(debugger) > before + 90 * 10**9
    await debugger.resume(paused.number)


async def test_a_client_that_leaves_while_its_request_is_paused_ends_the_flow(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link(route)
    link.ask(link.get())
    await stopped(debugger)
    link.client.close()
    assert (await lab.one(FlowClosed)).reason == CloseReason.CLIENT_CLOSED
    assert (await lab.one(Resumed)).how == "client_gone"
    assert not debugger.paused


async def test_a_killed_flow_is_not_paused_any_more(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await lab.link(route)
    link.ask(link.get())
    paused = await stopped(debugger)
    assert await lab.running.control.kill(paused.flow)
    await link.client.closed()
    assert (await lab.one(Resumed)).how == "killed"
    assert (await lab.one(FlowClosed)).reason == CloseReason.KILLED


async def test_nothing_is_paused_while_nobody_is_there_to_decide(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link("plain")
    link.ask(link.get())
    await stopped(debugger)
    await debugger.detach()
    await (await link.server()).same(link.get())
    await link.pass_response(OK)
    link.ask(link.get(b"/2"))
    await (await link.server()).same(link.get(b"/2"))
    assert [each.how for each in lab.all(Resumed)] == ["released"]


async def test_a_hundred_are_paused_and_those_whose_client_is_still_there_go_on_at_once(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    origin = await lab.origin()
    links = [await lab.link("plain", origin=origin) for _ in range(100)]
    for link in links:
        link.ask(link.get())
    await stopped(debugger, 100)
    for link in links[80:]:
        link.client.abort()
    await stopped(debugger, 80)
    assert await debugger.resume_all() == 80
    await eventually(lambda: len(origin.received) == 80 * len(links[0].get()), "all requests")
    for wire in origin.wires:
        wire.send(OK)
    for link in links[:80]:
        await link.client.same(OK)
    await lab.settled()
    ends = [each.how for each in lab.all(Resumed)]
    assert (ends.count("client_gone"), ends.count("sent_as_it_was")) == (20, 80)
    assert lab.running.control.open_flows == 0


async def test_more_than_may_be_paused_goes_on_and_says_why(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST), paused_messages=1)
    first, second = await lab.link("plain"), await lab.link("plain")
    first.ask(first.get())
    await stopped(debugger)
    await second.pass_request(second.get())
    (note,) = [note for note in lab.all(Noted) if note.code == "not_paused"]
    assert "limits.paused_messages" in note.detail
    await debugger.resume_all()


async def test_where_the_bytes_are_used_up_it_is_their_limit_that_is_named(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY), paused_bytes=8)
    first, second, third = await lab.link("plain"), await lab.link("plain"), await lab.link("plain")
    first.ask(POST)
    await stopped(debugger)
    await second.pass_request(POST)
    (note,) = [note for note in lab.all(Noted) if note.code == "not_paused"]
    assert note.detail.startswith("5 bytes are held for paused messages, and it has 5 more")
    counters = lab.running.counters
    assert (counters.hits["paused_bytes"], counters.hits.get("paused_messages", 0)) == (1, 0)
    third.ask(third.get())
    await stopped(debugger, 2)
    await debugger.resume_all()


async def test_without_pause_seconds_a_message_waits_for_the_person(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST), pause_seconds=0)
    link = await lab.link("plain")
    link.ask(link.get())
    paused = await stopped(debugger)
    assert paused.deadline_ns is None
    assert (await lab.one(Paused)).seconds == 0
    await debugger.editing(paused.number, True)
    await debugger.editing(paused.number, False)
    assert debugger.paused[0].deadline_ns is None
    await debugger.resume(paused.number)
    await link.server()


async def test_breakpoints_of_settings_that_are_read_again_hold_at_once(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST, expression="path:/mine"))
    proxy = lab.running
    setting = BreakpointSetting(expression="path:/theirs", stages=("request",), name="theirs")
    assert proxy.reload(msgspec.structs.replace(proxy.config, breakpoints=(setting,))) == ("breakpoints",)
    link = await lab.link("plain")
    link.ask(link.get(b"/theirs"))
    assert (await stopped(debugger)).breakpoint == "theirs"
    await debugger.resume_all()
    await (await link.server()).head()
    await link.pass_response(OK)
    wrong = msgspec.structs.replace(setting, expression="(")
    with pytest.raises(ConfigError, match="breakpoint 'theirs'"):
        proxy.reload(msgspec.structs.replace(proxy.config, breakpoints=(wrong,)))
    assert proxy.config.breakpoints == (setting,)
    theirs, mine = (state.breakpoint for state in debugger.breakpoints)
    await debugger.set_breakpoints((msgspec.structs.replace(theirs, enabled=False), mine))
    limits = msgspec.structs.replace(proxy.config.limits, pause_seconds=1.0)
    assert proxy.reload(msgspec.structs.replace(proxy.config, limits=limits)) == ("limits",)
    assert not debugger.breakpoints[0].breakpoint.enabled, "what was switched off in the app stays so"
    proxy.reload(msgspec.structs.replace(proxy.config, breakpoints=()))
    assert [state.breakpoint.expression for state in debugger.breakpoints] == ["path:/mine"]


async def test_a_body_over_the_budget_streams_on_behind_a_head_that_can_be_edited(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY), hook_body_bytes=1000)
    link = await lab.link("plain")
    body = b"x" * 5000
    link.ask(b"POST / HTTP/1.1\r\n" + SITE + b"Content-Length: 5000\r\n\r\n" + body)
    paused = await stopped(debugger)
    assert paused.body_streams
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    await debugger.edit(paused.number, msgspec.structs.replace(draft, target=b"/edited"))
    await debugger.resume(paused.number)
    await (await link.server()).same(
        b"POST /edited HTTP/1.1\r\n" + SITE + b"Content-Length: 5000\r\n\r\n" + body
    )
    await link.pass_response(OK)


async def test_a_client_that_waits_for_100_gets_it_before_its_request_is_paused_at_its_body(
    lab: Lab, route: str
) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await lab.link(route)
    link.ask(b"POST / HTTP/1.1\r\n" + SITE + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await link.client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    link.client.send(b"hi")
    paused = await stopped(debugger)
    await debugger.resume(paused.number)
    await (await link.server()).same(b"POST / HTTP/1.1\r\n" + SITE + b"Content-Length: 2\r\n\r\nhi")
    await link.pass_response(OK)


async def test_a_breakpoint_for_one_time_stops_once(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST, once=True))
    link = await lab.link("plain")
    link.ask(link.get())
    paused = await stopped(debugger)
    (state,) = debugger.breakpoints
    assert (state.hits, state.breakpoint.enabled) == (1, False)
    await debugger.resume(paused.number)
    await (await link.server()).same(link.get())
    await link.pass_response(OK)
    await link.pass_request(link.get(b"/2"))
    assert len(lab.all(Paused)) == 1


async def test_an_expression_is_asked_of_the_message_at_hand(lab: Lab) -> None:
    debugger = await debugging(
        lab,
        at(Stage.REQUEST, expression="status:200 or method:PUT", name="never"),
        at(Stage.REQUEST_BODY, expression="body:needle", name="body"),
        at(Stage.RESPONSE, expression="header:x-a", name="head"),
    )
    link = await lab.link("plain")
    server = await link.pass_request(b"POST / HTTP/1.1\r\n" + SITE + b"Content-Length: 3\r\n\r\nhay")
    server.send(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n")
    assert (await stopped(debugger)).breakpoint == "head"
    await debugger.resume_all()
    await link.client.head()
    link.ask(b"POST / HTTP/1.1\r\n" + SITE + b"Content-Length: 6\r\n\r\nneedle")
    assert (await stopped(debugger)).breakpoint == "body"
    await debugger.resume_all()


CODED = gzip.compress(b"hay, and a needle", mtime=0)


@pytest.mark.parametrize(
    ("body", "stops"),
    [
        (CODED, True),
        (CODED[:-9], True),
        (b"no gzip, a needle", True),
        (gzip.compress(b"hay", mtime=0), False),
    ],
    ids=["whole", "cut off", "not coded", "other"],
)
async def test_a_body_is_asked_without_its_codings(lab: Lab, body: bytes, stops: bool) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY, expression="body:needle"))
    link = await lab.link("plain")
    raw = b"POST / HTTP/1.1\r\n" + SITE + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    link.ask(raw + body)
    if stops:
        paused = await stopped(debugger)
        assert isinstance(paused.original, RequestDraft)
        assert paused.original.body == body, "what goes on is coded as it came"
        await debugger.resume(paused.number)
    await (await link.server()).same(raw + body)
    assert len(lab.all(Paused)) == stops


async def test_of_a_body_that_unpacks_to_too_much_the_beginning_is_asked(lab: Lab) -> None:
    debugger = await debugging(
        lab, at(Stage.REQUEST_BODY, expression="body:needle"), hook_body_bytes=1_000_000
    )
    link = await lab.link("plain")
    for text in (b"x" * 2_000_000 + b"needle", b"needle" + b"x" * 2_000_000):
        body = gzip.compress(text, 1, mtime=0)
        raw = b"POST / HTTP/1.1\r\n" + SITE + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        link.ask(raw % len(body) + body)
        if text.startswith(b"needle"):
            await debugger.resume((await stopped(debugger)).number)
        await (await link.server()).same(raw % len(body) + body)
        await link.pass_response(OK)


async def test_a_request_may_be_sent_to_another_place(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link, other = await lab.link(route), await lab.origin()
    link.ask(link.get())
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    await debugger.edit(
        paused.number, msgspec.structs.replace(draft, scheme="http", host=HOST, port=other.port)
    )
    await debugger.resume(paused.number)
    server = await other.accept()
    await server.same(link.get())
    server.send(OK)
    await link.client.same(OK)
    assert not link.origin.received


async def test_pausing_everything_stops_both_ways_until_it_is_switched_off(lab: Lab) -> None:
    debugger = await debugging(lab)
    await debugger.pause_everything(True)
    link = await lab.link("plain")
    link.ask(link.get())
    await stopped(debugger)
    await debugger.resume_all()
    server = await link.server()
    await server.same(link.get())
    server.send(OK)
    await stopped(debugger)
    await debugger.pause_everything(False)
    await debugger.resume_all()
    await link.client.same(OK)
    assert [each.stage for each in lab.all(Paused)] == ["request-body", "response-body"]


async def test_timeouts_do_not_cut_what_is_paused(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST), idle_timeout=5.0)
    link = await lab.link("plain")
    link.ask(link.get())
    await stopped(debugger)
    lab.pass_time(100.0)
    await debugger.resume_all()
    await (await link.server()).same(link.get())
    await link.pass_response(OK)


async def test_stopping_the_proxy_lets_go_of_what_is_paused(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link("plain")
    link.ask(link.get())
    await stopped(debugger)
    await lab.running.drain(0.0)
    await link.client.closed()
    assert (await lab.one(Resumed)).how == "killed"
    assert not debugger.paused


async def test_a_proxy_that_stops_lets_what_is_paused_go_on_with_its_edits(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    edited, plain = await lab.link(route), await lab.link(route)
    edited.ask(edited.get())
    paused = await stopped(debugger)
    assert isinstance(paused.original, RequestDraft)
    await debugger.edit(paused.number, msgspec.structs.replace(paused.original, target=b"/edited"))
    plain.ask(plain.get())
    await stopped(debugger, 2)
    draining = tasks.start(lab.running.drain(5.0), "drain")
    for link, target in ((edited, b"/edited"), (plain, b"/")):
        server = await link.server()
        assert (await server.head()).startswith(b"GET %b HTTP/1.1" % target)
        server.send(OK)
        await link.client.until(b"ok")
    assert await draining == 0
    assert sorted(each.how for each in lab.all(Resumed)) == ["edited", "released"]
    assert [each.reason for each in lab.all(FlowClosed)] == [CloseReason.COMPLETED] * 2


async def test_a_proxy_that_stops_drops_what_is_paused_where_that_is_asked_for(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST, Stage.RESPONSE))
    one, two = await lab.link(route), await lab.link(route)
    one.ask(one.get())
    await stopped(debugger)
    two.ask(two.get())
    await debugger.resume((await stopped(debugger, 2)).number)
    server = await two.server()
    await server.head()
    server.send(OK)
    await stopped(debugger, 2)
    assert await asyncio.wait_for(lab.running.drain(5.0, paused="drop"), 2) == 0
    await one.client.closed()
    await two.client.closed()
    await server.closed()
    assert [each.how for each in lab.all(Resumed)] == ["sent_as_it_was", "dropped", "dropped"]
    assert not one.origin.received


async def test_a_head_as_typed_goes_as_it_stands_and_its_connections_carry_nothing_after_it(
    lab: Lab, route: str
) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await lab.link(route)
    link.ask(POST)
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    fields = ((b"Host", b"site.test"), (b"Content-Length", b"2"), (b"Content-Length", b"9"))
    typed = msgspec.structs.replace(draft, fields=fields, body=b"four", as_typed=True)
    await debugger.edit(paused.number, typed)
    await debugger.resume(paused.number)
    server = await link.server()
    await server.same(
        b"POST /in HTTP/1.1\r\nHost:site.test\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\nfour"
    )
    await link.pass_response(OK)
    await link.client.closed()
    await server.closed()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"method": b"GE T"}, "the method cannot hold a blank"),
        ({"target": b"/a b"}, "the target cannot hold a blank"),
        ({"fields": ((b"X", b"1\r\nY: 2"),)}, "the value of header 1 cannot hold a carriage return"),
        ({"scheme": "ftp"}, "neither http nor https"),
        ({"host": "a b"}, "no host"),
        ({"port": 0}, "no port"),
    ],
)
async def test_an_edit_that_would_break_the_message_is_refused_and_the_one_before_stays(
    lab: Lab, changes: dict[str, object], why: str
) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link("plain")
    link.ask(link.get())
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    good = msgspec.structs.replace(draft, target=b"/good")
    await debugger.edit(paused.number, good)
    with pytest.raises(DecisionError, match=why):
        await debugger.edit(paused.number, msgspec.structs.replace(good, **changes))
    assert debugger.paused[0].draft == good
    await debugger.resume(paused.number)
    assert (await (await link.server()).head()).startswith(b"GET /good ")
    await link.pass_response(OK)


async def test_a_request_that_would_go_to_this_proxy_itself_goes_on_as_it_was(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST))
    link = await lab.link("plain")
    link.ask(link.get())
    paused = await stopped(debugger)
    draft = paused.original
    assert isinstance(draft, RequestDraft)
    own = msgspec.structs.replace(draft, scheme="http", host=HOST, port=lab.port)
    await debugger.edit(paused.number, own)
    await debugger.resume(paused.number)
    await (await link.server()).same(link.get())
    await link.pass_response(OK)
    assert "this proxy itself" in next(note.detail for note in lab.all(Noted) if note.code == "edit_refused")
