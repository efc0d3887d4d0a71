"""Client and server of grpcio through CONNECT: each case ends as it does without the proxy, and each
message is told while it passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from queue import Empty
from typing import TYPE_CHECKING, Any

import pytest

from soth_mitm.model.events import (
    Direction,
    FlowClosed,
    MessageForm,
    MessageSeen,
    MessagesStarted,
    MessagesStopped,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.record.rows import Row, RowFold
from soth_mitm.text import printable
from tests.helpers.net import Lab, World
from tests.helpers.program import DEADLINE

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")

if TYPE_CHECKING:
    from tests.helpers.grpc_cases import Client, Got, Said
    from tests.helpers.grpc_service import Server

from tests.helpers import grpc_cases, grpc_service  # noqa: E402 - they need grpcio

NAME = "localhost"
CUT_SHORT = {"cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server"}
PACKED = {
    "client_compressed_unary": [Direction.REQUEST],
    "client_compressed_streaming": [Direction.REQUEST] * 3,  # the one of 8 bytes would grow
    "server_compressed_unary": [Direction.RESPONSE],
    "server_compressed_streaming": [Direction.RESPONSE],
}
"""In which direction messages are compressed, by the case."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("grpc"))


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[Server]:
    issued = world.authority.issue_cert(NAME)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    with grpc_service.serving(chain, issued.private_key_pem.bytes()) as server:
        yield server


@pytest.fixture
async def lab(world: World) -> AsyncIterator[Lab]:
    lab = Lab(world)
    try:
        yield lab
    finally:
        await lab.stop()


class Result:
    """What came of one case on one way, once the call is over for client and server."""

    def __init__(self, got: Got, said: list[Said], server: Server, *, begun: bool) -> None:
        self.got = got
        self.said = said
        self.metadata = server.service.metadata.get(timeout=DEADLINE) if begun else ()
        if begun:
            server.service.ended.get(timeout=DEADLINE)
        with pytest.raises(Empty):
            server.service.metadata.get_nowait()


def run(
    case: Callable[[Client], Got],
    server: Server,
    *,
    roots: bytes = b"",
    proxy: str = "",
    passed: Callable[[int], None] = lambda count: None,
) -> Result:
    """Run a case over a connection of its own; in the clear without `roots`."""
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", grpc_service.LONGEST),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.http_proxy", proxy) if proxy else ("grpc.enable_http_proxy", 0),
    ]
    if roots:
        credentials = grpc.ssl_channel_credentials(roots)
        channel = grpc.secure_channel(f"{NAME}:{server.port}", credentials, options)
    else:
        channel = grpc.insecure_channel(f"{NAME}:{server.plain_port}", options)
    with channel:
        client = grpc_cases.Client(server, channel, passed)
        got = case(client)
        return Result(got, client.said, server, begun="unimplemented" not in case.__name__)


async def through(case: Callable[[Client], Got], server: Server, lab: Lab, *, tls: bool = True) -> Result:
    """Run a case through the started proxy; each message must be told of before the next is sent."""
    loop = asyncio.get_running_loop()

    def passed(count: int) -> None:
        asyncio.run_coroutine_threadsafe(lab.told(MessageSeen, count), loop).result(DEADLINE)

    roots = lab.running.ca.certificate_path.read_bytes() if tls else b""
    proxy = f"http://127.0.0.1:{lab.port}"
    result = await asyncio.to_thread(run, case, server, roots=roots, proxy=proxy, passed=passed)
    await lab.settled()
    return result


def rows(lab: Lab) -> list[Row]:
    """Return the rows of the calls as they are in the end."""
    fold = RowFold()
    found = {row.flow: row for event in lab.events if (row := fold.apply(event)) is not None}
    return list(found.values())


def told(lab: Lab, direction: Direction) -> list[int]:
    return [seen.size for seen in lab.all(MessageSeen) if seen.direction is direction]


async def compare(case: Callable[[Client], Got], server: Server, lab: Lab, *, tls: bool) -> Result:
    """Run a case directly and through the proxy; what client and server see is the same."""
    await lab.start()
    roots = lab.world.roots.read_bytes() if tls else b""
    direct = await asyncio.to_thread(run, case, server, roots=roots)
    result = await through(case, server, lab, tls=tls)
    assert result.got == direct.got
    assert result.metadata == direct.metadata
    return result


@pytest.mark.parametrize("case", grpc_cases.CASES, ids=lambda case: case.__name__)
async def test_a_case_ends_as_without_the_proxy_and_its_messages_are_told(
    case: Callable[[Client], Got], server: Server, lab: Lab
) -> None:
    result = await compare(case, server, lab, tls=True)
    up = [each.size for each in result.said if each.from_client]
    down = [each.size for each in result.said if not each.from_client]
    assert (told(lab, Direction.REQUEST), told(lab, Direction.RESPONSE)) == (up, down)
    packed = [seen.direction for seen in lab.all(MessageSeen) if seen.compressed]
    assert packed == PACKED.get(case.__name__, [])
    assert {each.form for each in lab.all(MessagesStarted)} == {MessageForm.GRPC}
    assert not lab.all(MessagesStopped)
    (closed,), (row,) = lab.all(FlowClosed), rows(lab)
    assert row.path == f"/{result.got.service}/{result.got.method}"
    code, details = result.got.code, result.got.details
    by_deadline = case.__name__ == "timeout_on_sleeping_server"
    # The server has a timer for the same moment, which may win; then its status says what it was.
    if case.__name__ in CUT_SHORT and not (by_deadline and closed.reason == CloseReason.COMPLETED):
        assert (closed.reason, closed.detail) == (CloseReason.CLIENT_CLOSED, "RST_STREAM CANCEL")
        wanted = ("closed by client", False) if down else ("client left", True)
        assert (row.outcome, row.error) == (("deadline exceeded (inferred)", True) if by_deadline else wanted)
    else:
        assert closed.reason == CloseReason.COMPLETED
        assert row.grpc_status == getattr(grpc.StatusCode, code).value[0]
        assert row.outcome == ("" if code == "OK" else f"gRPC {code}: {printable(details)}")


@pytest.mark.parametrize(
    "case", [grpc_cases.ping_pong, grpc_cases.cancel_after_begin], ids=lambda case: case.__name__
)
async def test_a_case_ends_likewise_in_the_clear(
    case: Callable[[Client], Got], server: Server, lab: Lab
) -> None:
    result = await compare(case, server, lab, tls=False)
    assert len(lab.all(MessageSeen)) == len(result.said)
    assert [row.scheme for row in rows(lab)] == ["http"]
