"""What a peer may make us do: windows, sizes, and floods counted over a time."""

from __future__ import annotations

import msgspec

from soth_mitm.proto.http2.codes import DEFAULT_FRAME_SIZE, DEFAULT_WINDOW


class Bounds(msgspec.Struct, frozen=True):
    """The budgets of one connection; `config.Limits` has their names and defaults for people."""

    max_streams: int = 100
    stream_window: int = 65_536
    stream_window_max: int = 1_048_576
    connection_window: int = 16 * 1024 * 1024
    header_list: int = 65_536
    header_block: int = 131_072
    continuations: int = 32
    resets: int = 1000
    errors: int = 200
    pings: int = 200
    settings: int = 50
    empty_frames: int = 200
    other_frames: int = 1000
    flood_window: float = 10.0

    @property
    def first_window(self) -> int:
        """What the connection's window is raised by at the start."""
        return max(0, self.connection_window - DEFAULT_WINDOW)


WINDOW_UPDATES_FREE = 1000
"""WINDOW_UPDATE frames that a peer may send beyond four for each frame of data that we sent it."""

PIECE = DEFAULT_FRAME_SIZE
"""Most bytes of one stream sent before the next one's turn."""


class Floods:
    """Counts what costs us and is worth nothing, over `window` seconds from its first."""

    __slots__ = ("_base", "_began", "_counts", "_window")

    def __init__(self, window: float) -> None:
        self._window = window
        self._began = float("-inf")
        self._base = 0
        self._counts: dict[str, int] = {}

    def count(self, name: str, now: float, frames: int) -> int:
        """Count one more; return how many there were in the window. `frames` carried data so far."""
        if now - self._began > self._window:
            self._began = now
            self._base = frames
            self._counts.clear()
        total = self._counts.get(name, 0) + 1
        self._counts[name] = total
        return total

    def carried(self, frames: int) -> int:
        """Return how many of the frames that carried data did so in the window."""
        return frames - self._base
