"""What a proxy needs of the network: its port, and names that resolve."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import ConfigError
from soth_mitm.model.checks import Check, Health
from soth_mitm.policy.modes import FORWARDING, Endpoint, endpoints
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.config import Config

PATIENCE: Final = 3.0
"""Seconds for an answer."""
PAGE: Final = 64 * 1024
"""Most bytes that are read of a page."""
KNOWN_NAME: Final = "example.com"


async def ports(config: Config) -> AsyncIterator[Check]:
    """Say of each place whether the proxy could listen there, or does."""
    try:
        places = endpoints(config)
    except ConfigError as error:
        yield Check("listener", Health.FAILED, printable(str(error), 400), "mend the mode in the settings")
        return
    for place in places:
        if not place.mode.path:  # a Unix socket can only be tried by making it
            yield await _port(place, config.magic_host)


async def _port(endpoint: Endpoint, page: str) -> Check:
    from soth_mitm.net.sockets import listen

    number = endpoint.port
    place = printable(f"{endpoint.host or 'every address'} port {number}")
    try:
        for sock in listen(endpoint.host, number):
            sock.close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and await _is_ours(endpoint, page):
            return Check("listener", Health.OK, f"a soth-mitm listens on {place} and answers")
        if error.errno == errno.EADDRINUSE:
            return Check(
                "listener",
                Health.WARNING,
                f"{place} is taken by another program",
                "end it, or choose another port with -p",
            )
        why = printable(error.strerror or str(error))
        return Check(
            "listener",
            Health.FAILED,
            f"cannot listen on {place}: {why}",
            "choose an address of this machine with --listen-host, and a port above 1023 with -p",
        )
    return Check("listener", Health.OK, f"{place} is free" if number else "any free port will be taken")


async def _is_ours(endpoint: Endpoint, name: str) -> bool:
    """Ask for the proxy's own page, where the mode has one."""
    if endpoint.mode.kind not in FORWARDING:
        return False
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(endpoint.host, endpoint.host)
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, endpoint.port)
            try:
                writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                page = b""
                while len(page) < PAGE and (piece := await reader.read(PAGE)):
                    page += piece
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return page.startswith(b"HTTP/1.1 200") and b"soth-mitm" in page


async def names(name: str = KNOWN_NAME) -> Check:
    """Say whether a name resolves; a machine without a network still intercepts what is local."""
    loop = asyncio.get_running_loop()
    advice = "see /etc/resolv.conf and the network; hosts on this machine and addresses work without"
    try:
        async with asyncio.timeout(PATIENCE):
            found = await loop.getaddrinfo(name, 443)
    except TimeoutError:
        return Check("DNS", Health.WARNING, f"no answer for {name} within {PATIENCE:.0f} s", advice)
    except OSError as error:
        why = printable(error.strerror or str(error))
        return Check("DNS", Health.WARNING, f"{name} does not resolve: {why}", advice)
    addresses = {printable(str(each[4][0])) for each in found}
    return Check("DNS", Health.OK, f"{name} resolves, to {len(addresses)} addresses")
