"""mitmproxy in an environment of the bench's own: found, or installed by pip on first use.

It goes into `bench/.venv-peer`, made with the newest Python that is present and works: mitmproxy 12
needs 3.12 or later. Nothing of it touches the environment of the project.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.lane import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(__file__).with_name(".venv-peer")
OLDEST = (3, 12)
NEWEST = (3, 15)
"""Names of interpreters are tried up to this version."""
INSTALL_SECONDS = 600.0

_PROBE = "import sys, venv, ensurepip; print(*sys.version_info[:3], sys.executable)"


@dataclass(frozen=True)
class Peer:
    """An installed mitmproxy."""

    folder: Path
    """Where its programs lie."""
    version: str
    python: str
    openssl: str

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return str(self.folder / name)


def _candidates() -> Iterator[str]:
    """Yield interpreters that may be new enough, the same one perhaps more than once."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            yield found
    yield sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local" / "share" / "uv" / "python"))
    for pattern in (pyenv / "versions", uv):
        yield from (str(python) for python in pattern.glob("*/bin/python3"))


def interpreters() -> list[tuple[tuple[int, ...], str]]:
    """Return the versions and paths of the interpreters that work, the newest first."""
    found: dict[str, tuple[int, ...]] = {}
    for candidate in _candidates():
        try:
            said = subprocess.run(
                [candidate, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        # A shim for a version that is not chosen is found on PATH, and fails when it is run.
        if said.returncode == 0:
            *version, path = said.stdout.strip().split(" ", 3)
            found[path] = tuple(map(int, version))
    usable = [(version, path) for path, version in found.items() if version[:2] >= OLDEST]
    return sorted(usable, reverse=True)


def _programs() -> Path:
    return HOME / ("Scripts" if sys.platform == "win32" else "bin")


def _installed() -> Peer | None:
    mitmdump = _programs() / "mitmdump"
    if not shutil.which(mitmdump):
        return None
    said = subprocess.run([mitmdump, "--version"], capture_output=True, text=True, timeout=60, check=False)
    facts = dict(re.findall(r"^(\w+):\s+(.+)$", said.stdout, re.MULTILINE))
    if "Mitmproxy" not in facts:
        return None
    return Peer(_programs(), facts["Mitmproxy"], facts.get("Python", "?"), facts.get("OpenSSL", "?"))


def _install(python: str) -> str:
    """Make the environment anew with `python`; return why that failed, or nothing."""
    shutil.rmtree(HOME, ignore_errors=True)
    pip = [str(_programs() / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    for argv in ([python, "-m", "venv", str(HOME)], [*pip, "install", "mitmproxy"]):
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return (done.stderr or done.stdout).strip()[-300:]
    return ""


def find_peer() -> Peer:
    """Return mitmproxy, installed on first use.

    Raises:
        Unavailable: no Python is new enough, or it cannot be installed.
    """
    if peer := _installed():
        return peer
    pythons = interpreters()
    if not pythons:
        raise Unavailable(f"mitmproxy needs Python {OLDEST[0]}.{OLDEST[1]} or later, and none was found")
    why = ""
    for version, python in pythons:
        name = ".".join(map(str, version))
        print(f"Installing mitmproxy into {HOME.name} with Python {name} (once)", file=sys.stderr, flush=True)
        why = _install(python)
        if not why and (peer := _installed()):
            return peer
    raise Unavailable(f"mitmproxy could not be installed: {why}")
