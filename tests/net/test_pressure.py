"""A slow reader stops the sender; what waits inside the proxy stays bounded, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from soth_mitm.model.events import BodyChunk, FlowClosed
from tests.helpers.net import Lab, Link
from tests.helpers.wire import Wire, eventually

MIB = 1024 * 1024
SIZE = 48 * MIB
PIECE = bytes(range(256)) * 1024


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def fill(sender: Wire, moved: Wire, total: int) -> int:
    """Send pieces until the sender is held for good; return how many bytes went in."""
    sent = 0
    quiet = 0
    while sent < total:
        if sender.full:
            before = len(moved.received), sender.transport.get_write_buffer_size()
            for _ in range(40):
                await asyncio.sleep(0.001)
            after = len(moved.received), sender.transport.get_write_buffer_size()
            quiet = quiet + 1 if before == after else 0
            if quiet > 2:
                break
            continue
        sender.send(PIECE)
        sent += len(PIECE)
    return sent


async def finish_sending(sender: Wire, sent: int, total: int) -> None:
    while sent < total:
        await sender.pour(PIECE)
        sent += len(PIECE)


async def check_body(reader: Wire, total: int) -> None:
    for _ in range(total // len(PIECE)):
        came = await reader.exactly(len(PIECE))
        assert came == PIECE
        del reader.received[: reader._at]
        reader._at = 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory in use from /proc")
async def test_a_stalled_reader_stops_a_fast_server_and_still_gets_everything(lab: Lab, route: str) -> None:
    await lab.start(limits={"capture_body_bytes": 1})
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
    server = await link.server()
    link.client.transport.pause_reading()
    before = resident()
    sent = await fill(server, link.client, SIZE)
    assert sent < SIZE, "the server was never stopped"
    inside = sum(chunk.length for chunk in lab.all(BodyChunk))
    assert inside < 16 * MIB, "the proxy reads although nobody takes"
    assert resident() - before < 12 * MIB
    link.client.transport.resume_reading()
    await asyncio.gather(finish_sending(server, sent, SIZE), check_body(link.client, SIZE))
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "completed"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory in use from /proc")
async def test_a_stalled_origin_stops_a_fast_upload_and_still_gets_everything(lab: Lab, route: str) -> None:
    await lab.start(limits={"capture_body_bytes": 1})
    link = await lab.link(route)
    server = await link.pass_request(
        b"PUT /big HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n" % SIZE
    )
    server.transport.pause_reading()
    before = resident()
    sent = await fill(link.client, server, SIZE)
    assert sent < SIZE, "the client was never stopped"
    assert sum(chunk.length for chunk in lab.all(BodyChunk)) < 16 * MIB
    assert resident() - before < 12 * MIB
    server.transport.resume_reading()
    await asyncio.gather(finish_sending(link.client, sent, SIZE), check_body(server, SIZE))
    await link.pass_response(b"HTTP/1.1 204 No Content\r\n\r\n")
    await lab.settled()


async def stalled_tunnel(lab: Lab) -> Link:
    await lab.start(limits={"server_first_wait": 0.01})
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    await eventually(lambda: lab.running._shared.flows)
    return Link(lab, await lab.inside(sock), origin, host="site.test")


async def test_a_tunnel_stops_a_fast_server_and_loses_nothing(lab: Lab) -> None:
    link = await stalled_tunnel(lab)
    server = await link.server()
    link.client.transport.pause_reading()
    sent = await fill(server, link.client, SIZE)
    assert sent < SIZE, "the server was never stopped"
    link.client.transport.resume_reading()
    await asyncio.gather(finish_sending(server, sent, SIZE), check_body(link.client, SIZE))
    server.close()
    assert await link.client.rest() == b""


async def test_a_congested_bus_holds_the_traffic_and_lets_it_go_again(lab: Lab, route: str) -> None:
    proxy = await lab.start()
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
    server = await link.server()
    holder = object()
    proxy.bus.hold(holder)
    sent = await fill(server, link.client, SIZE)
    assert sent < SIZE, "the traffic went on"
    came = len(link.client.received)
    proxy.bus.release(holder)
    await asyncio.gather(finish_sending(server, sent, SIZE), check_body(link.client, SIZE))
    assert came < SIZE
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "completed"


async def test_a_congested_bus_holds_an_upload_too(lab: Lab, route: str) -> None:
    proxy = await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(
        b"PUT /big HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n" % SIZE
    )
    holder = object()
    proxy.bus.hold(holder)
    sent = await fill(link.client, server, SIZE)
    assert sent < SIZE, "the traffic went on"
    proxy.bus.release(holder)
    await asyncio.gather(finish_sending(link.client, sent, SIZE), check_body(server, SIZE))
    await link.pass_response(b"HTTP/1.1 204 No Content\r\n\r\n")
    await lab.settled()


async def test_a_flood_of_pipelined_requests_is_not_read_ahead(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    link.client.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    one = link.wrote(b"GET /flood HTTP/1.1\r\nHost: site.test\r\nX: " + b"x" * 1000 + b"\r\n\r\n")
    await (await link.pass_request(link.get()))._until(lambda: True, "")
    sent = 0
    while not link.client.full and sent < SIZE:
        link.client.send(one * 200)
        sent += 200 * len(one)
        for _ in range(5):
            await asyncio.sleep(0)
    session = next(iter(lab.running._shared.sessions))
    assert session.reader.buffered < MIB  # type: ignore[attr-defined]
