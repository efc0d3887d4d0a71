"""A sender is granted as much as its receiver has taken; a slow stream holds itself and no other."""

from __future__ import annotations

import asyncio

from h2.settings import SettingCodes

from soth_mitm.model.events import BodyChunk
from soth_mitm.net.http2.session import StreamSession
from tests.helpers.h2peer import get, h2_link, post
from tests.helpers.net import Lab

WINDOW = 64 * 1024


async def test_a_client_that_takes_nothing_stops_its_upstream_and_none_of_its_neighbours(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    slow, server, number = await link.request(get(b"/slow"))
    link.client.slow.add(slow)
    server.head_out(number, [(b":status", b"200")])
    sent = 0
    while (room := server.room(number)) and sent < 4 * WINDOW:
        server.data(number, b"x" * min(room, 16_384))
        sent += min(room, 16_384)
        await server.until(lambda: True, beside=link.client)
        await asyncio.sleep(0)
    # What the client's own window holds has gone on, and is granted anew; the rest waits here.
    await link.client.until(lambda: len(link.client.messages[slow].body) == 65_535, "its window")
    await server.until(lambda: server.room(number) == 0, "no more is granted", beside=link.client)
    (session,) = lab.running._shared.sessions
    assert isinstance(session, StreamSession)
    waits = sum(stream.queued for stream in session.engine.streams.values())
    assert 0 < waits <= 2 * WINDOW
    assert lab.running._shared.in_flight == waits
    for path in (b"/fast/1", b"/fast/2"):
        fast, server, neighbour = await link.request(get(path))
        server.answer(neighbour, b"y" * 20_000)
        assert (await link.client.message(fast)).body == b"y" * 20_000
    # It wakes up, and gets the rest.
    link.client.slow.clear()
    link.client.conn.acknowledge_received_data(65_535, slow)
    link.client.flush()
    server.conn.end_stream(number)
    server.flush()
    assert len((await link.client.message(slow)).body) == sum(
        chunk.length for chunk in lab.all(BodyChunk, flow=1)
    )
    assert lab.running._shared.in_flight == 0


async def test_an_upstream_that_takes_nothing_stops_the_upload_and_no_other(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/up"), end=False)
    server.slow.add(number)
    sent = 0
    while True:
        await link.client.until(lambda: True, beside=server)
        room = min(link.client.room(stream), 16_384)
        if not room:
            break
        link.client.data(stream, b"x" * room)
        sent += room
        await asyncio.sleep(0)
    await server.until(lambda: len(server.messages[number].body) == 65_535, "its window")
    other, server, fast = await link.request(post(b"/other"), end=False)
    link.client.data(other, b"y" * 1000, end=True)
    await server.until(lambda: server.messages[fast].ended, "the other upload")
    server.slow.clear()
    server.conn.acknowledge_received_data(65_535, number)
    server.flush()
    link.client.conn.end_stream(stream)
    link.client.flush()
    await server.until(lambda: server.messages[number].ended, "the rest")
    assert len(server.messages[number].body) == sent


async def test_a_window_grows_while_what_comes_is_taken_at_once(lab: Lab) -> None:
    await lab.start(limits={"h2_stream_window": 32_768, "h2_stream_window_max": 131_072})
    link = await h2_link(lab, settings={SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20})
    stream, server, number = await link.request()
    assert server.room(number) == 32_768
    server.head_out(number, [(b":status", b"200")])
    granted = [0]
    for _ in range(60):
        await server.until(lambda: server.room(number) > 0, "a window", beside=link.client)
        granted.append(server.room(number))
        server.data(number, b"z" * min(10_000, server.room(number)))
    server.conn.end_stream(number)
    server.flush()
    assert len((await link.client.message(stream)).body) <= 600_000
    assert max(granted) > 65_536
    stream, server, number = await link.request()
    assert server.room(number) == 32_768, "each stream begins anew"


async def test_a_large_download_and_a_large_upload_pass_at_the_same_time(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    body = bytes(range(256)) * 4000
    down, server, first = await link.request()
    up, server, second = await link.request(post(), end=False)
    server.head_out(first, [(b":status", b"200")])
    await asyncio.gather(server.pour(first, body, to=link.client), link.client.pour(up, body, to=server))
    assert (await link.client.message(down)).body == body
    assert (await server.message(second)).body == body
    server.answer(second)
    assert (await link.client.message(up)).body == b"ok"
