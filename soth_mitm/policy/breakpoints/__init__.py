"""Where messages are stopped, and who waits: pure, with time as an argument.

`breakpoint` says what a breakpoint is, `given` which ones the settings hold, `knowable` what can be asked
at a stage; `chosen` asks all of them about a message at hand, `queue` keeps who is paused since when and
until when. Nothing here knows a socket.
"""

from __future__ import annotations

from soth_mitm.policy.breakpoints.breakpoint import Breakpoint, BreakpointError, parse
from soth_mitm.policy.breakpoints.chosen import BreakpointSet, BreakpointState
from soth_mitm.policy.breakpoints.given import given
from soth_mitm.policy.breakpoints.queue import Pause, PauseQueue, QueueFullError
from soth_mitm.policy.breakpoints.stage import Stage

__all__ = [
    "Breakpoint",
    "BreakpointError",
    "BreakpointSet",
    "BreakpointState",
    "Pause",
    "PauseQueue",
    "QueueFullError",
    "Stage",
    "given",
    "parse",
]
