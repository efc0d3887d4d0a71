"""A pseudo-terminal whose output is read and forgotten, for programs that draw a screen."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import threading
from typing import TYPE_CHECKING

from bench.lane import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS, LINES = 120, 40


class Screen:
    """The far end of a pseudo-terminal of 120x40."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.drawn = 0
        """Bytes that were drawn so far."""
        self._thread = threading.Thread(target=self._read, name="screen", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        # When the last program has left the terminal, Linux reports an error and macOS an end.
        with contextlib.suppress(OSError):
            while data := os.read(self._fd, 65_536):
                self.drawn += len(data)

    def close(self) -> None:
        """Stop reading; every program must have left the terminal."""
        self._thread.join(2)
        os.close(self._fd)


@contextlib.contextmanager
def opened() -> Iterator[tuple[int, Screen]]:
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
    screen = Screen(far)
    try:
        yield near, screen
    finally:
        with contextlib.suppress(OSError):
            os.close(near)
        screen.close()
