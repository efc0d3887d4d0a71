"""Bodies that do not end, or not soon: whoever asks for one waits a while, and no client hangs."""

from __future__ import annotations

from h2.settings import SettingCodes

from soth_mitm.hooks.decisions import Modify
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Request, Response
from soth_mitm.model.events import FlowClosed, Noted, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from soth_mitm.policy.rules import Rule
from soth_mitm.policy.rules import actions as a
from tests.helpers.debugging import at, debugging, edit, stopped
from tests.helpers.h2peer import Peer, get, h2_link, post
from tests.helpers.net import Lab
from tests.helpers.upgrade import EXTENDED
from tests.net.http2.test_message_hooks import GRPC, frame

PLAIN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_body_that_does_not_end_is_stopped_at_its_head_after_a_while(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.RESPONSE_BODY), hold_seconds=0.05)
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(PLAIN + b"3\r\nlog\r\n")
    paused = await stopped(debugger)
    assert isinstance(paused.original, ResponseDraft)
    assert paused.original.body is None
    assert (await lab.one(Noted)).code == "body_not_held"
    await edit(debugger, paused, fields=(*paused.original.fields, (b"X-A", b"1")))
    await link.client.same(PLAIN[:-2] + b"X-A: 1\r\n\r\n3\r\nlog\r\n")
    server.send(b"0\r\n\r\n")
    await link.client.same(b"0\r\n\r\n")


async def test_an_upload_that_does_not_end_is_stopped_at_its_head_over_http2(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY), hold_seconds=0.05)
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/log"), end=False)
    link.client.data(stream, b"one")
    await debugger.resume((await stopped(debugger)).number)
    server = await link.server()
    await server.until(lambda: server.messages[1].body == b"one", "what came of it")
    link.client.data(stream, b"two", end=True)
    assert (await server.message(1)).body == b"onetwo"


async def test_a_rule_that_asks_for_the_body_of_a_stream_lets_it_pass_at_once(lab: Lab, route: str) -> None:
    await lab.start()
    rule = Rule(action=a.SetField(field="X-A", value="1", on="response"), expression="body:x", name="it")
    await lab.running.control.debugger.set_rules([rule])
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    server.send(head + b"data: x\n\n")
    await link.client.same(head + b"data: x\n\n")
    assert (await lab.one(Noted)).code == "rule_undecided"
    assert not lab.all(RuleApplied)


async def test_a_rule_that_asks_for_the_body_of_a_call_that_goes_both_ways_does_not_hang_it(lab: Lab) -> None:
    await lab.start(limits={"hold_seconds": 0.05})
    rule = Rule(action=a.SetField(field="X-A", value="1"), expression="body:first", name="it")
    await lab.running.control.debugger.set_rules([rule])
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/a.B/C", GRPC), end=False)
    link.client.data(stream, frame(b"first"))
    server = await link.server()
    await server.until(lambda: server.messages[1].body == frame(b"first"), "the first message")
    link.client.data(stream, b"", end=True)
    server.answer(1)
    await link.client.message(stream)


async def test_the_request_for_a_websocket_over_http2_has_no_body_to_wait_for(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    link = await h2_link(lab)
    settings = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
    server = Peer(await link.origin.accept(), client=False, settings=settings)
    await link.client.until(lambda: link.client.peer_settings.get(8), "the offer")
    stream = link.client.ask(EXTENDED, end=False)
    paused = await stopped(debugger)
    assert isinstance(paused.original, RequestDraft)
    assert paused.original.body == b""
    await debugger.set_breakpoints([])
    await debugger.resume(paused.number)
    await server.until(lambda: server.messages[1].head, "the request")
    server.head_out(1, [(b":status", b"200")])
    await link.client.head(stream)
    link.client.data(stream, b"\x81\x81\0\0\0\0x")
    await server.until(lambda: server.messages[1].body == b"\x81\x81\0\0\0\0x", "a message")


async def test_paused_uploads_leave_room_for_other_streams(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST, expression="path:/held"))
    link = await h2_link(lab)
    held = []
    for _ in range(40):
        stream = link.client.ask(post(b"/held"), end=False)
        link.client.data(stream, bytes(min(link.client.room(stream), 60_000)))
        held.append(stream)
    await stopped(debugger, 40)
    stream = link.client.ask(post(b"/free"), end=False)
    server = await link.server()
    await link.client.pour(stream, bytes(200_000), to=server)
    assert len((await server.message(1)).body) == 200_000
    server.answer(1)
    await link.client.message(stream)
    await debugger.resume_all()
    await server.until(lambda: len(server.messages) == 41, "all of them")


class Replaces(Handler):
    """Reads each message, and gives it another body."""

    async def on_request(self, request: Request) -> Modify:
        await request.body()
        return Modify(body=frame(b"mine"))

    async def on_response(self, response: Response) -> Modify:
        await response.body()
        return Modify(body=frame(b"mine"))


async def test_a_body_in_anothers_place_keeps_the_trailers(lab: Lab) -> None:
    await lab.start(handler=Replaces())
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/a.B/C", GRPC), end=False)
    link.client.data(stream, frame(b"theirs"))
    link.client.head_out(stream, [(b"x-end", b"1")], end=True)
    server = await link.server()
    request = await server.message(1)
    assert (request.body, request.trailers) == (frame(b"mine"), [(b"x-end", b"1")])
    server.head_out(1, [(b":status", b"200"), GRPC])
    server.data(1, frame(b"theirs"))
    server.head_out(1, [(b"grpc-status", b"0")], end=True)
    response = await link.client.message(stream)
    assert (response.body, response.trailers) == (frame(b"mine"), [(b"grpc-status", b"0")])
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.COMPLETED


async def test_a_body_that_is_slowed_down_in_anothers_place_keeps_the_trailers(lab: Lab) -> None:
    await lab.start(handler=Replaces())
    rules = [Rule(action=a.LimitRate(bytes_per_second=10_000, on=on)) for on in ("request", "response")]
    await lab.running.control.debugger.set_rules(rules)
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/a.B/C"))
    server.head_out(number, [(b":status", b"200")])
    server.head_out(number, [(b"x-end", b"1")], end=True)
    response = await link.client.message(stream)
    assert (response.body, response.trailers) == (frame(b"mine"), [(b"x-end", b"1")])
