"""Linux: a connection's socket has a number, and the process that holds it has a link with that number."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.net.process.source import ARGUMENTS_BYTES, Facts
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.net.process.ends import Ends

# linux/inet_diag.h, linux/sock_diag.h: one question about one socket, instead of a table of all.
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_ANY_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_BY_FAMILY, _REQUESTED = 20, 1
_SOCK_DIAG = 4
_INODE_AT = 16 + 4 + 48 + 16
_ANSWER_TIME = 0.2
_STAT_BYTES = 4096
_YOUNGEST = 8


class LinuxProcesses:
    """Processes by way of /proc. A process of another user can only be read by root, and is passed over."""

    def __init__(self, root: Path = Path("/proc"), *, diagnose: bool = True) -> None:
        self._root = str(root)
        self._diagnose = diagnose and hasattr(socket, "AF_NETLINK")
        """Whether the kernel answers about single sockets; some sandboxes have no such door."""
        self._answered = False
        """It has answered once: until then, that it knows nothing may mean that it cannot."""

    # --- from the connection to the number of its socket

    def _inodes(self, wanted: Mapping[int, Ends]) -> dict[int, int]:
        """Return the number of each client's socket."""
        found: dict[int, int] = {}
        if self._diagnose:
            try:
                with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as door:
                    door.settimeout(_ANSWER_TIME)
                    for number, ends in wanted.items():
                        inode = _ask(door, ends)
                        self._answered = self._answered or inode > 0
                        if inode:
                            found[number] = inode
            except (OSError, struct.error):
                self._diagnose = self._answered = False
            if self._answered:
                return found
        left = {number: ends for number, ends in wanted.items() if number not in found}
        return found | self._from_tables(left) if left else found

    def _from_tables(self, wanted: Mapping[int, Ends]) -> dict[int, int]:
        keys = {key: number for number, ends in wanted.items() for key in _table_keys(ends)}
        found: dict[int, int] = {}
        for name in ("tcp", "tcp6"):
            for line in _read(f"{self._root}/net/{name}", -1).splitlines():
                fields = line.split(None, 10)
                number = keys.get((fields[1], fields[2])) if len(fields) > 9 else None
                if number is not None and fields[9].isdigit() and int(fields[9]):
                    found[number] = int(fields[9])
        return found

    # --- from there to the process

    def owners(self, wanted: Mapping[int, Ends], likely: Iterable[int]) -> dict[int, int]:
        """Return the process of each connection that was found: see `Source`.

        The youngest are looked at first, then the likely ones: a program that has just been started
        is the one that connects, and the one that ends soon.
        """
        links: dict[str, list[int]] = {}
        for number, inode in self._inodes(wanted).items():
            links.setdefault(f"socket:[{inode}]", []).append(number)
        found: dict[int, int] = {}
        for pid in self._processes(likely):
            if not links:
                break
            for link in self._links(pid):
                if link in links:
                    found.update(dict.fromkeys(links.pop(link), self._process_of(pid)))
                    if not links:
                        break
        return found

    def _processes(self, likely: Iterable[int]) -> Iterator[int]:
        first = list(dict.fromkeys((*self._youngest(), *likely)))
        yield from first
        try:
            names = os.listdir(self._root)
        except OSError:
            return
        # /proc has much besides processes, in any order: an entry that is none ends nothing.
        pids = {int(name) for name in names if name.isascii() and name.isdigit()}
        yield from sorted(pids.difference(first), reverse=True)

    def _youngest(self) -> Iterator[int]:
        """Yield the numbers given out last, without a look at all processes: threads have some of them."""
        last = _read(f"{self._root}/loadavg", _STAT_BYTES).split()[-1:]
        if last and last[0].isdigit():
            yield from range(int(last[0]), max(int(last[0]) - _YOUNGEST, 0), -1)

    def _links(self, pid: int) -> Iterator[str]:
        """Yield what the open files of a process are, the last opened first."""
        folder = f"{self._root}/{pid}/fd"
        try:
            names = os.listdir(folder)
        except OSError:
            return
        for name in reversed(names):
            try:
                yield os.readlink(f"{folder}/{name}")
            except OSError:
                continue

    def _process_of(self, number: int) -> int:
        """Return the process that a number belongs to: of a thread, whose it is."""
        _, found, rest = _read(f"{self._root}/{number}/status", _STAT_BYTES).partition(b"\nTgid:")
        whose = rest.split(None, 1)[0] if found else b""
        return int(whose) if whose.isdigit() else number

    # --- what a process is

    def facts(self, pid: int) -> Facts | None:
        """Return what a process is told by (proc_pid_stat(5)); its name may hold spaces and brackets."""
        head, bracket, rest = _read(f"{self._root}/{pid}/stat", _STAT_BYTES).rpartition(b")")
        fields = rest.split()
        if not bracket or len(fields) < 20 or not fields[1].isdigit():
            return None
        comm = printable(head.partition(b"(")[2], 80)
        return Facts(pid, fields[19].decode("ascii", "replace"), comm, int(fields[1]))

    def command(self, pid: int) -> tuple[bytes, list[bytes]]:
        """Return file and arguments: see `Source`."""
        try:
            path = os.fsencode(os.readlink(f"{self._root}/{pid}/exe"))
        except OSError:
            path = b""
        line = _read(f"{self._root}/{pid}/cmdline", ARGUMENTS_BYTES)
        return path.removesuffix(b" (deleted)"), line.rstrip(b"\0").split(b"\0") if line else []


def _read(path: str, most: int) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return (file.read() if most < 0 else file.read(most)) or b""
    except OSError:
        return b""


def _ask(door: socket.socket, ends: Ends) -> int:
    """Return the number of a client's socket, as the kernel knows it; 0 where it has none.

    Raises:
        OSError, struct.error: it does not answer such questions.
    """
    family = socket.AF_INET6 if ":" in ends.client[0] else socket.AF_INET
    who = struct.pack("!HH", ends.client[1], ends.proxy[1])
    for host, _ in (ends.client, ends.proxy):
        who += socket.inet_pton(family, host).ljust(16, b"\0")
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFF) + who + _ANY_COOKIE
    door.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUESTED, 1, 0) + request)
    answer = door.recv(4096)
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:
        (error,) = struct.unpack_from("=i", answer, _HEADER.size)
        if -error == errno.ENOENT:
            return 0
        raise OSError(-error, "the kernel tells nothing about its sockets")
    (inode,) = struct.unpack_from("=I", answer, _INODE_AT)
    return int(inode)


def _table_keys(ends: Ends) -> Iterator[tuple[bytes, bytes]]:
    """Yield how /proc/net/tcp and tcp6 write a connection: in words of the machine's own order."""
    sides = (ends.client, ends.proxy)
    if ":" in ends.client[0]:
        packed = [socket.inet_pton(socket.AF_INET6, host) for host, _ in sides]
        forms = [packed]
    else:
        packed = [socket.inet_pton(socket.AF_INET, host) for host, _ in sides]
        forms = [packed, [b"\0" * 10 + b"\xff\xff" + each for each in packed]]
    for form in forms:
        texts = [
            "".join(f"{int.from_bytes(raw[at : at + 4], sys.byteorder):08X}" for at in range(0, len(raw), 4))
            for raw in form
        ]
        one, two = (f"{text}:{port:04X}".encode() for text, (_, port) in zip(texts, sides, strict=True))
        yield one, two
