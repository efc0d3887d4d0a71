"""Start a load client and read what it found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.clients import echo, kept, stream
from bench.processes import ROOT, BenchError, clean_environment

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
    module: str, task: echo.Task | kept.Task | stream.Task, report: type[R], *, seconds: float
) -> R:
    """Run a client of ours as a process."""
    argument = msgspec.json.encode(task).decode()
    line = _say([sys.executable, "-m", f"bench.clients.{module}", argument], seconds + GRACE)
    return msgspec.json.decode(line, type=report)


def wrk(task: kept.Task, folder: Path) -> kept.Report:
    """Run wrk on one thread, through proxychains4 where CONNECT is wanted; whole seconds, at least one."""
    route, prefix, more = task.route, list[str](), list[str]()
    port = route.port
    if route.proxy and route.via == "absolute":
        port = route.proxy
        more = [f"http://{route.authority}{route.path}", route.authority]
    elif route.proxy:
        config = folder / f"proxychains-{route.proxy}.conf"
        config.write_text(f"strict_chain\nquiet_mode\n[ProxyList]\nhttp 127.0.0.1 {route.proxy}\n")
        prefix = ["proxychains4", "-q", "-f", str(config)]
    url = f"{'https' if route.tls else 'http'}://127.0.0.1:{port}{route.path}"
    script = str(Path(__file__).with_name("wrk.lua"))
    seconds = max(round(task.seconds), 1)
    load = ["wrk", "-t1", f"-c{task.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script]
    line = _say([*prefix, *load, url, "--", *more], seconds + GRACE)
    return msgspec.json.decode(line, type=kept.Report)
