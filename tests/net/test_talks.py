"""Conversations with models on WebSockets are followed beside the relay, in both HTTP versions."""

from __future__ import annotations

import json

from soth_mitm.config import HostRule
from soth_mitm.model.events import FlowClosed, LlmFacts, MessageSeen
from soth_mitm.record.rows import RowFold
from tests.helpers.net import Lab
from tests.helpers.upgrade import upgraded
from tests.proto.websocket.framing import CONTINUATION, TEXT, frame


def said(kind: str, **more: object) -> bytes:
    return json.dumps({"type": kind, **more}).encode()


CREATED = said("session.created", session={"model": "gpt-4o"})
ASKED = said("response.create")
BEGUN = said("response.created", response={"id": "r1"})
TEXTED = said("response.output_text.delta", output_index=0, content_index=0, delta="Yes")
USAGE = {"input_tokens": 7, "output_tokens": 2, "input_token_details": {"cached_tokens": 3}}
DONE = said("response.done", response={"status": "completed", "pad": "x" * 70_000, "usage": USAGE})


async def test_facts_are_told_while_the_socket_is_open_and_at_its_end(lab: Lab, route: str) -> None:
    await lab.start()
    ws = await upgraded(lab, route)
    await ws.down(frame(TEXT, CREATED, mask=False))
    await lab.told(LlmFacts, 1)
    for _ in range(2):
        await ws.up(frame(TEXT, ASKED))
        half = len(DONE) // 2
        await ws.down(b"".join((
            frame(TEXT, BEGUN, mask=False), frame(TEXT, TEXTED, mask=False),
            frame(TEXT, DONE[:half], fin=False, mask=False), frame(CONTINUATION, DONE[half:], mask=False),
        )))  # fmt: skip
    await lab.told(LlmFacts, 5)
    assert [body.input_tokens for body in lab.all(LlmFacts)] == [-1, -1, 7, 7, 14]
    assert not lab.all(FlowClosed)
    ws.client.close()
    assert await ws.server.rest() == b""
    ws.server.close()
    await ws.ended()
    fold = RowFold()
    rows = [row for event in lab.events if (row := fold.apply(event)) is not None]
    call = rows[-1].llm
    assert call is not None
    assert (call.model, call.final, call.complete, call.turns) == ("gpt-4o", True, True, 2)
    assert (call.input, call.output, call.cached, call.stop) == (14, 4, 6, "completed")
    assert call.cost > 0
    assert call.first_token_ns >= 0


async def test_other_sockets_are_left_alone_after_four_texts(lab: Lab) -> None:
    await lab.start()
    ws = await upgraded(lab, "plain")
    for _ in range(6):
        await ws.up(frame(TEXT, b'{"type": "hello"}'))
    await ws.up(frame(TEXT, CREATED))
    await lab.told(MessageSeen, 7)
    assert not lab.all(LlmFacts)


async def test_of_metadata_only_nothing_is_read(lab: Lab) -> None:
    await lab.start(rules=(HostRule(match="*", action="metadata-only"),))
    ws = await upgraded(lab, "tls")
    await ws.down(frame(TEXT, CREATED, mask=False))
    await lab.told(MessageSeen, 1)
    assert not lab.all(LlmFacts)
