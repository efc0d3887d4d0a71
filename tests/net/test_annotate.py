"""A person says something about flows of a running proxy, over `Control`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from soth_mitm.control import proxy as control
from soth_mitm.export.jsonl import JsonPrinter
from soth_mitm.model.annotation import AnnotationError, Annotations
from soth_mitm.model.events import Annotated, FlowClosed
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rows import RowFold
from soth_mitm.record.store import Store
from soth_mitm.record.target import FileTarget
from tests.helpers.net import Lab

EXCHANGE = b"GET http://site.test:1/ HTTP/1.1\r\nHost: site.test:1\r\nConnection: close\r\n\r\n"
"""Nothing listens there: the flow ends at once, with a 502."""


async def one_exchange(lab: Lab) -> None:
    client = await lab.client()
    client.send(EXCHANGE)
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")
    await lab.one(FlowClosed)


async def test_a_flow_is_annotated_while_it_runs_and_after_its_end(lab: Lab) -> None:
    proxy = await lab.start()
    await one_exchange(lab)
    await proxy.control.annotate(1, mark="●", comment="look")
    await proxy.control.annotate(1, colour="red")
    await proxy.control.annotate(1, mark="")
    await proxy.control.annotate(1, colour="red")
    assert lab.all(Annotated) == [
        Annotated("●", "look"),
        Annotated("●", "look", "red"),
        Annotated("", "look", "red"),
    ]


async def test_annotating_works_from_another_thread(lab: Lab) -> None:
    proxy = await lab.start()
    await one_exchange(lab)

    def elsewhere() -> None:
        asyncio.run(proxy.control.annotate(1, mark="todo"))

    await asyncio.get_running_loop().run_in_executor(None, elsewhere)
    assert lab.all(Annotated) == [Annotated("todo")]


async def test_what_is_said_is_in_the_recording_and_in_its_json_lines(lab: Lab, tmp_path: Path) -> None:
    proxy = await lab.start()
    path = tmp_path / "w.soth"
    recorder = Recorder(proxy.bus, FileTarget(path), run_id="run-1", limits=proxy.config.limits)
    await one_exchange(lab)
    await proxy.control.annotate(1, mark="●", comment="look\nhere", colour="blue")
    await lab.stop()
    await recorder.close()
    store = Store.open_dump(path)
    await store.load()
    row = store.index.row(0)
    assert (row.flow, row.mark, row.comment, row.colour) == (1, "●", "look here", "blue")
    view = await store.view(1)
    assert view is not None
    assert view.comment == "look\nhere"
    await store.close()
    out: list[str] = []
    with DumpReader(path) as reader:
        printer = JsonPrinter(out.append, fold=RowFold())
        for event in reader:
            printer(event)
    flow, said = map(json.loads, out)
    assert (flow["flow"], flow["kind"]) == (1, "http")
    assert (said["flow"], said["kind"], said["comment"]) == (1, "annotation", "look here")


@pytest.mark.parametrize("flow", [-1, 0, 2])
async def test_a_flow_that_never_was_cannot_be_annotated(lab: Lab, flow: int) -> None:
    proxy = await lab.start()
    await one_exchange(lab)
    with pytest.raises(AnnotationError, match=f"cannot annotate flow {flow}: this run has no such flow"):
        await proxy.control.annotate(flow, mark="●")
    assert not lab.all(Annotated)


async def test_nothing_is_said_after_the_end_of_the_session(lab: Lab) -> None:
    proxy = await lab.start()
    await one_exchange(lab)
    await lab.stop()
    with pytest.raises(AnnotationError, match="or is over"):
        await proxy.control.annotate(1, mark="●")


async def test_a_flow_beyond_the_limit_is_refused_until_another_is_freed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "Annotations", lambda: Annotations(limit=1))
    proxy = await lab.start()
    await one_exchange(lab)
    client = await lab.client()
    client.send(EXCHANGE)
    await client.rest()
    await proxy.control.annotate(1, mark="●")
    with pytest.raises(AnnotationError, match="remove some first"):
        await proxy.control.annotate(2, mark="●")
    await proxy.control.annotate(1, mark="")
    await proxy.control.annotate(2, mark="●")
