"""Turns: who began to talk, and how much both sides said until the first began anew.

A pure fold over the messages of one WebSocket, text and binary ones only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from soth_mitm.model.terms import Direction

IDLE_NS = 750_000_000
"""Silence after which a turn is over."""


class TurnEnd(StrEnum):
    """Why a turn ended."""

    ROLLOVER = "rollover"
    """Who began it spoke again after the other had answered."""
    IDLE = "idle_timeout"
    CLOSE = "close_frame"
    ERROR = "error"
    EOF = "eof"


class Turn(NamedTuple):
    """One turn; `end` is None while it goes on. Times are monotonic nanoseconds."""

    number: int
    initiator: Direction
    """`request`: the client began it."""
    first: int
    """Number of its first message in the flow."""
    last: int
    began_ns: int
    ended_ns: int
    """Time of its last message."""
    client_messages: int = 0
    server_messages: int = 0
    client_bytes: int = 0
    server_bytes: int = 0
    end: TurnEnd | None = None

    @property
    def answered(self) -> bool:
        """Whether the other side has spoken."""
        both = self.client_messages and self.server_messages
        return bool(both)


class Turns:
    """Feed it messages in the order of their times; each call returns the turn that it ended, if one."""

    def __init__(self) -> None:
        self.open: Turn | None = None
        self._count = 0

    def message(self, direction: Direction, number: int, *, size: int, at_ns: int) -> Turn | None:
        """Take a text or binary message; the turn that it ends is over by silence or by rollover."""
        done = self.idle(at_ns)
        turn = self.open
        if turn is not None and turn.answered and direction is turn.initiator:
            done = self._end(TurnEnd.ROLLOVER)
            turn = None
        if turn is None:
            self._count += 1
            turn = Turn(self._count, direction, number, number, at_ns, at_ns)
        client = direction is Direction.REQUEST
        self.open = turn._replace(
            last=number,
            ended_ns=at_ns,
            client_messages=turn.client_messages + client,
            server_messages=turn.server_messages + (not client),
            client_bytes=turn.client_bytes + (size if client else 0),
            server_bytes=turn.server_bytes + (0 if client else size),
        )
        return done

    def idle(self, now_ns: int) -> Turn | None:
        """Take note of the time: a turn ends after `IDLE_NS` of silence."""
        turn = self.open
        if turn is None or now_ns - turn.ended_ns < IDLE_NS:
            return None
        return self._end(TurnEnd.IDLE)

    def finish(self, end: TurnEnd) -> Turn | None:
        """Take note of a close frame, of an error, or of the connection's end."""
        return self._end(end) if self.open is not None else None

    def _end(self, end: TurnEnd) -> Turn | None:
        turn, self.open = self.open, None
        return None if turn is None else turn._replace(end=end)
