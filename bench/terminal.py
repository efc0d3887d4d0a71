"""A pseudo-terminal for programs that draw a screen: it takes keys, and tells what was drawn when."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import threading
import time
from bisect import bisect_left
from typing import TYPE_CHECKING

from bench.emulator import Emulator
from bench.lane import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS, LINES = 120, 40


KEPT_BYTES = 256 * 1024 * 1024
"""What a screen keeps of its output at most."""


class Screen:
    """The far end of a pseudo-terminal of 120x40; with `keep`, it can tell later what was shown when."""

    def __init__(self, fd: int, *, keep: bool = False) -> None:
        self._fd = fd
        self._keep = keep
        self.drawn = 0
        """Bytes that were drawn so far."""
        self._pieces: list[tuple[float, bytes]] = []
        self._shown = 0
        self._emulator = Emulator(COLUMNS, LINES)
        self._thread = threading.Thread(target=self._read, name="screen", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        # When the last program has left the terminal, Linux reports an error and macOS an end.
        with contextlib.suppress(OSError):
            while data := os.read(self._fd, 65_536):
                now = time.perf_counter()
                self.drawn += len(data)
                if self._keep and self.drawn < KEPT_BYTES:
                    self._pieces.append((now, data))

    def press(self, keys: str) -> float:
        """Send keys; return the moment just before."""
        now = time.perf_counter()
        os.write(self._fd, keys.encode())
        return now

    def shown(self) -> Emulator:
        """Return the screen as it is now."""
        return self.at(time.perf_counter())

    def at(self, moment: float) -> Emulator:
        """Return the screen as it was at a moment, which must not be earlier than one asked for before."""
        stop = bisect_left(self._pieces, moment, key=lambda piece: piece[0])
        for _, data in self._pieces[self._shown : stop]:
            self._emulator.feed(data)
        self._shown = max(self._shown, stop)
        return self._emulator

    def first(self, since: float, until: float, condition: Callable[[Emulator], bool]) -> float | None:
        """Return the first moment between two at which a screen had come that fits; None where none did."""
        self.at(since)
        while self._shown < len(self._pieces) and self._pieces[self._shown][0] < until:
            moment, data = self._pieces[self._shown]
            self._emulator.feed(data)
            self._shown += 1
            if condition(self._emulator):
                return moment
        return None

    def close(self) -> None:
        """Stop reading; every program must have left the terminal."""
        self._thread.join(2)
        os.close(self._fd)


@contextlib.contextmanager
def opened(*, keep: bool = False) -> Iterator[tuple[int, Screen]]:
    """Open a pseudo-terminal; yield the descriptor for a program, and the screen.

    Raises:
        Unavailable: this system has none.
    """
    if sys.platform == "win32":
        raise Unavailable("there is no pseudo-terminal on Windows")
    import fcntl
    import termios

    far, near = os.openpty()
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    screen = Screen(far, keep=keep)
    try:
        yield near, screen
    finally:
        with contextlib.suppress(OSError):
            os.close(near)
        screen.close()
