"""What a column keeps of a message in one byte: its direction, what was done to it, and what it is."""

from __future__ import annotations

from typing import Final

REQUEST: Final = 1
"""It came from the client."""
COMPRESSED: Final = 2
PARTED: Final = 4
"""Its payload was told in chunks."""
CUT: Final = 8
"""A limit left payload out."""

LIES: Final = 64
"""Its payload lies in the body as it is."""

ORIGIN_SHIFT: Final = 4
ORIGINS: Final = ("", "changed", "dropped", "injected")
"""By the number that stands above `ORIGIN_SHIFT`."""


def origin_of(flags: int) -> str:
    """Return what a handler or a person did to a message; empty where it passed as it came."""
    return ORIGINS[flags >> ORIGIN_SHIFT & 3]
