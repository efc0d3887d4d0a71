"""A gRPC server without gRPC's machinery: whatever a stream sends comes back, and the call ends OK.

It speaks just enough HTTP/2 for that: heads are not read (what it answers never depends on them), and its
own are fixed bytes without HPACK's table, so that a call costs it far less than any proxy.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 1 << 30
"""What each side may send before it is granted more: more than a run sends on one stream."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame (RFC 9113 section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def field(name: bytes, value: bytes) -> bytes:
    """Return a field of HPACK that no table keeps (RFC 7541 section 6.2.2); both below 127 bytes."""
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


def message(payload: bytes) -> bytes:
    """Return a message of gRPC, not compressed."""
    return b"\0" + len(payload).to_bytes(4, "big") + payload


GREETING = frame(SETTINGS, 0, 0, struct.pack("!HIHI", 2, 0, 4, WINDOW)) + frame(
    WINDOW_UPDATE, 0, 0, WINDOW.to_bytes(4, "big")
)
"""What a side says first: no push, and windows that a run does not use up. A client says PREFACE before."""

_HEAD = field(b":status", b"200") + field(b"content-type", b"application/grpc")
_TRAILERS = field(b"grpc-status", b"0")


class Frames:
    """What of the bytes of a connection are whole frames."""

    def __init__(self, skip: int = 0) -> None:
        self._held = b""
        self._skip = skip
        self._taken = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield kind, flags, stream and payload of each.

        Raises:
            ValueError: a frame of DATA is padded, which neither side asks for.
        """
        data, at = self._held + data, self._skip
        while len(data) >= at + 9:
            end = at + 9 + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            kind, flags = data[at + 3], data[at + 4]
            if kind == DATA:
                if flags & PADDED:
                    raise ValueError("padding was not expected")
                self._taken += end - at - 9
            yield kind, flags, int.from_bytes(data[at + 5 : at + 9], "big"), data[at + 9 : end]
            at = end
        kept = min(at, len(data))
        self._held, self._skip = data[kept:], at - kept

    def due(self, kind: int, flags: int, payload: bytes) -> bytes:
        """Return what the connection itself owes for a frame: an acknowledgement, or a new window."""
        if kind == SETTINGS and not flags & ACK:
            return frame(SETTINGS, ACK, 0)
        if kind == PING and not flags & ACK:
            return frame(PING, ACK, 0, payload)
        if self._taken < WINDOW // 2:
            return b""
        granted, self._taken = self._taken, 0
        return frame(WINDOW_UPDATE, 0, 0, granted.to_bytes(4, "big"))


class Calls(asyncio.Protocol):
    """A connection of calls."""

    def __init__(self) -> None:
        self._frames = Frames(len(PREFACE))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A transport of uvloop is one in all but name.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        out: list[bytes] = []
        for kind, flags, stream, payload in self._frames.feed(data):
            if kind == HEADERS:
                out.append(frame(HEADERS, END_HEADERS, stream, _HEAD))
            elif kind == DATA and payload:
                out.append(frame(DATA, 0, stream, payload))
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                out.append(frame(HEADERS, END_HEADERS | END_STREAM, stream, _TRAILERS))
            out.append(self._frames.due(kind, flags, payload))
        if answer := b"".join(out):
            self._transport.write(answer)
