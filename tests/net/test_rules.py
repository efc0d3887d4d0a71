"""Rules over real sockets: what goes on, what the client gets, and what is told of it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import msgspec

from soth_mitm.model.events import FlowBound, FlowClosed, MessageChanged, Noted, OriginalChunk, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.editing import RequestDraft
from soth_mitm.policy.rules import Rule
from soth_mitm.policy.rules import actions as a
from tests.helpers.debugging import at, debugging, stopped
from tests.helpers.net import OK, Lab
from tests.helpers.wire import unchunked

if TYPE_CHECKING:
    from pathlib import Path

HOST_LINE = b"Host: site.test\r\n"


async def ruled(lab: Lab, *actions: a.Action | Rule, expression: str = "") -> None:
    """Start a proxy with rules."""
    proxy = await lab.start()
    rules = [
        action if isinstance(action, Rule) else Rule(action=action, expression=expression, name="it")
        for action in actions
    ]
    await proxy.control.debugger.set_rules(rules)


async def test_fields_are_set_removed_and_replaced_and_all_other_lines_stay(lab: Lab, route: str) -> None:
    await ruled(
        lab,
        a.SetField(field="x-a", value="new"),
        a.RemoveField(field="X-Debug-*"),
        a.ReplaceField(field="cookie", pattern="id=(\\d)\\d+", replacement="id=\\1"),
        a.SetField(field="Server", value="none", on="response"),
    )
    link = await lab.link(route)
    link.ask(b"GET / HTTP/1.1\r\nHost:site.test\r\nX-A:  1\r\nx-debug-me: 1\r\nCookie: id=123; b=1\r\n\r\n")
    await (await link.server()).same(
        b"GET / HTTP/1.1\r\nHost:site.test\r\nX-A: new\r\nCookie: id=1; b=1\r\n\r\n"
    )
    (await link.server()).send(b"HTTP/1.1 200 OK\r\nX:  y\r\nContent-Length: 2\r\n\r\nok")
    await link.client.same(b"HTTP/1.1 200 OK\r\nX:  y\r\nContent-Length: 2\r\nServer: none\r\n\r\nok")
    await lab.settled()
    assert [each.action for each in lab.all(RuleApplied)] == [
        "set-field", "remove-field", "replace-field", "set-field",
    ]  # fmt: skip
    assert {each.by for each in lab.all(MessageChanged)} == {"rule it"}
    assert [each.hits for each in lab.running.control.debugger.rules] == [1, 1, 1, 1]


async def test_a_rule_that_is_not_meant_changes_nothing_and_holds_nothing(lab: Lab, route: str) -> None:
    await ruled(lab, a.SetField(field="X-A", value="1"), expression="path:/other")
    link = await lab.link(route)
    await link.pass_request(link.get(b"/this"))
    await link.pass_response(OK)
    assert not lab.all(RuleApplied)


async def test_a_rule_may_ask_for_what_the_clients_tls_began_with(lab: Lab) -> None:
    await ruled(lab, Rule(action=a.SetField(field="X-A", value="1"), expression="sni:site.test ja4:t1"))
    link = await lab.link("tls")
    link.ask(b"GET / HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    await (await link.server()).same(b"GET / HTTP/1.1\r\n" + HOST_LINE + b"X-A: 1\r\n\r\n")
    await link.pass_response(OK)


async def test_rules_see_what_those_before_them_made_of_a_message(lab: Lab, route: str) -> None:
    await ruled(
        lab,
        Rule(action=a.SetField(field="X-Step", value="one")),
        Rule(action=a.SetField(field="X-Step", value="two"), expression="header:/x-step: one/"),
    )
    link = await lab.link(route)
    link.ask(b"GET / HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    await (await link.server()).same(b"GET / HTTP/1.1\r\n" + HOST_LINE + b"X-Step: two\r\n\r\n")
    await link.pass_response(OK)


async def test_a_request_is_mapped_to_another_url(lab: Lab, route: str) -> None:
    await lab.start()
    other = await lab.origin()
    to = f"http://other.test:{other.port}/v2/"
    await lab.running.control.debugger.set_rules([Rule(action=a.MapRemote(to=to, prefix="/api"))])
    link = await lab.link(route)
    link.ask(b"GET /api/users?id=1 HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    server = await other.accept()
    await server.same(b"GET /v2/users?id=1 HTTP/1.1\r\nHost: other.test:%d\r\n\r\n" % other.port)
    server.send(OK)
    await link.client.same(OK)
    await link.pass_request(b"GET /apis HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    await link.pass_response(OK)
    assert len(lab.all(RuleApplied)) == 1


async def test_a_request_is_sent_to_another_host_as_it_is(lab: Lab, route: str) -> None:
    await lab.start()
    other = await lab.origin()
    await lab.running.control.debugger.set_rules(
        [Rule(action=a.RedirectHost(to=f"http://127.0.0.1:{other.port}"))]
    )
    link = await lab.link(route)
    request = b"GET /x HTTP/1.1\r\n" + HOST_LINE + b"\r\n"
    link.ask(request)
    await (await other.accept()).same(request)


async def test_a_file_of_a_folder_is_the_answer_and_the_client_may_go_on(
    lab: Lab, route: str, tmp_path: Path
) -> None:
    (tmp_path / "a b.json").write_text('{"x": 1}')
    await ruled(lab, a.MapLocal(path=str(tmp_path), prefix="/static"), expression="path:/static")
    link = await lab.link(route)
    link.ask(link.get(b"/static/a%20b.json"))
    head = await link.client.head()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: application/json\r\n" in head
    assert await link.client.exactly(8) == b'{"x": 1}'
    link.ask(link.get(b"/static/../../etc/passwd"))
    head = await link.client.head()
    assert head.startswith(b"HTTP/1.1 404 ")
    await link.client.until(b"no file for this path\n")
    await link.pass_request(link.get(b"/other"))
    await link.pass_response(OK)
    await lab.settled()
    bound = lab.all(FlowBound)
    assert bound[0].address == "rule it:0"
    assert [each.reason for each in lab.all(FlowClosed)] == [CloseReason.COMPLETED] * 3


async def test_a_mock_answers_and_the_upstream_sees_nothing(lab: Lab, route: str) -> None:
    mock = a.Mock(status=418, fields=("X-Mock: yes",), body='{"ok": false}')
    await ruled(lab, mock, expression="method:POST")
    link = await lab.link(route)
    link.ask(b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Length: 5\r\n\r\nhello")
    assert await link.client.head() == (
        b"HTTP/1.1 418 I'm a Teapot\r\nX-Mock: yes\r\nContent-Type: application/json\r\n"
        b"Content-Length: 13\r\n\r\n"
    )
    assert await link.client.exactly(13) == b'{"ok": false}'
    assert not link.origin.received
    await link.pass_request(link.get())
    await link.pass_response(OK)


async def test_a_block_says_that_a_rule_did_it(lab: Lab, route: str) -> None:
    await ruled(lab, a.Block(status=451, text="not today"))
    link = await lab.link(route)
    link.ask(link.get())
    assert (await link.client.head()).startswith(b"HTTP/1.1 451 ")
    assert b"not today" in await link.client.rest()
    assert (await lab.one(FlowClosed)).reason == CloseReason.BLOCKED


async def test_a_body_is_replaced_in_as_it_streams_across_its_pieces(lab: Lab, route: str) -> None:
    await ruled(lab, a.ReplaceBody(pattern="secret", replacement="******"))
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n")
    server.send(b"a sec")
    await link.client.until(b"\r\n\r\n")
    server.send(b"ret and a secret!!!")
    assert await unchunked(link.client) == b"a ****** and a ******!!!"
    await lab.settled()
    assert [each.detail for each in lab.all(RuleApplied)] == ["2 replaced in the response's body"]
    assert b"".join(chunk.data for chunk in lab.all(OriginalChunk)) == b"a secret and a secret!!!"


async def test_a_compressed_body_is_replaced_in_inside_its_coding(lab: Lab, route: str) -> None:
    await ruled(lab, a.ReplaceBody(pattern="h(.)llo", replacement="j\\1llo", on="request"))
    link = await lab.link(route)
    body = gzip.compress(b"hello and hallo")
    link.ask(
        b"POST / HTTP/1.1\r\n"
        + HOST_LINE
        + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    server = await link.server()
    head = await server.head()
    assert b"Transfer-Encoding: chunked" in head
    assert gzip.decompress(await unchunked(server)) == b"jello and jallo"
    await link.pass_response(OK)


async def test_a_response_to_http_1_0_is_replaced_in_as_a_whole(lab: Lab) -> None:
    await ruled(lab, a.ReplaceBody(pattern="b+", replacement="c", literal=False))
    link = await lab.link("plain")
    server = await link.pass_request(b"GET / HTTP/1.0\r\n" + HOST_LINE + b"\r\n")
    server.send(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabbba")
    await link.client.same(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\naca")


async def test_a_response_is_cut_after_so_many_bytes(lab: Lab, route: str) -> None:
    await ruled(lab, a.Fail(after_bytes=3))
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    assert await link.client.rest() == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"
    closed = await lab.one(FlowClosed)
    assert (closed.reason, closed.detail) == (CloseReason.KILLED, "cut after 3 bytes by rule it")


async def test_an_event_stream_is_cut_after_so_many_events(lab: Lab, route: str) -> None:
    await ruled(lab, a.Fail(after_messages=2))
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\ndata: 2\n\ndata: 3\n\n"
    )
    assert (await link.client.rest()).endswith(b"data: 1\n\ndata: 2\n\n")


async def test_a_request_is_reset(lab: Lab, route: str) -> None:
    await ruled(lab, a.Fail())
    link = await lab.link(route)
    link.ask(link.get())
    await link.client.closed()
    assert not link.client.received
    assert (await lab.one(FlowClosed)).reason == CloseReason.KILLED


async def test_a_response_waits_and_then_comes_slowly(lab: Lab, route: str) -> None:
    await ruled(lab, a.Delay(seconds=0.05), a.LimitRate(bytes_per_second=1000))
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    began = lab.running._shared.loop.time()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)
    await link.client.same(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)
    assert lab.running._shared.loop.time() - began >= 0.05 + 0.05
    assert [each.action for each in lab.all(RuleApplied)] == ["delay", "limit-rate"]


async def test_an_authorization_and_cookies_stick_to_their_host(lab: Lab) -> None:
    await ruled(lab, a.StickyAuth(), a.StickyCookie())
    link = await lab.link("tls")
    await link.pass_request(b"GET /a/b HTTP/1.1\r\n" + HOST_LINE + b"Authorization: Basic x\r\n\r\n")
    await link.pass_response(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1; Path=/a; HttpOnly\r\nContent-Length: 0\r\n\r\n"
    )
    link.ask(b"GET /a/c HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    await (await link.server()).same(
        b"GET /a/c HTTP/1.1\r\n" + HOST_LINE + b"Authorization: Basic x\r\nCookie: id=1\r\n\r\n"
    )
    await link.pass_response(OK)
    link.ask(b"GET /elsewhere HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    await (await link.server()).same(
        b"GET /elsewhere HTTP/1.1\r\n" + HOST_LINE + b"Authorization: Basic x\r\n\r\n"
    )


async def test_conditions_and_codings_are_taken_out_of_requests(lab: Lab, route: str) -> None:
    await ruled(lab, a.AntiCache(), a.NoCompression())
    link = await lab.link(route)
    link.ask(b"GET / HTTP/1.1\r\n" + HOST_LINE + b'If-None-Match: "a"\r\nAccept-Encoding: gzip, br\r\n\r\n')
    await (await link.server()).same(b"GET / HTTP/1.1\r\n" + HOST_LINE + b"Accept-Encoding: identity\r\n\r\n")


async def test_a_rule_that_asks_for_the_body_holds_it_and_decides(lab: Lab, route: str) -> None:
    await ruled(lab, a.SetField(field="X-Found", value="1"), expression="body:needle")
    link = await lab.link(route)
    link.ask(b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Length: 6\r\n\r\nneedle")
    await (await link.server()).same(
        b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Length: 6\r\nX-Found: 1\r\n\r\nneedle"
    )
    await link.pass_response(OK)
    await link.pass_request(b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Length: 3\r\n\r\nhay")
    await link.pass_response(OK)
    assert len(lab.all(RuleApplied)) == 1


async def test_a_rule_that_would_lead_to_the_proxy_itself_leaves_the_request_as_it_is(lab: Lab) -> None:
    await lab.start()
    await lab.running.control.debugger.set_rules(
        [Rule(action=a.RedirectHost(to=f"http://127.0.0.1:{lab.port}"), name="loop")]
    )
    link = await lab.link("plain")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    note = await lab.one(Noted)
    assert (note.code, note.detail) == (
        "rule_refused",
        f"rule loop could not be applied: 127.0.0.1 port {lab.port} is this proxy itself",
    )


async def test_a_mock_answers_for_a_host_that_cannot_be_reached(lab: Lab) -> None:
    await lab.start(resolver=lambda host, port: [("127.0.0.1", 1)])
    await lab.running.control.debugger.set_rules([Rule(action=a.Mock(body="here"), expression="path:/mock")])
    sock = await lab.connect(443)
    client = await lab.inside(sock, context=lab.client_context())
    client.send(b"GET /mock HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert await client.exactly(4) == b"here"
    client.send(b"GET /else HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert b"connect_refused" in await client.rest()


async def test_a_reload_brings_the_rules_of_the_file(lab: Lab) -> None:
    table = {"name": "tag", "do": "set-field", "field": "X-A", "value": "1"}
    proxy = await lab.start(message_rules=(table,))
    link = await lab.link("plain")
    link.ask(b"GET / HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    await (await link.server()).same(b"GET / HTTP/1.1\r\n" + HOST_LINE + b"X-A: 1\r\n\r\n")
    await link.pass_response(OK)
    assert proxy.reload(msgspec.structs.replace(proxy.config, message_rules=())) == ("message_rules",)
    await link.pass_request(link.get())
    await link.pass_response(OK)


async def test_a_response_to_head_stays_without_a_body(lab: Lab, route: str) -> None:
    await ruled(lab, a.ReplaceBody(pattern="a", replacement="b"))
    link = await lab.link(route)
    server = await link.pass_request(b"HEAD / HTTP/1.1\r\n" + HOST_LINE + b"\r\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.send(head)
    await link.client.same(head)
    await link.pass_request(link.get())
    await link.pass_response(b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n")
    await link.pass_request(link.get())
    await link.pass_response(b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n")
    assert not lab.all(RuleApplied)


async def test_a_breakpoint_sees_a_body_as_the_rules_before_have_it(lab: Lab, route: str) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    await debugger.set_rules([Rule(action=a.ReplaceBody(pattern="old", replacement="newer", on="request"))])
    link = await lab.link(route)
    link.ask(b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Length: 3\r\n\r\nold")
    paused = await stopped(debugger)
    assert isinstance(paused.original, RequestDraft)
    assert paused.original.body == b"newer"
    await debugger.resume(paused.number)
    await (await link.server()).same(b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Length: 5\r\n\r\nnewer")


async def test_a_damaged_body_is_not_replaced_in_where_it_is_held(lab: Lab) -> None:
    debugger = await debugging(lab, at(Stage.REQUEST_BODY))
    await debugger.set_rules([Rule(action=a.ReplaceBody(pattern="old", on="request"))])
    link = await lab.link("plain")
    request = b"POST / HTTP/1.1\r\n" + HOST_LINE + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nold"
    link.ask(request)
    paused = await stopped(debugger)
    await debugger.resume(paused.number)
    await (await link.server()).same(request)
    assert [note.code for note in lab.all(Noted)] == ["rule_undecided"]


async def test_a_part_of_a_coded_body_is_left_alone(lab: Lab, route: str) -> None:
    await ruled(lab, a.ReplaceBody(pattern="old"))
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(
        b"HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\nContent-Range: bytes 5-7/9\r\n"
        b"Content-Length: 3\r\n\r\nold"
    )
