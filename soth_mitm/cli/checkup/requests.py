"""Real requests through a real proxy of its own, to an origin of its own, on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from soth_mitm.cli.demo import content, websocket
from soth_mitm.cli.demo.client import Ask, Link, Persona, Refused, Site
from soth_mitm.cli.demo.stage import Stage
from soth_mitm.core import Proxy
from soth_mitm.model.checks import Check, Health
from soth_mitm.model.events import Direction, Event, MessageSeen
from soth_mitm.text import human_duration, printable

if TYPE_CHECKING:
    from soth_mitm.config import Config

PATIENCE: Final = 10.0
"""Seconds for one request."""
PROMPT: Final = 1.5
"""Seconds within which the first event of a stream must come; its origin takes half a second."""

_BODY: Final = b'{"messages": [{"role": "user", "content": "hello"}]}'
_SAID: Final = "is anybody there?"
_ASKS: Final = (
    ("HTTP", Ask(Site("http", content.STATUS, 80), "GET", "/health"), 200),
    ("HTTPS", Ask(Site("https", content.STATUS, 443), "GET", "/health"), 200),
    ("HTTP/2", Ask(Site("https", content.STATUS, 443), "GET", "/health"), 200),
    ("tunnel", Ask(Site("https", content.TUNNELLED, 443), "GET", "/"), 0),
    ("stream", Ask(Site("https", content.LLM, 443), "POST", "/v1/messages", body=_BODY, leaves_after=1), 200),
    (
        "WebSocket",
        Ask(
            Site("https", content.CHAT, 443),
            "GET",
            "/rooms/doctor/socket",
            websocket.asking(4711),
            leaves_after=1,
            says=(_SAID,),
        ),
        101,
    ),
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


def _proxy(stage: Stage) -> Proxy:
    return Proxy(stage.config(), resolver=stage.resolver)


async def _try(name: str, ask: Ask, wanted: int, *, stage: Stage, proxy: Proxy) -> Check:
    roots = stage.roots if name == "tunnel" else proxy.ca.certificate_path
    seen: list[MessageSeen] = []
    detach = proxy.bus.attach(lambda event: _collect(event, seen))
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
    finally:
        detach()
    took = perf_counter() - began
    shown = human_duration(round(took * 1e9))
    if wanted and status != wanted:
        return Check(name, Health.FAILED, f"the answer was {status} instead of {wanted}")
    if name == "HTTP/2" and not link.shared:
        return Check(name, Health.WARNING, "clients are offered HTTP/1.1 in its place", "remove no_h2")
    if name == "stream":
        health = Health.OK if took < PROMPT else Health.FAILED
        return Check(name, health, f"the first event came after {shown}, while the stream went on")
    if name == "WebSocket":
        return _echoed(seen, shown)
    what = {
        "HTTP": "forwarded",
        "HTTPS": "decrypted with the CA",
        "HTTP/2": "decrypted with the CA",
        "tunnel": "passed without being decrypted",
    }
    return Check(name, Health.OK, f"{what[name]}, {shown}")


def _collect(event: Event, seen: list[MessageSeen]) -> None:
    if isinstance(event.body, MessageSeen) and event.body.label == "text":
        seen.append(event.body)


def _echoed(seen: list[MessageSeen], shown: str) -> Check:
    """Hold what the proxy tells of the messages against what was said; the origin says it again."""
    told = [(each.direction, each.data.decode("utf-8", "replace")) for each in seen]
    if told[:2] != [(Direction.REQUEST, _SAID), (Direction.RESPONSE, _SAID)]:
        text = f"a message came back, but the proxy tells it otherwise: {told[:2]}"
        return Check("WebSocket", Health.FAILED, printable(text, 400))
    return Check("WebSocket", Health.OK, f"a message and its echo passed and were shown, {shown}")
