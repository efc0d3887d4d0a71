"""A client's HTTP/2 connection to one site of the demo, which several requests share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import h2.events
import h2.exceptions

from soth_mitm.cli.demo.http2 import Event, Multiplexed
from soth_mitm.net.tasks import start

if TYPE_CHECKING:
    from soth_mitm.cli.demo.client import Ask, Persona, Site
    from soth_mitm.cli.demo.wire import Wire


class Http2Link:
    """Makes requests side by side. `uses` counts them; a link whose connection has ended is not `usable`."""

    shared = True

    def __init__(self, site: Site, wire: Wire) -> None:
        self.site = site
        self.uses = 0
        self._wire = wire
        self._link = Multiplexed(wire, client=True)
        self._events: dict[int, asyncio.Queue[Event | None]] = {}
        self._pump: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Speak first, and read from now on."""
        await self._link.begin()
        self._pump = start(self._pumping(), "demo link")

    @property
    def usable(self) -> bool:
        """Whether another request can be made on it."""
        return not self._link.ended

    async def ask(self, ask: Ask, *, persona: Persona) -> int:
        """Make a request, read the response to its end, and return its status.

        Raises:
            OSError: the response did not come, or not whole.
        """
        self.uses += 1
        link, stream = self._link, self._link.new_stream()
        events = self._events[stream] = asyncio.Queue()
        try:
            await link.head(stream, self._head(ask, persona), end=not (ask.body or ask.trailers))
            if ask.body or ask.trailers:
                await link.body(stream, (ask.body,), end=not ask.trailers)
            if ask.trailers:
                await link.head(stream, [(name.lower(), value) for name, value in ask.trailers], end=True)
            return await self._response(stream, events, ask.leaves_after)
        except h2.exceptions.ProtocolError as error:
            raise ConnectionResetError(f"stream {stream}: {error}") from error
        finally:
            del self._events[stream]

    def _head(self, ask: Ask, persona: Persona) -> list[tuple[str, str]]:
        site = ask.site
        authority = site.host if site.port == 443 else f"{site.host}:{site.port}"
        pseudo = (
            (":method", ask.method),
            (":scheme", "https"),
            (":authority", authority),
            (":path", ask.path),
        )
        fields = (("user-agent", persona.user_agent), *persona.fields, *ask.fields)
        return [*pseudo, *((name.lower(), value) for name, value in fields)]

    async def _response(self, stream: int, events: asyncio.Queue[Event | None], patience: int) -> int:
        status = received = 0
        while True:
            event = await events.get()
            match event:
                case h2.events.ResponseReceived(headers=fields):
                    status = int(dict(fields or ())[b":status"])
                case h2.events.DataReceived(data=data):
                    received += len(data or b"")
                    if patience and received >= patience:
                        await self._link.reset(stream)
                        return status
                case h2.events.StreamEnded():
                    return status
                case h2.events.StreamReset(error_code=code):
                    raise ConnectionResetError(f"the stream was reset with {code}")
                case None:
                    raise ConnectionResetError("the connection ended before a response")

    async def _pumping(self) -> None:
        try:
            await self._link.pump(self._take)
        except (OSError, h2.exceptions.ProtocolError):
            pass  # whoever waits for a response is told below
        finally:
            for events in self._events.values():
                events.put_nowait(None)

    def _take(self, event: Event) -> None:
        events = self._events.get(getattr(event, "stream_id", None) or 0)
        if events is not None:
            events.put_nowait(event)

    async def end(self) -> None:
        """Close in order."""
        await self._stop()
        await self._wire.end()

    def close(self) -> None:
        """Close at once, whatever is under way."""
        if self._pump is None:
            self._wire.close()
            return
        # The loop has to let go of the socket first: its number may be another's a moment later.
        self._pump.add_done_callback(lambda _: self._wire.close())
        self._pump.cancel()

    async def _stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
