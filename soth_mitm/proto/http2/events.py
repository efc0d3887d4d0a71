"""What an engine has read: values for whoever relays streams."""

from __future__ import annotations

import msgspec

from soth_mitm.proto.http2.hpack import Decoded
from soth_mitm.proto.http2.stream import Stream


class Head(msgspec.Struct, frozen=True):
    """The head of a request, or the final one of a response; `block.view` has been judged."""

    stream: Stream
    block: Decoded
    wire: int
    "Bytes of its frames."
    end: bool
    "No body follows."


class Interim(msgspec.Struct, frozen=True):
    """The head of an interim response (1xx)."""

    stream: Stream
    block: Decoded


class Trailers(msgspec.Struct, frozen=True):
    """The fields after a body; the stream's sender is done."""

    stream: Stream
    block: Decoded
    wire: int


class Data(msgspec.Struct, frozen=True):
    """A piece of a body; tell the engine once the `flow` bytes are taken."""

    stream: Stream
    data: bytes
    flow: int
    "What it counts in flow control: padding included, frame header not."
    end: bool


class Reset(msgspec.Struct, frozen=True):
    """The peer ended a stream early."""

    stream: Stream
    code: int


class Refused(msgspec.Struct, frozen=True):
    """A stream broke the rules or a limit, and was reset by us; `reason` is a stable code."""

    number: int
    stream: Stream | None
    "None where it was never opened."
    code: int
    reason: str
    detail: str
    block: Decoded | None = None
    "What the peer wanted to open it with."


class SettingsCame(msgspec.Struct, frozen=True):
    """The peer's settings, which the engine heeds."""

    values: tuple[tuple[int, int], ...]


class GoneAway(msgspec.Struct, frozen=True):
    """The peer takes no streams beyond `last`."""

    last: int
    code: int
    detail: bytes


class Failed(msgspec.Struct, frozen=True):
    """The peer broke the connection's rules or a limit; a GOAWAY is written, and nothing more is read."""

    code: int
    reason: str
    detail: str


Event = Head | Interim | Trailers | Data | Reset | Refused | SettingsCame | GoneAway | Failed
