"""Who is paused, since when, and until when. Time is an argument, in nanoseconds of a monotonic clock."""

from __future__ import annotations

from typing import Final

import msgspec

from soth_mitm.errors import SothError
from soth_mitm.policy.breakpoints.stage import Stage

SECOND: Final = 1_000_000_000


class QueueFullError(SothError):
    """So many messages are paused that another one cannot be; it goes on."""

    def __init__(self, limit: str, used: int, text: str) -> None:
        super().__init__(f"{text} (limits.{limit})")
        self.limit, self.used = limit, used


class Pause(msgspec.Struct):
    """One message that is held at a breakpoint."""

    number: int
    flow: int
    stage: Stage
    breakpoint: str
    """Name of what stopped it."""
    since_ns: int
    deadline_ns: int | None
    """When the original goes on; None while its editor is open, and where there is no deadline."""
    size: int = 0
    """Body bytes that are held for it."""
    left_ns: int | None = None
    """How long it had when its editor was opened; None while none is."""

    @property
    def editing(self) -> bool:
        """Whether somebody edits it, which suspends the deadline."""
        return self.left_ns is not None


class PauseQueue:
    """The paused messages of a run, oldest first, within two budgets: their number, and bytes held."""

    def __init__(self, *, most: int, most_bytes: int, seconds: float) -> None:
        self.limit(most, most_bytes, seconds=seconds)
        self._pauses: dict[int, Pause] = {}
        self._count = 0
        self.held = 0
        """Bytes held."""
        self.revision = 0

    def limit(self, most: int, most_bytes: int, *, seconds: float) -> None:
        """Set the budgets, and how long a message is paused; what is paused already stays so."""
        self.most, self.most_bytes, self.seconds = most, most_bytes, seconds

    def __len__(self) -> int:
        return len(self._pauses)

    def add(self, flow: int, stage: Stage, name: str, *, now: int, size: int = 0) -> Pause:
        """Begin a pause.

        Raises:
            QueueFullError: there are as many as may be, or their bodies are too large together.
        """
        if len(self._pauses) >= self.most:
            used = len(self._pauses)
            raise QueueFullError("paused_messages", used, f"{used} messages are paused already")
        if self.held + size > self.most_bytes:
            text = f"{self.held:,} bytes are held for paused messages, and it has {size:,} more"
            raise QueueFullError("paused_bytes", self.held, text)
        self._count += 1
        deadline = now + int(self.seconds * SECOND) if self.seconds > 0 else None
        pause = Pause(self._count, flow, stage, name, now, deadline, size)
        self._pauses[pause.number] = pause
        self.held += size
        self.revision += 1
        return pause

    def end(self, number: int) -> Pause | None:
        """Take a pause out; None where it has ended already."""
        pause = self._pauses.pop(number, None)
        if pause is not None:
            self.held -= pause.size
            self.revision += 1
        return pause

    def edit(self, number: int, on: bool, *, now: int) -> None:
        """Suspend the deadline while an editor is open; afterwards there is as much time as before."""
        pause = self._pauses.get(number)
        if pause is None or on == pause.editing:
            return
        self.revision += 1
        if on:
            pause.left_ns = -1 if pause.deadline_ns is None else max(pause.deadline_ns - now, 0)
            pause.deadline_ns = None
        else:
            left, pause.left_ns = pause.left_ns, None
            # Whoever closes an editor gets the time to decide what to do with what was edited.
            pause.deadline_ns = None if left is None or left < 0 else now + max(left, 10 * SECOND)

    def more(self, number: int, seconds: float, *, now: int) -> None:
        """Give a pause more time."""
        pause = self._pauses.get(number)
        if pause is None:
            return
        self.revision += 1
        extra = int(seconds * SECOND)
        if pause.left_ns is not None and pause.left_ns >= 0:
            pause.left_ns += extra
        elif pause.deadline_ns is not None:
            pause.deadline_ns = max(pause.deadline_ns, now) + extra

    def due(self, now: int) -> tuple[Pause, ...]:
        """Return those whose time is over."""
        return tuple(p for p in self._pauses.values() if p.deadline_ns is not None and p.deadline_ns <= now)

    @property
    def next_due(self) -> int | None:
        """When the next one's time is over; None where none has a deadline."""
        return min((p.deadline_ns for p in self._pauses.values() if p.deadline_ns is not None), default=None)
