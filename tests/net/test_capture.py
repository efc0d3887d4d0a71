"""Capture is switched off and on over `Control`: what passes meanwhile passes untold."""

from __future__ import annotations

from soth_mitm.model.events import CaptureSwitched, ConnClosed, FlowClosed, RequestHead
from soth_mitm.record.session import SessionFold
from tests.helpers.net import Lab
from tests.helpers.wire import eventually

REQUEST = b"GET http://site.test:1/%s HTTP/1.1\r\nHost: site.test:1\r\nConnection: close\r\n\r\n"
"""Nothing listens there: the flow ends at once, with a 502."""


async def exchange(lab: Lab, path: bytes) -> None:
    client = await lab.client()
    client.send(REQUEST % path)
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")


async def test_flows_that_begin_while_capture_is_paused_pass_untold_and_are_counted(lab: Lab) -> None:
    proxy = await lab.start()
    await exchange(lab, b"before")
    await proxy.control.capture(False)
    await proxy.control.capture(False)
    await exchange(lab, b"meanwhile")
    await exchange(lab, b"too")
    await proxy.control.capture(True)
    await exchange(lab, b"after")
    await lab.told(FlowClosed, 2)
    assert [head.path for head in lab.all(RequestHead)] == [b"/before", b"/after"]
    assert lab.all(CaptureSwitched) == [CaptureSwitched(False), CaptureSwitched(True, 2)]
    assert [event.seq for event in lab.events] == list(range(1, len(lab.events) + 1))


async def test_a_flow_that_had_begun_is_told_to_its_end(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    client = await lab.client()
    client.send(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    upstream = await origin.accept()
    await eventually(lambda: origin.received.endswith(b"\r\n\r\n"), "the request")
    await proxy.control.capture(False)
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    assert (await client.rest()).endswith(b"ok")
    await lab.one(FlowClosed)
    await lab.told(ConnClosed, 2)


async def test_the_fold_knows_whether_capture_is_on(lab: Lab) -> None:
    proxy = await lab.start()
    await proxy.control.capture(False)
    fold = SessionFold()
    for event in lab.events:
        fold.apply(event)
    assert not fold.facts.capturing
    assert "capture is paused" in fold.facts.log[-1].text
