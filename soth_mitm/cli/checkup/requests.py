"""Real requests through a real proxy of its own, to an origin of its own, on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from soth_mitm.cli.demo import content
from soth_mitm.cli.demo.client import Ask, Link, Persona, Refused, Site
from soth_mitm.cli.demo.stage import Stage
from soth_mitm.core import Proxy
from soth_mitm.model.checks import Check, Health
from soth_mitm.text import human_duration, printable

if TYPE_CHECKING:
    from soth_mitm.config import Config

PATIENCE: Final = 10.0
"""Seconds for one request."""
PROMPT: Final = 1.5
"""Seconds within which the first event of a stream must come; its origin takes half a second."""

_BODY: Final = b'{"messages": [{"role": "user", "content": "hello"}]}'
_ASKS: Final = (
    ("HTTP", Ask(Site("http", content.STATUS, 80), "GET", "/health"), 200),
    ("HTTPS", Ask(Site("https", content.STATUS, 443), "GET", "/health"), 200),
    ("HTTP/2", Ask(Site("https", content.STATUS, 443), "GET", "/health"), 200),
    ("tunnel", Ask(Site("https", content.TUNNELLED, 443), "GET", "/"), 0),
    ("stream", Ask(Site("https", content.LLM, 443), "POST", "/v1/messages", body=_BODY, leaves_after=1), 200),
)


async def requests(config: Config) -> AsyncIterator[Check]:
    """Yield how a request of each kind went, through a proxy with this configuration's CA."""
    try:
        async with Stage(Path(config.directory)) as stage, _proxy(stage) as proxy:
            for name, ask, wanted in _ASKS:
                yield await _try(name, ask, wanted, stage=stage, proxy=proxy)
    except Exception as error:
        said = printable(f"{type(error).__name__}: {error}", 400)
        yield Check("self-test", Health.FAILED, f"a proxy on loopback could not be started: {said}")
    yield Check("WebSocket", Health.OK, "passes, and is shown message by message (not tried here)")


def _proxy(stage: Stage) -> Proxy:
    return Proxy(stage.config(), resolver=stage.resolver)


async def _try(name: str, ask: Ask, wanted: int, *, stage: Stage, proxy: Proxy) -> Check:
    roots = stage.roots if name == "tunnel" else proxy.ca.certificate_path
    began = perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            context = ssl.create_default_context(cafile=str(roots))
            context.set_alpn_protocols(["h2", "http/1.1"] if name == "HTTP/2" else ["http/1.1"])
            link = await Link.open(ask.site, proxy=proxy.addresses[0], context=context)
            try:
                status = await link.ask(ask, persona=Persona("soth-mitm doctor"))
            finally:
                link.close()
    except TimeoutError:
        return Check(name, Health.FAILED, f"no answer through the proxy within {PATIENCE:.0f} s")
    except (OSError, ssl.SSLError, Refused) as error:
        return Check(name, Health.FAILED, printable(f"failed through the proxy: {error}", 400))
    took = perf_counter() - began
    shown = human_duration(round(took * 1e9))
    if wanted and status != wanted:
        return Check(name, Health.FAILED, f"the answer was {status} instead of {wanted}")
    if name == "HTTP/2" and not link.shared:
        return Check(name, Health.WARNING, "clients are offered HTTP/1.1 in its place", "remove no_h2")
    if name == "stream":
        health = Health.OK if took < PROMPT else Health.FAILED
        return Check(name, health, f"the first event came after {shown}, while the stream went on")
    what = {
        "HTTP": "forwarded",
        "HTTPS": "decrypted with the CA",
        "HTTP/2": "decrypted with the CA",
        "tunnel": "passed without being decrypted",
    }
    return Check(name, Health.OK, f"{what[name]}, {shown}")
