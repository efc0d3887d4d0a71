"""What every command that runs a proxy has in common: recorder, address file, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import reach, settings
from soth_mitm.cli.main import EXIT_INTERRUPTED
from soth_mitm.cli.output import Log, say
from soth_mitm.cli.recording import recorder_of
from soth_mitm.cli.rereading import Rereading
from soth_mitm.config import state_directory
from soth_mitm.core import Proxy
from soth_mitm.errors import StartError
from soth_mitm.model.events import Notice
from soth_mitm.net.tasks import start
from soth_mitm.record.bus import Bus

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Awaitable, Iterator

    from soth_mitm.config import Config
    from soth_mitm.net.dial import Override
    from soth_mitm.record.recorder import Recorder


class Running:
    """A proxy that runs, and what was attached to its bus before it started."""

    def __init__(self, proxy: Proxy, recorder: Recorder | None) -> None:
        self.proxy = proxy
        self.recorder = recorder
        self.stop = asyncio.Event()
        """Set when the person, or a limit of theirs, wants it to end."""
        self.hurry: asyncio.Task[int] | None = None
        """Cuts what is still open, once the person has asked twice."""

    @property
    def address(self) -> str:
        """The URL that clients on this machine use as their proxy; empty where no mode is for that."""
        return reach.proxy_url(self.proxy.listeners, self.proxy.config.proxy_auth)

    @property
    def code(self) -> int:
        """The exit code: 0, or that of an interrupted program where open flows were cut at once."""
        return EXIT_INTERRUPTED if self.hurry is not None else 0

    def end(self) -> None:
        """Stop in order; said a second time, cut what is still open, and write what there is."""
        if self.stop.is_set() and self.hurry is None:
            self.hurry = start(self.proxy.drain(0), "cut")
        self.stop.set()


class Prepared:
    """A bus with its recorder, before the proxy starts: sinks attached now see every event."""

    def __init__(self, arguments: argparse.Namespace, config: Config, *, log: bool = True) -> None:
        self.config = config
        self.run_id = uuid.uuid4().hex
        self.bus = Bus()
        self._arguments = arguments
        self.recorder = self._recorder()
        if log:
            self.bus.attach(Log(quiet=getattr(arguments, "quiet", False)), kinds=Log.kinds)

    def _recorder(self) -> Recorder | None:
        arguments = self._arguments
        return None if arguments.write is None else recorder_of(arguments, self.config, self.bus, self.run_id)

    @contextlib.asynccontextmanager
    async def run(
        self,
        resolver: Override | None = None,
        *,
        last: Callable[[], Awaitable[None]] | None = None,
        listen: bool = True,
    ) -> AsyncIterator[Running]:
        """Start the proxy; afterwards it is drained and the recording is complete on the disk.

        `last` is awaited at the end, while signals are still ours.
        """
        proxy = Proxy(self.config, bus=self.bus, run_id=self.run_id, resolver=resolver, listen=listen)
        running = Running(proxy, self.recorder)
        try:
            # The signals are ours until all is drained and written.
            with _signals(running, self._arguments):
                try:
                    async with proxy:
                        with _address_file(running):
                            yield running
                finally:
                    if self.recorder is not None:
                        await self.recorder.close()
                    if running.hurry is not None:
                        await running.hurry
                    if last is not None:
                        await last()
        except StartError:
            self._forget_recording()
            raise

    def _forget_recording(self) -> None:
        """Remove the file of a recording that never began, so that the next start may make it."""
        arguments = self._arguments
        if arguments.write in (None, "-") or arguments.append or arguments.overwrite:
            return
        path = Path(arguments.write)
        if path.is_dir():
            for file in path.glob("*.soth"):
                file.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)


Around = Callable[[Running], contextlib.AbstractAsyncContextManager[None]]
"""What a caller wraps around a running proxy; it ends before the proxy drains."""


def nothing_around(running: Running) -> contextlib.AbstractAsyncContextManager[None]:
    """Wrap nothing around it."""
    return contextlib.nullcontext()


def announce(running: Running) -> None:
    """Say where the proxy listens, and where its CA is."""
    ca = running.proxy.ca
    made = " (made just now)" if ca.created else ""
    first, *more = running.proxy.listeners
    say(f"listening on {reach.place_text(first)} · CA {ca.certificate_path}{made}")
    for place in more:
        say(f"listening on {reach.place_text(place)}")


def running_directory() -> Path:
    """Return where running proxies leave their addresses."""
    return state_directory() / "running"


@contextlib.contextmanager
def _address_file(running: Running) -> Iterator[None]:
    """Leave the address for `soth-mitm env`; a proxy runs without it where it cannot be written."""
    url = reach.proxy_url(running.proxy.listeners)
    if not url:
        yield
        return
    config = running.proxy.config
    facts = {
        "pid": os.getpid(),
        "url": url,
        "auth": bool(config.proxy_auth),
        "confdir": str(config.directory),
    }
    path = running_directory() / f"{os.getpid()}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps(facts), encoding="utf-8")
    except OSError as error:
        say(f"cannot write {path} ({error.strerror}): `soth-mitm env` will need --listen-port")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def _signals(running: Running, arguments: argparse.Namespace) -> Iterator[None]:
    """SIGINT, SIGTERM and a closed terminal stop in order, a second one at once; SIGUSR1 reloads."""

    def fail(why: str) -> None:
        running.proxy.bus.publish(Notice("error", f"settings not read again: {why}"))

    end = running.end
    again = Rereading(partial(settings.of, arguments), running.proxy.reload, fail)
    with (
        contextlib.closing(again),
        handling({"SIGINT": end, "SIGTERM": end, "SIGHUP": end, "SIGUSR1": again.begin}),
    ):
        yield


@contextlib.contextmanager
def handling(handlers: dict[str, Callable[[], None]]) -> Iterator[None]:
    """Have the running loop call `handlers` on signals, by name; those that a system lacks are left out."""
    loop = asyncio.get_running_loop()
    installed: list[int] = []
    for name, handler in handlers.items():
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, handler)
            installed.append(number)
        except (NotImplementedError, RuntimeError):  # Windows: KeyboardInterrupt does it
            continue
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
