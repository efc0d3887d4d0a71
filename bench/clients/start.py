"""Start a load client and read what it found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bench.clients import calls, echo, kept, stream, streams
from bench.processes import ROOT, BenchError, clean_environment
from bench.stats import tails

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.clients.route import Route

OWN = "our own (bench/clients)"
GRACE = 40.0
"""Seconds a client may take beyond the time it measures."""

R = TypeVar("R")


def wrk_version() -> str:
    """Return `wrk 4.1.0` where wrk and proxychains4 are both installed, else nothing."""
    wrk = shutil.which("wrk")
    if wrk is None or shutil.which("proxychains4") is None:
        return ""
    said = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    return f"wrk {found.group()}" if found else "wrk"


def h2load_version() -> str:
    """Return `h2load 1.52.0` where h2load and proxychains4 are both installed, else nothing."""
    program = shutil.which("h2load")
    if program is None or shutil.which("proxychains4") is None:
        return ""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    return f"h2load {found.group()}" if found else "h2load"


def _say(argv: list[str], seconds: float) -> str:
    """Run a client and return the last line it printed.

    Raises:
        BenchError: it failed or took too long.
    """
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=ROOT,
            env=clean_environment(),
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"the load client {argv[0]} took longer than {seconds:g} s") from error
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise BenchError(f"the load client failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return lines[-1]


def own_client(
    module: str,
    task: calls.Task | echo.Task | kept.Task | stream.Task | streams.Task,
    report: type[R],
    *,
    seconds: float,
) -> R:
    """Run a client of ours as a process."""
    argument = msgspec.json.encode(task).decode()
    line = _say([sys.executable, "-m", f"bench.clients.{module}", argument], seconds + GRACE)
    return msgspec.json.decode(line, type=report)


def _through(route: Route, folder: Path) -> list[str]:
    """Return what stands before a client's command to send it through a proxy, by CONNECT."""
    if not route.proxy or route.via == "absolute":
        return []
    config = folder / f"proxychains-{route.proxy}.conf"
    config.write_text(f"strict_chain\nquiet_mode\n[ProxyList]\nhttp 127.0.0.1 {route.proxy}\n")
    return ["proxychains4", "-q", "-f", str(config)]


def h2load(
    route: Route,
    folder: Path,
    *,
    clients: int,
    streams: int,
    seconds: float,
    body: Path | None = None,
    headers: Sequence[str] = (),
) -> kept.Report:
    """Run h2load on one thread for whole seconds, at least one; with a body each request is a POST of it.

    Raises:
        BenchError: it failed, or its report cannot be read.
    """
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    whole = max(round(seconds), 1)
    load = ["h2load", f"-c{clients}", f"-m{streams}", f"-D{whole}", "--log-file", str(log)]
    load += [f"--data={body}"] if body else []
    load += [f"--header={header}" for header in headers]
    done = subprocess.run(
        [*_through(route, folder), *load, f"https://127.0.0.1:{route.port}{route.path}"],
        capture_output=True,
        text=True,
        timeout=whole + GRACE,
        check=False,
        env=clean_environment(),
        start_new_session=True,
    )
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    if counts is None or "h2" not in (re.search(r"protocol: (\S+)", done.stdout) or [""])[0]:
        raise BenchError(f"h2load failed: {(done.stderr or done.stdout).strip()[-400:]}")
    good, failed, errored = map(int, counts.groups())
    taken = sorted(int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines())
    return kept.Report(good, float(whole), errors=failed + errored, tails_ms=tails(taken))


def wrk(task: kept.Task, folder: Path) -> kept.Report:
    """Run wrk on one thread, through proxychains4 where CONNECT is wanted; whole seconds, at least one."""
    route, prefix, more = task.route, list[str](), list[str]()
    port = route.port
    if route.proxy and route.via == "absolute":
        port = route.proxy
        more = [f"http://{route.authority}{route.path}", route.authority]
    elif route.proxy:
        prefix = _through(route, folder)
    url = f"{'https' if route.tls else 'http'}://127.0.0.1:{port}{route.path}"
    script = str(Path(__file__).with_name("wrk.lua"))
    seconds = max(round(task.seconds), 1)
    load = ["wrk", "-t1", f"-c{task.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script]
    line = _say([*prefix, *load, url, "--", *more], seconds + GRACE)
    return msgspec.json.decode(line, type=kept.Report)
