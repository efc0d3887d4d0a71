"""Every test over sockets runs on both kinds of loop, with a lab of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.helpers.net import Lab, World, loop_factories


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the loops for the plugin."""
    return loop_factories()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
async def lab(world: World) -> AsyncIterator[Lab]:
    """A proxy to be started; its stream is checked after the test."""
    lab = Lab(world)
    try:
        yield lab
    finally:
        await lab.stop()


@pytest.fixture(params=["plain", "tls"])
def route(request: pytest.FixtureRequest) -> str:
    """How a request reaches the proxy: in absolute-form, or decrypted inside a CONNECT."""
    return str(request.param)
