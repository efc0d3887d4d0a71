"""What rules do to bodies that go as a whole in place of those that came, over both versions of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soth_mitm.hooks.decisions import Change, MessageDecision, Modify
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Message, Request, Response
from soth_mitm.model.events import FlowClosed, MessageChanged, MessageSeen, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.rules import Rule
from soth_mitm.policy.rules import actions as a
from tests.helpers.debugging import at, debugging, edit, stopped
from tests.helpers.deciding import Deciding
from tests.helpers.h2peer import get, h2_link, post
from tests.helpers.net import OK, Lab
from tests.helpers.upgrade import upgraded
from tests.helpers.wire import eventually
from tests.proto.websocket.framing import TEXT, frame

if TYPE_CHECKING:
    from soth_mitm.control import Debugger

HOST_LINE = b"Host: site.test\r\n"
EVENTS = b"data: 1\n\ndata: 2\n\ndata: 3\n\n"
STREAM = ((b"Content-Type", b"text/event-stream"),)


class Replaces(Handler):
    """Gives each request, or each response, another body."""

    def __init__(
        self, body: bytes, *, request: bool = False, fields: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self.change = Modify(body=body, set_fields=fields)
        self.request = request

    async def on_request(self, request: Request) -> Modify | None:
        return self.change if self.request else None

    async def on_response(self, response: Response) -> Modify | None:
        return None if self.request else self.change


async def ruled(lab: Lab, handler: Handler | None, *rules: a.Action | Rule) -> Debugger:
    """Start a proxy with a handler and rules."""
    proxy = await lab.start(handler=handler)
    made = [each if isinstance(each, Rule) else Rule(action=each, name="it") for each in rules]
    await proxy.control.debugger.set_rules(made)
    return proxy.control.debugger


async def test_a_body_in_anothers_place_is_slowed_down(lab: Lab) -> None:
    await ruled(lab, Replaces(b"x" * 200), a.LimitRate(bytes_per_second=2000))
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    began = lab.running._shared.loop.time()
    server.send(OK)
    await link.client.same(OK.replace(b"th: 2", b"th: 200").removesuffix(b"ok") + b"x" * 200)
    assert lab.running._shared.loop.time() - began >= 0.05
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED
    await link.pass_request(link.get())  # the connection goes on


async def test_a_body_in_anothers_place_comes_whole_though_the_one_that_came_breaks_off(lab: Lab) -> None:
    await ruled(lab, Replaces(b"x" * 200), a.LimitRate(bytes_per_second=1000))
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await link.client.until(b"x")
    server.send(b"no size\r\n")
    server.send(b"more")
    server.close()
    await link.client.same(b"x" * 199)
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED


async def test_a_request_in_anothers_place_is_slowed_down_and_the_connection_goes_on(lab: Lab) -> None:
    await ruled(lab, Replaces(b"x" * 200, request=True), a.LimitRate(bytes_per_second=2000, on="request"))
    link = await lab.link("plain")
    for body in (b"short", b"another"):
        link.ask(b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        server = await link.server()
        assert b"Content-Length: 200\r\n" in await server.head()
        await server.same(b"x" * 200)
        await link.pass_response(OK)
    await lab.settled()
    assert [each.action for each in lab.all(RuleApplied)] == ["limit-rate"] * 2


async def test_a_body_that_a_person_wrote_is_cut(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE_BODY))
    await debugger.set_rules([Rule(action=a.Fail(after_bytes=3), name="it")])
    link = await lab.link("plain")
    (await link.pass_request(link.get())).send(OK)
    await edit(debugger, await stopped(debugger), body=b"edited")
    assert (await link.client.rest()).endswith(b"\r\n\r\nedi")
    closed = await lab.one(FlowClosed)
    assert (closed.reason, closed.detail) == (CloseReason.KILLED, "cut after 3 bytes by rule it")


@pytest.mark.parametrize("was", [b"text/event-stream", b"text/plain"])
async def test_events_in_anothers_place_are_cut_after_so_many(lab: Lab, was: bytes) -> None:
    await ruled(lab, Replaces(EVENTS, fields=STREAM), a.Fail(after_messages=2))
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: 9\r\n\r\ndata: 7\n\n" % was)
    came = await link.client.rest()
    assert b"data: 2\n" in came
    assert b"data: 3\n" not in came
    assert (await lab.one(FlowClosed)).reason == CloseReason.KILLED
    assert [seen.size for seen in lab.all(MessageSeen)] == [1, 1]


async def test_a_stream_that_becomes_a_plain_body_is_no_stream_any_more(lab: Lab) -> None:
    plain = ((b"Content-Type", b"text/plain"),)
    await ruled(lab, Replaces(EVENTS, fields=plain), a.Fail(after_messages=2))
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n")
    assert (await link.client.until(b"data: 3\n\n")).endswith(EVENTS)
    await lab.settled()
    assert not lab.all(MessageSeen)


async def test_all_that_is_replaced_in_a_body_is_replaced_though_one_rule_asked_for_the_body(
    lab: Lab,
) -> None:
    first = Rule(action=a.ReplaceBody(pattern="a", replacement="b"), name="first")
    second = Rule(action=a.ReplaceBody(pattern="b", replacement="c"), name="second", expression="body:b")
    await ruled(lab, None, first, second)
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\naba")
    await link.client.same(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nccc")
    await lab.settled()
    assert [each.rule for each in lab.all(RuleApplied)] == ["first", "second"]


async def test_what_is_replaced_in_a_body_does_not_touch_one_in_its_place(lab: Lab) -> None:
    await ruled(lab, Replaces(b"aaa"), a.ReplaceBody(pattern="a", replacement="b"))
    link = await lab.link("plain")
    (await link.pass_request(link.get())).send(OK)
    assert (await link.client.until(b"aaa")).endswith(b"\r\n\r\naaa")
    assert [each.by for each in lab.all(MessageChanged)] == ["handler"]


async def test_a_response_in_anothers_place_arrives_though_the_upstream_breaks_off(lab: Lab) -> None:
    await ruled(lab, Replaces(b"whole"))
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npa")
    came = await link.client.until(b"whole")
    server.close()
    assert came.endswith(b"Content-Length: 5\r\n\r\nwhole")
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "left"])
@pytest.mark.parametrize("version", [1, 2])
async def test_a_flow_ends_while_a_body_in_anothers_place_is_slowed_down(
    lab: Lab, version: int, killed: bool
) -> None:
    await ruled(lab, Replaces(b"x" * 200), a.LimitRate(bytes_per_second=20))
    if version == 1:
        link = await lab.link("plain")
        (await link.pass_request(link.get())).send(OK)
        await link.client.until(b"\r\n\r\nx")
        leave = link.client.abort
    else:
        streams = await h2_link(lab)
        stream, server, theirs = await streams.request(get(b"/"))
        server.answer(theirs)
        await streams.client.until(lambda: streams.client.messages[stream].body, "its first bytes")
        leave = streams.client.wire.abort
    if killed:
        assert await lab.running.control.kill(1)
    else:
        leave()
    wanted = CloseReason.KILLED if killed else CloseReason.CLIENT_CLOSED
    assert (await lab.one(FlowClosed)).reason == wanted
    await eventually(lambda: not len(lab.running._shared.tasks), "the end of all tasks")


async def test_bodies_of_streams_in_anothers_place_are_slowed_down_and_cut(lab: Lab) -> None:
    debugger = await ruled(lab, Replaces(b"x" * 200), a.LimitRate(bytes_per_second=2000))
    link = await h2_link(lab)
    stream, server, theirs = await link.request(get(b"/slow"))
    began = lab.running._shared.loop.time()
    server.head_out(theirs, [(b":status", b"200")])
    server.data(theirs, b"never whole")
    await link.client.until(lambda: link.client.messages[stream].body, "its first bytes")
    server.reset(theirs, 2)
    assert (await link.client.message(stream)).body == b"x" * 200
    assert lab.running._shared.loop.time() - began >= 0.05
    await debugger.set_rules([Rule(action=a.Fail(after_bytes=3), name="it")])
    stream, server, theirs = await link.request(get(b"/cut"))
    server.answer(theirs)
    cut = await link.client.message(stream)
    assert (cut.body, cut.ended, cut.reset is None) == (b"xxx", False, False)
    await lab.settled()
    assert [each.reason for each in lab.all(FlowClosed)] == [CloseReason.COMPLETED, CloseReason.KILLED]


async def test_an_upstream_whose_answer_breaks_is_left_while_another_goes_in_its_place(lab: Lab) -> None:
    await ruled(lab, Replaces(b"x" * 200), a.LimitRate(bytes_per_second=2000))
    link = await h2_link(lab, upstream=("http/1.1",), client=("h2",))
    stream = link.client.ask(get(b"/"))
    server = await link.origin.accept()
    await server.head()
    server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await link.client.until(lambda: link.client.messages[stream].body, "its first bytes")
    server.send(b"no size\r\n")
    await server.closed()
    assert (await link.client.message(stream)).body == b"x" * 200
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED


async def test_a_request_of_a_stream_in_anothers_place_is_slowed_down(lab: Lab) -> None:
    await ruled(lab, Replaces(b"x" * 200, request=True), a.LimitRate(bytes_per_second=2000, on="request"))
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/"), end=False)
    server = await link.server()
    await server.until(lambda: server.messages[1].body, "its first bytes")
    link.client.data(stream, b"any", end=True)
    assert (await server.message(1)).body == b"x" * 200
    server.answer(1)
    assert (await link.client.message(stream)).body == b"ok"
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED


async def test_events_of_a_stream_in_anothers_place_are_cut_after_so_many(lab: Lab) -> None:
    await ruled(lab, Replaces(EVENTS), a.Fail(after_messages=2))
    link = await h2_link(lab)
    stream, server, theirs = await link.request(get(b"/"))
    server.answer(
        theirs, b"data: 7\n\n", fields=[(b":status", b"200"), (b"content-type", b"text/event-stream")]
    )
    cut = await link.client.message(stream)
    assert (cut.body, cut.ended) == (b"data: 1\n\ndata: 2\n\n", False)


@pytest.mark.parametrize("fails", ["open", "closed"])
async def test_a_websocket_is_cut_though_its_handler_fails_about_the_message(lab: Lab, fails: str) -> None:
    def fail(message: Message) -> MessageDecision | None:
        if fails == "closed":
            raise ValueError("no idea")
        return Change(b"\xff")  # no text

    lab.faults_expected = True
    proxy = await lab.start(handler=Deciding(fail), handler_fails=fails)
    await proxy.control.debugger.set_rules([Rule(action=a.Fail(after_messages=1), name="it")])
    ws = await upgraded(lab, "plain")
    ws.server.send(frame(TEXT, b"x", mask=False))
    await ws.client.closed()
    assert (await lab.one(FlowClosed)).detail == "cut by rule it"
