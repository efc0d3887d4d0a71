"""Protocol Buffers, written by hand for the tests."""

from __future__ import annotations

import struct


def varint(value: int) -> bytes:
    """Return a number of 64 bits as a varint."""
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    """Return a varint field."""
    return varint(field << 3) + varint(value)


def length(field: int, data: bytes | str) -> bytes:
    """Return a field of bytes, a string, or a message."""
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def fixed64(field: int, value: float | int) -> bytes:
    """Return a field of eight bytes."""
    return varint(field << 3 | 1) + struct.pack("<d" if isinstance(value, float) else "<Q", value)


def fixed32(field: int, value: float | int) -> bytes:
    """Return a field of four bytes."""
    return varint(field << 3 | 5) + struct.pack("<f" if isinstance(value, float) else "<I", value)


def group(field: int, inside: bytes) -> bytes:
    """Return a group."""
    return varint(field << 3 | 3) + inside + varint(field << 3 | 4)


def frame(message: bytes, flags: int = 0) -> bytes:
    """Return a message as gRPC frames it."""
    return struct.pack(">BI", flags, len(message)) + message
