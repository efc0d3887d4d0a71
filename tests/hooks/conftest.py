"""The hooks are tested over sockets, as everything in `tests/net`: on both loops, with a lab of its own."""

from __future__ import annotations

from tests.net.conftest import lab, pytest_asyncio_loop_factories, route, world

__all__ = ["lab", "pytest_asyncio_loop_factories", "route", "world"]
