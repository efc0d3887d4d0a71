"""The loop that runs the proxy, and the memory beneath it."""

from __future__ import annotations

import asyncio
import platform

import pytest

from soth_mitm.net.loops import keep_buffers_apart, run


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc puts large buffers on its heap")
def test_buffers_of_connections_are_kept_apart_where_the_c_library_can() -> None:
    assert keep_buffers_apart()


@pytest.mark.parametrize("portable", [True, False])
def test_a_loop_runs_what_it_is_given_to_its_end(portable: bool) -> None:
    async def main() -> str:
        await asyncio.sleep(0)
        return "done"

    assert run(main(), portable=portable) == "done"
