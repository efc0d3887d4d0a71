"""Both ways to carry a tunnel's bytes: spliced in the kernel, and copied where it cannot splice."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from soth_mitm.model.events import FlowClosed, TunnelProgress
from soth_mitm.net import tasks
from soth_mitm.net.tunnel import HAS_SPLICE, CopyBuffer, Tunnel, make_buffer
from tests.helpers.net import Lab
from tests.helpers.wire import Wire, eventually, wrap
from tests.net.tls.support import reset, tcp_pair

WAYS = [
    pytest.param(False, id="splice", marks=pytest.mark.skipif(not HAS_SPLICE, reason="no os.splice here")),
    pytest.param(True, id="copy"),
]


class Ends(NamedTuple):
    """The far ends of a running tunnel."""

    client: Wire
    server: Wire
    tunnel: Tunnel
    running: asyncio.Task[tuple[str, str]]


@asynccontextmanager
async def tunnel(*, portable: bool, size: int = 65_536) -> AsyncIterator[Ends]:
    """Run a tunnel between two loopback connections."""
    inner_client, outer_client = tcp_pair()
    inner_server, outer_server = tcp_pair()
    for sock in (inner_client, inner_server, outer_client, outer_server):
        sock.setblocking(False)
    carrier = Tunnel(inner_client, inner_server, size=size, portable=portable)
    running = tasks.start(carrier.run(), "tunnel")
    client, server = await wrap(outer_client), await wrap(outer_server)
    try:
        yield Ends(client, server, carrier, running)
    finally:
        carrier.stop("killed")
        await running
        for wire in (client, server):
            wire.abort()
            await wire.closed()


@pytest.mark.parametrize("portable", WAYS)
async def test_bytes_pass_both_ways_and_are_counted(portable: bool) -> None:
    async with tunnel(portable=portable) as ends:
        for number in range(3):
            ends.client.send(b"up %d" % number)
            await ends.server.same(b"up %d" % number)
            ends.server.send(b"down %d!" % number)
            await ends.client.same(b"down %d!" % number)
        assert (ends.tunnel.up.count, ends.tunnel.down.count) == (12, 21)


@pytest.mark.parametrize("portable", WAYS)
@pytest.mark.parametrize("size", [4096, 262_144])
async def test_a_bulk_passes_in_order_whatever_the_buffer(portable: bool, size: int) -> None:
    data = os.urandom(8 * 1024 * 1024)
    async with tunnel(portable=portable, size=size) as ends:
        ends.client.send(data)
        ends.server.send(data[::-1])
        assert await ends.server.exactly(len(data)) == data
        assert await ends.client.exactly(len(data)) == data[::-1]


@pytest.mark.parametrize("portable", WAYS)
async def test_a_half_close_passes_and_the_other_direction_goes_on(portable: bool) -> None:
    async with tunnel(portable=portable) as ends:
        ends.client.send(b"question")
        ends.client.finish()
        assert await ends.server.rest() == b"question"
        assert not ends.running.done()
        ends.server.send(b"long answer")
        await ends.client.same(b"long answer")
        ends.server.finish()
        assert await ends.client.rest() == b""
        assert await ends.running == ("relay_eof", "")


@pytest.mark.parametrize("portable", WAYS)
async def test_a_reset_passes_to_the_other_side(portable: bool) -> None:
    async with tunnel(portable=portable) as ends:
        ends.client.send(b"x")
        await ends.server.same(b"x")
        ends.client.reset()
        await ends.server.closed()
        assert isinstance(ends.server.error, ConnectionResetError)
        reason, detail = await ends.running
        assert reason == "relay_error"
        assert "client" in detail


@pytest.mark.parametrize("portable", WAYS)
async def test_a_stalled_reader_stops_the_sender_and_loses_nothing(portable: bool) -> None:
    total = 64 * 1024 * 1024
    piece = bytes(range(256)) * 4096
    async with tunnel(portable=portable, size=16_384) as ends:
        ends.client.transport.pause_reading()
        sent = 0
        while not ends.server.full and sent < total:
            ends.server.send(piece)
            sent += len(piece)
            for _ in range(20):
                await asyncio.sleep(0)
        assert sent < total
        ends.client.transport.resume_reading()
        for _ in range(sent // len(piece)):
            assert await ends.client.exactly(len(piece)) == piece


@pytest.mark.parametrize("portable", WAYS)
async def test_a_stop_closes_both_sides(portable: bool) -> None:
    async with tunnel(portable=portable) as ends:
        ends.tunnel.stop("killed", "by hand")
        assert await ends.running == ("killed", "by hand")
        await ends.client.closed()
        await ends.server.closed()


def test_a_buffer_is_made_without_descriptors_where_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size: int) -> object:
        raise OSError("too many open files")

    if HAS_SPLICE:
        monkeypatch.setattr("soth_mitm.net.splice.Pipe", refuse)
    assert isinstance(make_buffer(262_144), CopyBuffer)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
@pytest.mark.parametrize("portable", WAYS)
async def test_many_tunnels_leave_no_descriptor_and_no_task_behind(portable: bool) -> None:
    async with tunnel(portable=portable):
        pass
    before = descriptors(), len(asyncio.all_tasks())
    for number in range(60):
        inner_client, outer_client = tcp_pair()
        inner_server, outer_server = tcp_pair()
        inner_server.setblocking(False)
        carrier = Tunnel(inner_client, inner_server, size=4096, portable=portable)
        running = tasks.start(carrier.run(), "tunnel")
        outer_client.sendall(b"x")
        for sock in (outer_client, outer_server):
            if number % 3 == 0:
                reset(sock)
            elif number % 3 == 1:
                sock.close()
            else:
                sock.shutdown(socket.SHUT_WR)
        await running
        outer_client.close()
        outer_server.close()
    assert (descriptors(), len(asyncio.all_tasks())) == before


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_many_connects_through_the_proxy_leave_no_descriptor_behind(lab: Lab) -> None:
    proxy = await lab.start(limits={"server_first_wait": 0.01})
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    await eventually(lambda: proxy._shared.flows)
    sock.close()
    await (await origin.accept()).closed()
    await lab.settled()
    before = descriptors()
    for number in range(20):
        sock = await lab.connect(origin.port)
        server = await origin.accept()
        await eventually(lambda: proxy._shared.flows)
        if number % 2:
            reset(sock)
        else:
            sock.close()
        await server.closed()
        await lab.settled()
    await eventually(lambda: descriptors() <= before)
    assert len(lab.all(FlowClosed)) == 21


async def test_a_tunnel_tells_its_progress(lab: Lab) -> None:
    await lab.start(limits={"server_first_wait": 0.01})
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))
    server = await origin.accept()
    await eventually(lambda: lab.running._shared.flows)
    client.send(b"12345")
    await server.same(b"12345")
    lab.pass_time(0.0)
    progress = await lab.one(TunnelProgress)
    assert (progress.from_client, progress.from_upstream) == (5, 0)
    lab.pass_time(1.0)
    assert len(lab.all(TunnelProgress)) == 1, "nothing moved, so there is nothing to tell"
