"""What the numbers of a run depend on: the machine, the versions, how busy it was."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

from bench.processes import ROOT
from soth_mitm._version import __version__
from soth_mitm.net.loops import loop_factory

if TYPE_CHECKING:
    from bench.peer import Peer


def _processor() -> str:
    """Return the processor's model."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _usable_processors() -> int:
    """Return how many processors this process may use."""
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1


def _git(*argv: str) -> str:
    """Return what git says; nothing where there is no git or no checkout."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *argv], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _commit() -> str:
    """Return the commit of this checkout, and whether the product's files differ from it."""
    changed = " with changes" if _git("status", "--porcelain", "soth_mitm", "tui") else ""
    return (_git("rev-parse", "--short", "HEAD") or "no git checkout") + changed


def busy() -> str:
    """Return the load averages; nothing where the system has none."""
    if not hasattr(os, "getloadavg"):
        return ""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def facts(peer: Peer | None, why_no_peer: str, *, origin: str, client: str) -> dict[str, str]:
    """Return everything that a reader of the figures has to know, by name."""
    name, _ = loop_factory()
    try:
        loop = f"{name} {version(name)}"
    except PackageNotFoundError:
        loop = name
    them = f"{peer.version}, Python {peer.python}, {peer.openssl}" if peer else why_no_peer
    return {
        "soth-mitm": f"{__version__} ({_commit()}), Python {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION}, {loop}",
        "mitmproxy": them,
        "origin": origin,
        "load client": client,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": f"{_usable_processors()} usable, {_processor()}; shared by client, proxy and origin",
        "load average before": busy(),
    }
