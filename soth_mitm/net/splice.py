"""Move bytes from one socket to another inside the kernel, where the system can (`os.splice`)."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)
_FLAGS = getattr(os, "SPLICE_F_MOVE", 1) | getattr(os, "SPLICE_F_NONBLOCK", 2)


class Pipe:
    """A kernel pipe of up to `size` bytes between two sockets; `filled` is what it holds."""

    __slots__ = ("capacity", "filled", "read_end", "write_end")

    def __init__(self, size: int) -> None:
        self.read_end, self.write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.filled = 0
        try:
            self.capacity = fcntl.fcntl(self.write_end, F_SETPIPE_SZ, size)
        except OSError:  # the user's budget for pipes is used up: the default size will do
            self.capacity = 65_536

    def fill(self, source: socket.socket) -> int | None:
        """Take what waits on `source`: a count, 0 at its end, None when nothing waits or no room is left."""
        try:
            count = os.splice(source.fileno(), self.write_end, self.capacity, flags=_FLAGS)
        except (BlockingIOError, InterruptedError):
            return None
        self.filled += count
        return count

    def drain(self, target: socket.socket) -> int | None:
        """Give what the pipe holds to `target`: a count, or None when it takes nothing now."""
        try:
            count = os.splice(self.read_end, target.fileno(), self.filled, flags=_FLAGS)
        except (BlockingIOError, InterruptedError):
            return None
        self.filled -= count
        return count

    def close(self) -> None:
        """Close both ends; what it held is lost."""
        os.close(self.read_end)
        os.close(self.write_end)
