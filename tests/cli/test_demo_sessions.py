"""A session in each dialect, replayed by the demo's origin through the proxy: what is told of it, when."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from random import Random

import pytest

from soth_mitm.cli.demo import script, stage
from soth_mitm.cli.demo.dialects import FIRST, MODEL, SECOND, WAYS, Usage
from soth_mitm.cli.demo.sessions import SESSIONS
from soth_mitm.cli.demo.stage import Stage
from soth_mitm.core import Proxy
from soth_mitm.model.events import (
    BodyChunk,
    Direction,
    Event,
    FlowClosed,
    LlmFacts,
    MessageSeen,
    RequestHead,
    Upgraded,
)
from tests.cli.test_demo import sockets
from tests.helpers.wire import eventually

ALL = sum(len(session.steps) for session in SESSIONS.values())


class Flow:
    """The events of one flow."""

    def __init__(self, events: list[Event]) -> None:
        self.bodies = [event.body for event in events]
        head = next((body for body in self.bodies if isinstance(body, RequestHead)), None)
        self.path = head.path.partition(b"?")[0].decode() if head is not None else ""
        self.socket = any(isinstance(body, Upgraded) for body in self.bodies)
        self.facts = [body for body in self.bodies if isinstance(body, LlmFacts)]

    def before(self, facts: LlmFacts) -> bool:
        """Say whether these were told before the last of what came from the model."""
        last = max(
            at
            for at, body in enumerate(self.bodies)
            if isinstance(body, BodyChunk | MessageSeen) and body.direction == Direction.RESPONSE
        )
        return next(at for at, body in enumerate(self.bodies) if body is facts) < last


async def play() -> list[Flow]:
    """Play every session once."""
    events: list[Event] = []
    ended, left, before = asyncio.Event(), ALL, sockets()
    async with Stage(pace=0.02) as scene, Proxy(scene.config(), resolver=scene.resolver) as proxy:

        def take(event: Event) -> None:
            nonlocal left
            events.append(event)
            left -= isinstance(event.body, FlowClosed)
            if not left:
                ended.set()

        proxy.bus.attach(take)
        await scene.start_traffic(proxy.addresses[0], proxy.ca.certificate_path, rate=200.0)
        async with asyncio.timeout(20):
            await ended.wait()
        await scene.stop_traffic()
    await eventually(lambda: not sockets() - before, "the end of all sockets")
    flows: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.flow:
            flows[event.flow].append(event)
    return [Flow(flows[number]) for number in sorted(flows)]


@pytest.fixture(scope="module")
def flows() -> list[Flow]:
    with pytest.MonkeyPatch.context() as patch:
        turns = [script._session(name, Random(1)) for name in SESSIONS]
        patch.setattr(stage, "script", lambda random: iter(turns))
        return asyncio.run(play())


def told(facts: LlmFacts, used: Usage) -> None:
    """Insist that the numbers are those of the provider's final record of usage."""
    assert (facts.input_tokens, facts.output_tokens) == (used.input, used.output)
    assert facts.cached_tokens in (used.cached, -1)
    assert (facts.final, facts.complete, facts.error) == (True, True, "")
    assert facts.model == MODEL
    assert facts.stop_reason
    assert facts.first_ns >= 0 <= facts.text_ns


@pytest.mark.parametrize("name", WAYS)
def test_both_turns_are_told_while_they_come_and_end_with_the_numbers_of_the_provider(
    flows: list[Flow], name: str
) -> None:
    found = [flow for flow in flows if flow.path == WAYS[name].path and not flow.socket]
    assert len(found) == 2
    for flow, used in zip(found, (FIRST, SECOND), strict=True):
        early, last = flow.facts
        assert flow.before(early)
        assert (early.final, early.dialect) == (False, last.dialect)
        told(last, used)


@pytest.mark.parametrize(
    ("name", "turns", "used"),
    [
        ("realtime", 1, Usage(88, 64, 33)),
        (
            "turns",
            2,
            Usage(FIRST.input + SECOND.input, FIRST.cached + SECOND.cached, FIRST.output + SECOND.output),
        ),
    ],
)
def test_a_socket_is_told_while_it_goes_on_with_the_sum_of_its_answers(
    flows: list[Flow], name: str, turns: int, used: Usage
) -> None:
    path = SESSIONS[name].steps[0].path.partition("?")[0]
    (flow,) = [flow for flow in flows if flow.path == path and flow.socket]
    assert len(flow.facts) >= 2 + 2 * turns
    assert flow.before(flow.facts[1])
    assert [each.final for each in flow.facts] == [False] * (len(flow.facts) - 1) + [True]
    told(flow.facts[-1], used)
    assert flow.facts[-1].turns == turns


@pytest.mark.parametrize(("path", "count"), [("/mcp", 5), ("/sse", 1), ("/messages", 3)])
def test_mcp_is_no_call_of_a_model_and_all_of_it_passes(flows: list[Flow], path: str, count: int) -> None:
    found = [flow for flow in flows if flow.path == path]
    assert len(found) == count
    assert not any(flow.facts for flow in found)
    assert all(isinstance(flow.bodies[-1], FlowClosed) for flow in found)
    if path == "/sse":
        assert sum(isinstance(body, MessageSeen) for body in found[0].bodies) == 4
