"""macOS, Windows and the rest: what psutil knows of connections and processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]

from soth_mitm.net.process.source import ARGUMENTS_BYTES, Facts
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.net.process.ends import Ends

_Key = tuple[str, int, str, int]


class PsutilProcesses:
    """Processes as psutil lists them. Where one table of all connections needs more rights than we
    have (macOS), each process is asked for its own, and those of other users are passed over.
    """

    def __init__(self) -> None:
        self._whole = True

    def owners(self, wanted: Mapping[int, Ends], likely: Iterable[int]) -> dict[int, int]:
        """Return the process of each connection that was found: see `Source`."""
        keys: dict[_Key, int] = {(*ends.client, *ends.proxy): number for number, ends in wanted.items()}
        found: dict[int, int] = {}
        for key, pid in self._connections(likely):
            number = keys.pop(key, None)
            if number is not None:
                found[number] = pid
            if not keys:
                break
        return found

    def _connections(self, likely: Iterable[int]) -> Iterator[tuple[_Key, int]]:
        if self._whole:
            try:
                for conn in psutil.net_connections("tcp"):
                    if conn.pid and conn.raddr:
                        yield _key(conn), conn.pid
                return
            except psutil.Error:
                self._whole = False
        first = list(likely)
        for pid in (*first, *sorted(set(psutil.pids()).difference(first), reverse=True)):
            try:
                conns = psutil.Process(pid).net_connections("tcp")
            except (psutil.Error, OSError):
                continue
            for conn in conns:
                if conn.raddr:
                    yield _key(conn), pid

    def facts(self, pid: int) -> Facts | None:
        """Return what a process is told by: see `Source`."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                return Facts(
                    pid, f"{process.create_time():.3f}", printable(process.name(), 80), process.ppid() or 0
                )
        except (psutil.Error, OSError):
            return None

    def command(self, pid: int) -> tuple[bytes, list[bytes]]:
        """Return file and arguments: see `Source`."""
        path, arguments = b"", list[bytes]()
        try:
            process = psutil.Process(pid)
            path = os.fsencode(process.exe() or "")
            arguments = [os.fsencode(each) for each in process.cmdline()]
        except (psutil.Error, OSError):
            pass  # another user's: its name is all that can be known
        while sum(map(len, arguments)) > ARGUMENTS_BYTES:
            arguments.pop()
        return path, arguments


def _key(conn: Any) -> _Key:  # noqa: ANN401 - psutil has no types
    local, remote = conn.laddr, conn.raddr
    return _plain(local.ip), local.port, _plain(remote.ip), remote.port


def _plain(host: str) -> str:
    host = host.partition("%")[0]
    return host.removeprefix("::ffff:") if "." in host else host
