"""The proxy as a program embeds it: start, events, settings, and errors that a person can act on."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import soth_mitm
from soth_mitm.config import Config, Limits
from soth_mitm.core import Proxy, run
from soth_mitm.errors import SothError, StartError
from soth_mitm.model.events import (
    CaLoaded,
    CaptureGap,
    Event,
    FlowClosed,
    ListenerClosed,
    ListenerOpened,
    SessionEnded,
    SessionStarted,
)
from tests.helpers import invariants
from tests.helpers.net import HOST, OK, Lab, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
async def lab(world: World) -> AsyncIterator[Lab]:
    lab = Lab(world)
    try:
        yield lab
    finally:
        await lab.stop()


def settings(directory: Path, **limits: float) -> Config:
    return Config(
        listen_port=0,
        confdir=str(directory),
        upstream_roots="certifi",
        limits=Limits(**limits),  # type: ignore[arg-type]
    )


async def test_a_session_begins_and_ends_with_its_own_events(tmp_path: Path) -> None:
    proxy = Proxy(settings(tmp_path))
    events: list[Event] = []
    proxy.bus.attach(events.append)
    async with proxy:
        (address,) = proxy.addresses
        assert address[0] == HOST
        assert address[1] > 0
    kinds = [type(event.body) for event in events]
    assert kinds == [SessionStarted, CaLoaded, ListenerOpened, ListenerClosed, SessionEnded]
    started = events[0].body
    assert isinstance(started, SessionStarted)
    assert (started.version, started.run_id) == (soth_mitm.__version__, proxy.run_id)
    invariants.check(events)


async def test_two_runs_have_different_names(tmp_path: Path) -> None:
    assert Proxy(settings(tmp_path)).run_id != Proxy(settings(tmp_path)).run_id


async def test_the_authority_is_made_once_and_found_again(tmp_path: Path) -> None:
    created = []
    prints = []
    for _ in range(2):
        proxy = Proxy(settings(tmp_path))
        proxy.bus.attach(
            lambda event: created.append(event.body.created) if isinstance(event.body, CaLoaded) else None
        )
        async with proxy:
            prints.append(proxy.ca.fingerprint_sha256)
    assert created == [True, False]
    assert prints[0] == prints[1]


async def test_a_taken_port_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        proxy = Proxy(Config(listen_port=port, confdir=str(tmp_path), upstream_roots="certifi"))
        events: list[Event] = []
        proxy.bus.attach(events.append)
        with pytest.raises(StartError, match=f"cannot listen on {HOST}:{port}: the port is taken"):
            await proxy.__aenter__()
    assert events[-1].body == SessionEnded("start_failed")
    invariants.check(events)


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="modes of POSIX")
async def test_a_key_that_others_can_read_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    async with Proxy(settings(tmp_path)) as proxy:
        directory = proxy.ca.certificate_path.parent
    for path in directory.iterdir():
        path.chmod(0o644)
    with pytest.raises(SothError, match="chmod"):
        await Proxy(settings(tmp_path)).__aenter__()


async def test_events_are_yielded_from_now_on_to_the_end(lab: Lab) -> None:
    proxy = await lab.start()
    seen: list[Event] = []

    async def read() -> None:
        async for event in proxy.events():
            seen.append(event)  # noqa: PERF401 - what was seen counts, even if it never ends

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        await asyncio.sleep(0)
        link = await lab.link("plain")
        await link.pass_request(link.get())
        await link.pass_response(OK)
        await lab.settled()
        await lab.stop()
    assert isinstance(seen[-1].body, SessionEnded)
    assert [event.seq for event in seen] == list(range(seen[0].seq, seen[-1].seq + 1))
    assert any(isinstance(event.body, FlowClosed) for event in seen)


async def test_a_reader_that_is_too_slow_gets_a_gap_and_the_traffic_goes_on(lab: Lab) -> None:
    proxy = await lab.start(limits={"cursor_queue_events": 4})
    events = proxy.events()

    async def next_one() -> Event:
        return await anext(events)

    first = asyncio.get_running_loop().create_task(next_one())
    await asyncio.sleep(0)
    link = await lab.link("plain")
    for _ in range(3):
        await link.pass_request(link.get())
        await link.pass_response(OK)
        await lab.settled()
    await lab.stop()
    got = [await first, *[event async for event in events]]
    gaps = [event.body for event in got if isinstance(event.body, CaptureGap)]
    assert gaps
    assert gaps[0].cause == "cursor_full"
    # What is missing is counted exactly: the gap stands for as many events as are not there.
    seen = [event for event in got if not isinstance(event.body, CaptureGap)]
    assert len(seen) + sum(gap.events for gap in gaps) == got[-1].seq - got[0].seq + 1


async def test_a_reader_that_blocks_slows_the_traffic_and_misses_nothing(lab: Lab) -> None:
    proxy = await lab.start(limits={"cursor_queue_events": 16})
    seen: list[Event] = []
    async with asyncio.TaskGroup() as group:

        async def read() -> None:
            async for event in proxy.events(on_full="block"):
                seen.append(event)
                await asyncio.sleep(0)

        group.create_task(read())
        await asyncio.sleep(0)
        link = await lab.link("plain")
        for _ in range(10):
            await link.pass_request(link.get())
            await link.pass_response(OK)
            await lab.settled()
        await lab.stop()
    assert [event.seq for event in seen] == list(range(seen[0].seq, seen[-1].seq + 1))
    assert len([event for event in seen if isinstance(event.body, FlowClosed)]) == 10


@pytest.mark.parametrize("portable", [False, True])
def test_the_core_runs_on_a_loop_of_its_own_in_another_thread(tmp_path: Path, portable: bool) -> None:
    """Nothing of it needs the main thread."""
    outcome: list[bytes] = []

    async def main() -> None:
        async with Proxy(settings(tmp_path)) as proxy:
            reader, writer = await asyncio.open_connection(*proxy.addresses[0])
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            outcome.append(await reader.read())
            writer.close()
            await writer.wait_closed()

    thread = threading.Thread(target=lambda: run(main(), portable=portable))
    thread.start()
    thread.join(20)
    assert outcome
    assert outcome[0].startswith(b"HTTP/1.1 200 OK\r\n")


async def test_an_error_inside_the_block_still_ends_the_session(tmp_path: Path) -> None:
    events: list[Event] = []
    proxy = Proxy(settings(tmp_path))
    proxy.bus.attach(events.append)
    with pytest.raises(KeyError):
        async with proxy:
            raise KeyError("mine")
    assert events[-1].body == SessionEnded("KeyError")


async def test_ipv6_is_listened_on_where_it_is_asked_for(tmp_path: Path) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")
    config = Config(listen_host="::1", listen_port=0, confdir=str(tmp_path), upstream_roots="certifi")
    async with Proxy(config) as proxy:
        reader, writer = await asyncio.open_connection(*proxy.addresses[0])
        writer.write(b"CONNECT [::1]:%d HTTP/1.1\r\n\r\n" % proxy.addresses[0][1])
        assert (await reader.read()).startswith(b"HTTP/1.1 508 ")
        writer.close()
        await writer.wait_closed()
