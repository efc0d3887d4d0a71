"""What the splitters of message streams have in common: the values they yield, and how payload is kept.

A splitter is fed with a body in pieces of any size and yields the messages in it. Positions count
from the body's first byte. However the body is cut, the same items come out. What a splitter keeps is
at most `HELD` bytes of payload and as many of a line or head; a message may be longer by any amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec

from soth_mitm.errors import ProtocolError

HELD: Final = 64 * 1024
"""Most payload bytes that are kept; more is yielded in parts of exactly this size."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """Payload of the message that is arriving; its last bytes are in its `Found`."""

    data: bytes


class Found(msgspec.Struct, frozen=True, gc=False):
    """A whole message."""

    label: str
    size: int
    """Payload bytes, those of its parts included."""
    data: bytes = b""
    """The payload, or what is left of it behind the parts; empty where it only lies in the body."""
    offset: int = -1
    """Where the payload lies in the body in one piece; -1 where it does not."""
    start: int = 0
    """Where the message begins in the body, framing included."""
    end: int = 0
    """One behind its last byte."""
    wire: int = 0
    """Bytes of the message with its framing."""
    note: str = ""
    compressed: bool = False
    in_parts: bool = False
    """Parts of this message came before."""
    damaged: bool = False
    """It is none, or not what was sent: passed over, and `note` says why."""


Item = Part | Found


class SplitError(ProtocolError):
    """The body is not what it was taken for, or no longer; nothing more can be told of it."""


class Splitter(Protocol):
    """What finds the messages of a body."""

    @property
    def begun(self) -> int:
        """Where the message begins that has not ended yet; the end of what was fed, where none has begun."""
        ...

    @property
    def over(self) -> bool:
        """Whether it is certain that nothing more will be found."""
        ...

    def feed(self, data: bytes) -> Iterator[Item]:
        """Yield what the next bytes complete; take all of it before the next call.

        Raises:
            SplitError: they break the framing.
        """
        ...

    def pause(self) -> Iterator[Item]:
        """Yield what becomes certain when the sender has paused here."""
        ...

    def finish(self) -> Iterator[Item]:
        """Yield what the end of the body completes.

        Raises:
            SplitError: the body ends inside a message.
        """
        ...


class Payload:
    """The payload of the message that is arriving: its size, its place, and its bytes where they count.

    With `keep` false only size and place are kept, for payload that always lies in one piece.
    """

    __slots__ = ("_held", "_held_size", "_keep", "in_parts", "offset", "size")

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._held: list[bytes] = []
        self._held_size = 0
        self.size = 0
        self.offset = -1
        """Where it lies; -1 where it has no first byte yet, or lies in several pieces."""
        self.in_parts = False

    def add(self, data: bytes, offset: int) -> Sequence[Part]:
        """Take the next bytes, which lie at `offset` (-1: nowhere); return the parts that are full."""
        if not self.size:
            self.offset = offset
        elif self.offset >= 0 and offset != self.offset + self.size:
            self.offset = -1
        self.size += len(data)
        if not self._keep:
            return ()
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size <= HELD:
            return ()
        held = b"".join(self._held)
        full = (len(held) - 1) // HELD * HELD
        self._held = [held[full:]]
        self._held_size = len(held) - full
        self.in_parts = True
        return [Part(held[start : start + HELD]) for start in range(0, full, HELD)]

    def begin(self, offset: int) -> None:
        """Say where the payload begins, of which there may be none."""
        self.offset = offset

    def take(self) -> bytes:
        """Return what no part has had."""
        return self._held[0] if len(self._held) == 1 else b"".join(self._held)

    def clear(self) -> None:
        """Begin the next message."""
        self._held.clear()
        self._held_size = self.size = 0
        self.offset = -1
        self.in_parts = False
