"""Play a script through the proxy: several clients at once, at a steady rate, until cancelled."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import h11

from soth_mitm.cli.demo.client import Address, Ask, Link, Persona, Site

if TYPE_CHECKING:
    from soth_mitm.cli.demo.http2_link import Http2Link
    from soth_mitm.cli.demo.script import Turn
    from soth_mitm.net.tasks import TaskGroup

AT_ONCE = 24
"""Turns under way at the same time; the next one waits until one of them ends."""
_USES = 12
"""Requests on one connection, before its client opens another."""
_IDLE = 3
"""Idle connections that a client keeps per site."""
_PATIENCE = 30.0
"""Seconds that a client waits for the whole of a response."""


class Traffic:
    """The clients of the stage. `rate` is in requests a second, and varies by some tenths around it."""

    def __init__(
        self,
        turns: Iterable[Turn],
        *,
        proxy: Address,
        proxy_roots: Path,
        site_roots: Path,
        rate: float,
        random: Random,
        tasks: TaskGroup,
    ) -> None:
        self._turns = turns
        self._proxy = proxy
        self._contexts = {
            (pins, http2): _trusting(site_roots if pins else proxy_roots, http2=http2)
            for pins in (False, True)
            for http2 in (False, True)
        }
        self._rate = rate
        self._random = random
        self._tasks = tasks
        self._idle: dict[tuple[Persona, Site], list[Link | Http2Link]] = {}
        self.answered = 0
        """Requests that got a response, or were given up on purpose."""
        self.unanswered: list[tuple[Ask, str]] = []
        """The latest requests without a response, and why."""

    async def run(self) -> None:
        """Play turn by turn until the script ends or the task is cancelled; close what is idle then."""
        room = asyncio.Semaphore(AT_ONCE)
        try:
            for turn in self._turns:
                await room.acquire()
                playing = self._tasks.spawn(self._play(turn), "demo client")
                playing.add_done_callback(lambda _: room.release())
                await asyncio.sleep(len(turn.asks) / self._rate * self._random.uniform(0.4, 1.6))
            for _ in range(AT_ONCE):
                await room.acquire()  # until all have ended
        finally:
            for links in self._idle.values():
                for link in links:
                    link.close()
            self._idle.clear()

    async def _play(self, turn: Turn) -> None:
        first, *others = turn.asks
        await self._make(turn.persona, first)
        if turn.together:
            await asyncio.gather(*(self._make(turn.persona, ask) for ask in others))
            return
        for ask in others:
            await self._make(turn.persona, ask)

    async def _make(self, persona: Persona, ask: Ask) -> None:
        """Make one request. That some of them fail is what they are for."""
        try:
            async with asyncio.timeout(_PATIENCE):
                link = await self._link(persona, ask.site)
                try:
                    await link.ask(ask, persona=persona)
                except BaseException:
                    link.close()
                    raise
        except (OSError, h11.RemoteProtocolError) as error:
            self.unanswered = [*self.unanswered[-99:], (ask, f"{type(error).__name__}: {error}")]
            return
        self.answered += 1
        await self._put_back(persona, link)

    async def _link(self, persona: Persona, site: Site) -> Link | Http2Link:
        idle = self._idle.setdefault((persona, site), [])
        while idle:
            link = idle.pop()
            if link.usable:
                if link.shared:
                    idle.append(link)
                return link
            await link.end()
        context = self._contexts[persona.pins, persona.http2]
        link = await Link.open(site, proxy=self._proxy, context=context)
        if link.shared:
            idle.append(link)
        return link

    async def _put_back(self, persona: Persona, link: Link | Http2Link) -> None:
        if link.shared:
            return
        idle = self._idle.setdefault((persona, link.site), [])
        if link.usable and link.uses < _USES and len(idle) < _IDLE:
            idle.append(link)
        else:
            await link.end()


def _trusting(roots: Path, *, http2: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(roots)
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    return context
