"""Events of what a person or a rule does to a message on its way: pause it, change it, answer it."""

from __future__ import annotations

from typing import Literal

from soth_mitm.model.events.base import Body
from soth_mitm.model.terms import Direction

Outcome = Literal[
    "sent_as_it_was",
    "edited",
    "answered",
    "dropped",
    "deadline",
    "client_gone",
    "upstream_gone",
    "killed",
    "released",
]
"""How a pause ended. `deadline`: nobody decided in time, and the original went on. `released`: it went
on, with its edits, because nothing was to be paused any more."""


class Paused(Body, frozen=True):
    """A message is held at a breakpoint; its direction waits."""

    KIND = 0x0320
    number: int
    """Of the pause, from 1 in a run."""
    direction: Direction
    stage: str
    """`request`, `request-body`, `response`, `response-body`, `message-up` or `message-down`."""
    breakpoint: str
    """Its name."""
    seconds: float = 0.0
    """After which the original goes on; 0 for never."""
    message: int = 0
    """Number of the message within its flow; 0 for a request or a response."""


class Resumed(Body, frozen=True):
    """A message that was paused is not any more."""

    KIND = 0x0321
    number: int
    direction: Direction
    how: Outcome
    waited_ns: int
    detail: str = ""


class MessageChanged(Body, frozen=True):
    """A request or a response goes on otherwise than it came."""

    KIND = 0x0322
    direction: Direction
    by: str
    """`person`, `handler`, or `rule NAME`."""
    detail: str = ""
    """What of it, in words."""
    forwarded: bytes = b""
    """The head that goes on; empty where it is as before."""
    target: str = ""
    """`scheme://host:port`, where the request goes elsewhere now."""


class OriginalChunk(Body, frozen=True):
    """Bytes of a body that does not go on as it came: `BodyChunk` has what goes on in its place."""

    KIND = 0x0323
    direction: Direction
    offset: int
    length: int
    data: bytes = b""
    """As in a `BodyChunk`."""


class OriginalMessage(Body, frozen=True):
    """A message within a stream as its sender sent it, where another went on: its `MessageSeen` follows.

    A message that was dropped is told by its `MessageSeen` alone.
    """

    KIND = 0x0324
    direction: Direction
    number: int
    """That of its `MessageSeen`."""
    label: str
    size: int
    """Payload bytes, all pieces together."""
    offset: int = 0
    """Of this piece in the payload; a long message comes in several, of at most 64 KiB each."""
    data: bytes = b""
    """Empty beyond the capture budget."""
    note: str = ""
    """As in a `MessageSeen`."""


class RuleApplied(Body, frozen=True):
    """A rule has acted on the flow. What it changed of a message stands in `MessageChanged` beside it."""

    KIND = 0x0328
    rule: str
    """Its name, or what it does where it has none."""
    action: str
    """Such as `map-remote`; docs/rules.md has them all."""
    detail: str = ""
