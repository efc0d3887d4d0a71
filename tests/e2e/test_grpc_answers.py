"""Clients of grpcio that are answered without their server: from a dump, and by a mock made from a flow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from soth_mitm.config import Limits, ServerReplay
from soth_mitm.model.events import FlowClosed, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.rules import Rule
from soth_mitm.policy.rules import actions as a
from soth_mitm.record.store import Store
from soth_mitm_tui.fromflow import PROPOSALS
from soth_mitm_tui.ruleforms import judge
from tests.e2e.test_grpc import NAME, lab, server, through, world
from tests.helpers.net import Lab, World
from tests.helpers.program import DEADLINE

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")

if TYPE_CHECKING:
    from tests.helpers.grpc_cases import Client, Got
    from tests.helpers.grpc_service import Server

from tests.helpers import grpc_cases  # noqa: E402 - it needs grpcio

__all__ = ["lab", "server", "world"]

CASES = [
    grpc_cases.large_unary,
    grpc_cases.server_compressed_unary,
    grpc_cases.client_streaming,
    grpc_cases.server_streaming,
    grpc_cases.ping_pong,
    grpc_cases.empty_stream,
    grpc_cases.custom_metadata,
    grpc_cases.custom_metadata_of_a_stream,
    grpc_cases.status_code_and_message,
    grpc_cases.special_status_message,
]


async def answered(case: Callable[[Client], Got], server: Server, lab: Lab) -> Got:
    """Run a case through the started proxy, of which no server hears."""
    options: list[tuple[str, Any]] = [
        ("grpc.http_proxy", f"http://127.0.0.1:{lab.port}"),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", 8 << 20),
    ]
    credentials = grpc.ssl_channel_credentials(lab.running.ca.certificate_path.read_bytes())

    def run() -> Got:
        with grpc.secure_channel(f"{NAME}:{server.port}", credentials, options) as channel:
            return case(grpc_cases.Client(server, channel, lambda count: None))

    return await asyncio.wait_for(asyncio.to_thread(run), DEADLINE)


async def test_calls_are_answered_from_a_dump_as_their_server_did(
    server: Server, lab: Lab, world: World, tmp_path: Path
) -> None:
    proxy = await lab.start()
    store = Store.live(proxy.bus, run_id=proxy.run_id, limits=Limits())
    there = {case.__name__: (await through(case, server, lab)).got for case in CASES}
    await lab.stop()
    path = tmp_path / "calls.soth"
    await store.save(path)
    await store.close(delete=True)
    again = Lab(world)
    replay = ServerReplay(files=(str(path),), extra="fail")
    await again.start(server_replay=replay, resolver=lambda host, port: [("127.0.0.1", 1)])
    try:
        for case in CASES:
            assert await answered(case, server, again) == there[case.__name__], case.__name__
        await again.settled()
        assert {each.action for each in again.all(RuleApplied)} == {"answer"}
        assert {each.reason for each in again.all(FlowClosed)} == {CloseReason.COMPLETED}
    finally:
        await again.stop()


async def test_a_mock_made_of_a_call_ends_others_as_it_ended(
    server: Server, lab: Lab, tmp_path: Path
) -> None:
    proxy = await lab.start()
    store = Store.live(proxy.bus, run_id=proxy.run_id, limits=Limits())
    there = (await through(grpc_cases.server_streaming, server, lab)).got
    store.catch_up()
    row = store.index.row(0)
    made = await PROPOSALS[0].make(store, row.flow, row, tmp_path)
    assert "grpc-status: 0" in made.texts["trailers"]
    rule = judge("mock", made.texts).rule
    assert rule is not None
    debugger = lab.running.control.debugger
    await debugger.set_rules([rule])
    assert await answered(grpc_cases.server_streaming, server, lab) == there
    trailers = ("grpc-status: 9", "grpc-message: not%20now")
    await debugger.set_rules([Rule(action=msgspec.structs.replace(rule.action, trailers=trailers))])
    got = await answered(grpc_cases.server_streaming, server, lab)
    assert (got.code, got.details, got.replies) == ("FAILED_PRECONDITION", "not now", there.replies)
    fields = ("content-type: application/grpc", "grpc-status: 5", "grpc-message: gone")
    await debugger.set_rules([Rule(action=a.Mock(fields=fields))])
    got = await answered(grpc_cases.large_unary, server, lab)
    assert (got.code, got.details) == ("NOT_FOUND", "gone")
    assert [each.action for each in lab.all(RuleApplied)] == ["mock"] * 3
    await store.close(delete=True)
