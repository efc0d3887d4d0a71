"""Run soth-mitm with a heartbeat on its loop: `python -m bench.pulse FILE tui ...`.

The heartbeat is a timer of 1 ms. How late it came each time is written to FILE when the command ends:
pairs of doubles, the moment on the clock of `time.perf_counter` and the lateness in milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soth_mitm.cli import main, tui
from soth_mitm.core import run

if TYPE_CHECKING:
    from collections.abc import Coroutine

BEAT = 0.001
MOST_BEATS = 1_000_000
"""What is kept: a quarter of an hour, 16 MB."""


class Pulse:
    """A timer that notes how late it is."""

    def __init__(self) -> None:
        self.beats = array("d")
        self._due = 0.0

    def beat(self) -> None:
        """Note how late this beat is, and wait for the next one."""
        now = time.perf_counter()
        if self._due and len(self.beats) < 2 * MOST_BEATS:
            self.beats.extend((now, max(now - self._due, 0.0) * 1e3))
        self._due = now + BEAT
        asyncio.get_running_loop().call_later(BEAT, self.beat)


def read(path: Path, begin: float, end: float) -> list[float]:
    """Return the milliseconds by which the beats between two moments were late."""
    beats = array("d", path.read_bytes())
    return [late for moment, late in zip(beats[::2], beats[1::2], strict=True) if begin <= moment <= end]


def _main() -> int:
    path = Path(sys.argv.pop(1))
    pulse = Pulse()

    async def beating(command: Coroutine[Any, Any, int]) -> int:
        pulse.beat()
        return await command

    def run_beating(command: Coroutine[Any, Any, int]) -> int:
        return run(beating(command))

    # The product has no place for this, and shall have none.
    tui.run = run_beating  # type: ignore[assignment,attr-defined]
    try:
        return main.main()
    finally:
        whole = path.with_suffix(".part")
        whole.write_bytes(pulse.beats.tobytes())
        whole.replace(path)


if __name__ == "__main__":
    sys.exit(_main())
