"""All checks, in the order in which they are shown."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from soth_mitm.cli.checkup.network import names, ports
from soth_mitm.cli.checkup.requests import requests
from soth_mitm.cli.checkup.surroundings import surroundings
from soth_mitm.cli.checkup.terminal import terminal
from soth_mitm.errors import SothError
from soth_mitm.model.checks import Check, Health
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.config import Config


async def checkup(config: Config) -> AsyncIterator[Check]:
    """Yield every check as soon as it is done; never raises for what it finds."""
    from soth_mitm.net.tasks import start
    from soth_mitm.net.tls.ca import CertificateAuthority

    ca = None
    try:
        ca = await asyncio.to_thread(
            CertificateAuthority.load_or_create, config.directory, key_type=config.key_type
        )
    except SothError as error:
        yield Check("CA", Health.FAILED, printable(str(error), 400))
    for check in await asyncio.to_thread(lambda: list(surroundings(config, ca))):
        yield check
    for check in await asyncio.to_thread(lambda: list(terminal(os.environ))):
        yield check
    resolving = start(names(), "doctor: names")  # which takes seconds where there is no network
    try:
        async for check in ports(config):
            yield check
        if ca is not None:
            async for check in requests(config):
                yield check
        yield await resolving
    finally:
        resolving.cancel()
