"""Where messages are stopped, and who waits: pure, with time as an argument.

`breakpoint` says what a breakpoint is, `chosen` asks all of them about a message at hand, `queue` keeps
who is paused since when and until when. Nothing here knows a socket.
"""

from __future__ import annotations

from soth_mitm.policy.breakpoints.breakpoint import Breakpoint, BreakpointError, Stage, parse
from soth_mitm.policy.breakpoints.chosen import BreakpointSet, BreakpointState
from soth_mitm.policy.breakpoints.queue import Pause, PauseQueue, QueueFullError

__all__ = [
    "Breakpoint",
    "BreakpointError",
    "BreakpointSet",
    "BreakpointState",
    "Pause",
    "PauseQueue",
    "QueueFullError",
    "Stage",
    "parse",
]
