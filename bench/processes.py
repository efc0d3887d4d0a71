"""Child processes: started in a group of their own, watched, and always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

START_SECONDS = 20.0
STOP_SECONDS = 8.0
ROOT = Path(__file__).parents[1]
"""The checkout; children run here, so that `python -m bench....` finds its modules."""


class BenchError(Exception):
    """Something the bench needs did not work; the text says what, and what the program said."""


def allow_many_files() -> None:
    """Raise how many files this process, and those that it starts, may have open, as far as it is allowed."""
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_ports(count: int) -> list[int]:
    """Return that many different loopback ports that nobody listens on now."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def clean_environment() -> dict[str, str]:
    """Return the environment without proxy settings, which would send the load elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the group of a process to stop, and kill what is left after `STOP_SECONDS`."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    if sys.platform != "win32":
        _signal(process, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait(STOP_SECONDS)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if sys.platform == "win32":
        process.terminate()
        return
    # The group may outlive its leader, and it may be gone altogether.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def child(
    argv: Sequence[str],
    *,
    log: Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block lasts; what it says on stderr goes to `log`."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=errors if stderr is None else stderr,
            cwd=ROOT,
            env={**clean_environment(), **(env or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
    """Wait for `condition`, looking every 20 ms.

    Raises:
        BenchError: it did not come true within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a program accepts connections on a loopback port.

    Raises:
        BenchError: it ended instead, or took too long; with the last lines of what it said.
    """

    def accepts() -> bool:
        if process.poll() is not None:
            raise BenchError(f"{described(process)} ended with code {process.returncode}: {last_words(log)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    wait_until(accepts, f"waiting for {described(process)} on port {port}; it said: {last_words(log)}")


def described(process: subprocess.Popen[bytes]) -> str:
    """Return the name of the program that a process runs."""
    argv = process.args
    return Path(str(argv[0])).name if isinstance(argv, list) else str(argv)


def last_words(log: Path, lines: int = 6) -> str:
    """Return the end of a log in one line."""
    if not log.exists():
        return "nothing"
    text = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " | ".join(line.strip() for line in text[-lines:]) or "nothing"


def resident(pid: int) -> int:
    """Return the resident memory of a process and its children, in bytes; 0 once it is gone."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its living children have used."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
    return total
