"""The stage of the demo: origins, their authority, and the clients, set up and cleared away as one."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any

from soth_mitm.cli.demo import content
from soth_mitm.cli.demo.authority import Authority
from soth_mitm.cli.demo.origin import LOOPBACK, Origin
from soth_mitm.cli.demo.script import script
from soth_mitm.cli.demo.traffic import Traffic
from soth_mitm.clock import Clock, SystemClock
from soth_mitm.config import Config
from soth_mitm.net.tasks import TaskGroup

if TYPE_CHECKING:
    from soth_mitm.cli.demo.client import Address


class Stage:
    """Everything around the proxy of a demo, on loopback only.

    ```python
    async with Stage() as stage:
        async with Proxy(stage.config(), resolver=stage.resolver) as proxy:
            await stage.start_traffic(proxy.addresses[0], proxy.ca.certificate_path)
            ...
            await stage.stop_traffic()
    ```

    `confdir` is for the proxy's own CA and stays the caller's; without it the stage has one, which
    goes when the stage goes. `pace` scales the pauses of the origins' answers. The same `seed` asks
    for the same things in the same order.
    """

    def __init__(
        self, confdir: Path | None = None, *, pace: float = 1.0, seed: int = 1, clock: Clock | None = None
    ) -> None:
        self._confdir = confdir
        self._clock = clock or SystemClock()
        self._seed = seed
        self._directory: Path | None = None
        self._serving = TaskGroup(self._failed)
        self._playing = TaskGroup(self._failed)
        self._secure = Origin(content.answer, tasks=self._serving, pace=pace)
        self._plain = Origin(content.answer, tasks=self._serving, pace=pace)
        self._nobody: socket.socket | None = None
        self._nowhere: Address = (LOOPBACK, 0)
        self.traffic: Traffic | None = None
        """The clients, once they were started."""
        self.faults: list[str] = []
        """What went wrong in the stage itself; empty, unless it has a defect."""

    async def __aenter__(self) -> Stage:
        """Make the authority, and open the origins."""
        try:
            self._directory = Path(tempfile.mkdtemp(prefix="soth-mitm-demo-"))
            now = datetime.fromtimestamp(self._clock.wall_ns() // 1_000_000_000, UTC)
            self._authority = Authority(self._directory, now=now)
            context = self._authority.server_context(sites=content.SITES, expired=(content.EXPIRED,))
            self._secure.open(context)
            self._plain.open()
            # A port that is taken, and where nobody listens.
            self._nobody = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._nobody.bind((LOOPBACK, 0))
            self._nowhere = self._nobody.getsockname()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    def config(self, *, tunnel: Sequence[str] = (), block: Sequence[str] = (), **settings: object) -> Config:
        """Return the settings of a proxy for this stage; what is given goes before, or on top of, its own."""
        assert self._directory is not None, "enter the stage first"
        chosen: dict[str, Any] = {
            "listen_port": 0,
            "confdir": str(self._confdir or self._directory / "conf"),
            "upstream_roots": str(self._authority.roots),
            "tunnel": (*tunnel, content.TUNNELLED),
            "block": (*block, content.BLOCKED),
            **settings,
        }
        return Config(**chosen)

    @property
    def roots(self) -> Path:
        """The certificate of the authority that the origins' certificates come from."""
        return self._authority.roots

    def resolver(self, host: str, port: int) -> Sequence[Address]:
        """Return where a proxy has to go for a site. What the stage does not have refuses connections."""
        origins = {443: self._secure, 80: self._plain}
        known = host.lower() in (*content.SITES, content.EXPIRED)
        if known and port in origins:
            return [(LOOPBACK, origins[port].port)]
        return [self._nowhere]

    async def start_traffic(self, proxy: Address, ca_pem_path: Path, *, rate: float = 6.0) -> None:
        """Let the clients loose on a proxy, at `rate` requests a second; they trust the CA of that file."""
        random = Random(self._seed)
        self.traffic = Traffic(
            script(random),
            proxy=proxy,
            proxy_roots=ca_pem_path,
            site_roots=self._authority.roots,
            rate=rate,
            random=random,
            tasks=self._playing,
        )
        self._playing.spawn(self.traffic.run(), "demo traffic")

    async def stop_traffic(self) -> None:
        """Take the clients away, whatever they are at. Before the proxy stops, so that it need not wait."""
        while len(self._playing):
            await self._playing.cancel()

    async def stop(self) -> None:
        """Stop all of it, and leave nothing on disk."""
        await self.stop_traffic()
        self._secure.close()
        self._plain.close()
        while len(self._serving):
            await self._serving.cancel()
        if self._nobody is not None:
            self._nobody.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def _failed(self, task: str, error: BaseException) -> None:
        self.faults.append(f"{task}: {type(error).__name__}: {error}")
