"""Requests that did not go on as they came: what is sent again of them, and how both are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Modify
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Request
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.diff import Kind, compare_exchanges
from soth_mitm.record.comparing import changes_of
from tests.helpers.debugging import at, edit, stopped
from tests.helpers.net import HOST, OK

if TYPE_CHECKING:
    from tests.net.replay.conftest import Recorded

POST = b"POST /in HTTP/1.1\r\nHost: site.test\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"


class Changing(Handler):
    """Changes every request."""

    async def on_request(self, request: Request) -> Modify:
        return Modify(body=await request.body() + b" again")


async def told(recorded: Recorded) -> list[tuple[str, str, str | None, str | None]]:
    """Return what differs between what came and what went on."""
    report = compare_exchanges(*await changes_of(recorded.store, 1))
    return [
        (section.title, line.kind, line.left, line.right)
        for section in report.sections
        for line in section.lines
        if line.kind is not Kind.SAME
    ]


async def test_of_an_edited_request_it_is_what_went_on_that_is_sent_again(
    recorded: Recorded, route: str
) -> None:
    await recorded.start()
    debugger = recorded.lab.running.control.debugger
    await debugger.attach()
    await debugger.set_breakpoints([at(Stage.REQUEST_BODY)])
    link, other = await recorded.lab.link(route), await recorded.lab.origin()
    link.ask(POST)
    paused = await stopped(debugger)
    fields = (*paused.original.fields, (b"X-B", b"2"))  # type: ignore[union-attr]
    changes = {"method": b"PUT", "target": b"/out?x", "fields": fields, "body": b"good bye"}
    await edit(debugger, paused, **changes, scheme="http", host=HOST, port=other.port)
    server = await other.accept()
    await server.head()
    server.send(OK)
    await link.client.same(OK)
    draft = (await recorded.resend()).draft
    assert (draft.method, draft.target, draft.body) == (b"PUT", b"/out?x", b"good bye")
    assert (draft.scheme, draft.host, draft.port) == ("http", HOST, other.port)
    assert (b"X-B", b"2") in draft.fields
    assert await told(recorded) == [
        ("Request line", "changed", "POST /in", "PUT /out?x"),
        ("Request fields", "changed", "Content-Length: 5", "Content-Length: 8"),
        ("Request fields", "added", None, "X-B: 2"),
        ("Request body", "changed", "hello", "good bye"),
    ]


async def test_of_what_a_handler_changed_it_is_what_came_that_is_sent_again(
    recorded: Recorded, route: str
) -> None:
    await recorded.start(handler=Changing())
    link = await recorded.lab.link(route)
    link.ask(POST)
    server = await link.server()
    await server.head()
    server.send(OK)
    await link.client.same(OK)
    draft = (await recorded.resend()).draft
    assert (draft.method, draft.body) == (b"POST", b"hello")
    assert ("Request body", "changed", "hello", "hello again") in await told(recorded)
