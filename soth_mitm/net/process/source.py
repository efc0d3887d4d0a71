"""What an operating system is asked about its processes. All of it blocks, and belongs in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from soth_mitm.net.process.ends import Ends

ARGUMENTS_BYTES = 16_384
"""Most bytes of a command line that are looked at."""


class Facts(NamedTuple):
    """What tells one process from another, in spite of numbers that are used again."""

    pid: int
    start: str
    """When it started, in the system's own unit."""
    comm: str
    """What it calls itself: another one after it has replaced itself by another program."""
    parent: int


class Source(Protocol):
    """A system's processes. What cannot be read is passed over; no method raises for it."""

    def owners(self, wanted: Mapping[int, Ends], likely: Iterable[int]) -> dict[int, int]:
        """Return the process of each of the `wanted` that was found; `likely` ones are looked at first."""
        ...

    def facts(self, pid: int) -> Facts | None:
        """Return what a process is told by; None where it is gone."""
        ...

    def command(self, pid: int) -> tuple[bytes, list[bytes]]:
        """Return the file a process runs and its arguments, the first of them its own name."""
        ...
