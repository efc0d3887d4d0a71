"""What a lane works with: the origin, the two proxies, the load client, and how long to measure."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from bench import terminal
from bench.clients import kept
from bench.clients.route import Route
from bench.clients.start import own_client, wrk
from bench.lane import DIRECT, OURS, Sample, Unavailable
from bench.origin.server import SIZES, TYPED
from bench.processes import BenchError, child, cpu_seconds, free_ports, resident, wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.origin.start import Origin
    from bench.peer import Peer

CONNECTIONS = 24
FILL_SECONDS = 180.0
"""How long it may take to make the flows that an app is measured with."""


@dataclass(frozen=True)
class Target:
    """A side that runs: a proxy, or nothing for the direct path."""

    port: int = 0
    """Where the proxy listens; 0 for the direct path."""
    process: subprocess.Popen[bytes] | None = None
    screen: terminal.Screen | None = None

    @property
    def rss(self) -> int:
        """Return the resident memory of the proxy and its children, in bytes."""
        return resident(self.process.pid) if self.process else 0

    @property
    def cpu(self) -> float:
        """Return the processor time that the proxy has used, in seconds."""
        return cpu_seconds(self.process.pid) if self.process else 0.0


def our_program() -> str:
    """Return the console script of soth-mitm that belongs to this Python.

    Raises:
        Unavailable: the project is not installed in this environment.
    """
    script = Path(sys.executable).with_name("soth-mitm.exe" if sys.platform == "win32" else "soth-mitm")
    if not script.is_file():
        raise Unavailable(f"{script.name} is not installed beside {Path(sys.executable).name}")
    return str(script)


@dataclass
class Bench:
    """One run's surroundings."""

    folder: Path
    origin: Origin
    seconds: float
    peer: Peer | None = None
    why_no_peer: str = "left out"
    client: Literal["wrk", "own"] = "own"
    client_name: str = ""
    rates: dict[str, float] = field(default_factory=dict)
    """Rates that an open loop found out, by side."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def quick(self) -> bool:
        """Whether figures matter less than time."""
        return self.seconds < 3

    def file(self, name: str) -> Path:
        """Return a new path of the run's folder."""
        return self.folder / f"{next(self._numbers)}-{name}"

    def command(self, side: str, port: int, more: Sequence[str], *, screen: bool) -> list[str]:
        """Return how a side is started; both with their ordinary output and no upstream verification.

        Raises:
            Unavailable: the program is not there.
        """
        confdir = str(self.folder / f"conf-{side}")
        if side == OURS:
            mode = ["tui"] if screen else ["--dump"]
            return [our_program(), *mode, "-k", "-p", str(port), "--confdir", confdir, *more]
        if self.peer is None:
            raise Unavailable(self.why_no_peer)
        program = self.peer.program("mitmproxy" if screen else "mitmdump")
        host = ["--listen-host", "127.0.0.1"]
        return [program, "-k", "-p", str(port), *host, "--set", f"confdir={confdir}", *more]

    @contextlib.contextmanager
    def running(
        self,
        side: str,
        *,
        ours: Sequence[str] = (),
        peer: Sequence[str] = (),
        screen: bool = False,
        keep: bool = False,
        launcher: Sequence[str] = (),
    ) -> Iterator[Target]:
        """Run a side with its own arguments, in a terminal if `screen`, for as long as the block lasts.

        With `keep` the screen can tell afterwards what it showed when. `launcher` takes the place of our
        program.

        Raises:
            Unavailable: it is not there.
            BenchError: it does not start.
        """
        if side == DIRECT:
            yield Target()
            return
        (port,), log = free_ports(1), self.file(f"{side}.log")
        argv = self.command(side, port, ours if side == OURS else peer, screen=screen)
        argv[:1] = launcher or argv[:1]
        home = self.folder / f"home-{side}"
        home.mkdir(exist_ok=True)
        env = {"HOME": str(home), "TERM": "xterm-256color"}
        env |= {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
        with contextlib.ExitStack() as stack:
            seen: terminal.Screen | None = None
            near = subprocess.DEVNULL
            if screen:
                near, seen = stack.enter_context(terminal.opened(keep=keep))
            process = stack.enter_context(
                child(argv, log=log, stdin=near, stdout=near, stderr=near if screen else None, env=env)
            )
            wait_for_port(port, process, log)
            yield Target(port, process, seen)

    def route(
        self, target: Target, path: str, *, tls: bool = True, via: Literal["connect", "absolute"] = "connect"
    ) -> Route:
        """Return the way to a path of the origin through `target`."""
        port = self.origin.https_port if tls else self.origin.http_port
        return Route(port, path, tls=tls, proxy=target.port, via=via)

    def task(self, route: Route, *, rate: float = 0.0, connections: int = CONNECTIONS) -> kept.Task:
        """Return the load on `route` for this run's time."""
        warm = min(1.0, self.seconds / 3)
        path = route.path.encode()
        size = len(TYPED[path][1]) if path in TYPED else SIZES[path]
        return kept.Task(route, size, connections, self.seconds, warm=warm, rate=rate)

    def hammer(self, target: Target, route: Route) -> Sample:
        """Send requests on kept connections as fast as they are answered, first a second unmeasured.

        Beside the rate, it says how much processor time the proxy spent on a request: that hardly
        depends on what else the machine does.

        Raises:
            BenchError: nothing was answered, so there is nothing to compare.
        """
        task = msgspec.structs.replace(self.task(route), warm=0.0)
        self._load(msgspec.structs.replace(task, seconds=min(1.0, task.seconds)))
        before = target.cpu
        report = self._load(task)
        spent = target.cpu - before
        if not report.requests:
            raise BenchError(f"no request was answered in {task.seconds:g} s ({report.errors} errors)")
        sample = throughput(report, self.client_name)
        if spent and report.requests:
            sample.figures["CPU us/req"] = spent / report.requests * 1e6
        return sample

    def fill(self, route: Route, count: int) -> kept.Report:
        """Make exactly `count` requests on kept connections, as fast as they are answered.

        Raises:
            BenchError: it took longer than `FILL_SECONDS`.
        """
        task = kept.Task(route, SIZES[route.path.encode()], CONNECTIONS, FILL_SECONDS, warm=0.0, count=count)
        report = own_client("kept", task, kept.Report, seconds=FILL_SECONDS)
        if report.requests < count:
            raise BenchError(f"only {report.requests:,} of {count:,} requests in {FILL_SECONDS:g} s")
        return report

    def _load(self, task: kept.Task) -> kept.Report:
        if self.client == "wrk":
            return wrk(task, self.folder)
        return own_client("kept", task, kept.Report, seconds=task.seconds)


def throughput(report: kept.Report, client: str, unit: str = "req/s") -> Sample:
    """Make a sample of the report of a load."""
    note = f"{report.errors} errors" if report.errors else ""
    rate = report.requests / report.seconds if report.seconds else 0.0
    return Sample({unit: rate}, report.tails_ms, client, note)
