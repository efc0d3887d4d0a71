"""Rules over HTTP/2: the same as over HTTP/1.1, stream by stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import FlowClosed, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.rules import Rule
from soth_mitm.policy.rules import actions as a
from tests.helpers.h2peer import get, h2_link, post

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.h2peer import H2Link
    from tests.helpers.net import Lab


async def ruled(lab: Lab, *actions: a.Action, expression: str = "") -> H2Link:
    """Start a proxy with rules, and a client of an origin behind it."""
    proxy = await lab.start()
    await proxy.control.debugger.set_rules(
        [Rule(action=action, expression=expression, name="it") for action in actions]
    )
    return await h2_link(lab)


async def test_fields_of_a_stream_are_changed_both_ways(lab: Lab) -> None:
    link = await ruled(lab, a.SetField(field="X-A", value="1"), a.RemoveField(field="x-no", on="response"))
    stream, server, theirs = await link.request(get(b"/", (b"x-b", b"2")))
    head = dict((await server.message(theirs)).head)
    assert (head[b"x-a"], head[b"x-b"]) == (b"1", b"2")
    server.answer(theirs, fields=[(b":status", b"200"), (b"x-no", b"1"), (b"x-yes", b"1")])
    answer = await link.client.message(stream)
    assert dict(answer.head) == {b":status": b"200", b"x-yes": b"1"}
    await lab.settled()
    assert [each.action for each in lab.all(RuleApplied)] == ["set-field", "remove-field"]


async def test_files_and_mocks_answer_streams(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(bytes(300_000))
    link = await ruled(lab, a.MapLocal(path=str(tmp_path), missing="forward"))
    stream = link.client.ask(get(b"/big.bin"))
    other = link.client.ask(get(b"/big.bin"))
    for number in (stream, other):
        message = await link.client.message(number)
        assert (dict(message.head)[b":status"], len(message.body)) == (b"200", 300_000)
    missing, server, theirs = await link.request(get(b"/none"))
    server.answer(theirs)
    assert (await link.client.message(missing)).body == b"ok"
    await lab.settled()
    assert [each.reason for each in lab.all(FlowClosed)] == [CloseReason.COMPLETED] * 3


async def test_a_streams_body_is_replaced_in_both_ways(lab: Lab) -> None:
    link = await ruled(
        lab,
        a.ReplaceBody(pattern="one", replacement="three", on="request"),
        a.ReplaceBody(pattern="ok", replacement="not ok"),
    )
    stream = link.client.ask(post(b"/", (b"content-length", b"7")), end=False)
    link.client.data(stream, b"one o")
    link.client.data(stream, b"ne", end=True)
    server = await link.server()
    message = await server.message(1)
    assert (message.body, dict(message.head).get(b"content-length")) == (b"three three", None)
    server.answer(1)
    assert (await link.client.message(stream)).body == b"not ok"


async def test_a_stream_is_cut_and_another_goes_on(lab: Lab) -> None:
    link = await ruled(lab, a.Fail(after_bytes=3), expression="path:/cut")
    stream, server, theirs = await link.request(get(b"/cut"))
    other, _, his = await link.request(get(b"/whole"))
    server.answer(theirs, b"hello")
    server.answer(his, b"hello")
    assert (await link.client.message(other)).body == b"hello"
    cut = await link.client.message(stream)
    assert (cut.body, cut.ended, cut.reset is None) == (b"hel", False, False)


async def test_a_stream_is_reset_or_refused(lab: Lab) -> None:
    link = await ruled(lab, a.Block(status=403, text="no"), expression="path:/no")
    stream = link.client.ask(get(b"/no"))
    assert dict((await link.client.message(stream)).head)[b":status"] == b"403"
    stream, server, theirs = await link.request(get(b"/yes"))
    server.answer(theirs)
    assert (await link.client.message(stream)).body == b"ok"
