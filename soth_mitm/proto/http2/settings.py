"""SETTINGS: their wire form, and which values are legal (RFC 9113 section 6.5, RFC 8441 section 3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from soth_mitm.proto.http2 import codes
from soth_mitm.proto.http2.codes import ErrorCode

_PAIR = struct.Struct(">HI")

NAMES = {
    codes.HEADER_TABLE_SIZE: "HEADER_TABLE_SIZE",
    codes.ENABLE_PUSH: "ENABLE_PUSH",
    codes.MAX_CONCURRENT_STREAMS: "MAX_CONCURRENT_STREAMS",
    codes.INITIAL_WINDOW_SIZE: "INITIAL_WINDOW_SIZE",
    codes.MAX_FRAME_SIZE: "MAX_FRAME_SIZE",
    codes.MAX_HEADER_LIST_SIZE: "MAX_HEADER_LIST_SIZE",
    codes.ENABLE_CONNECT_PROTOCOL: "ENABLE_CONNECT_PROTOCOL",
}


class IllegalSetting(Exception):
    """A value that the RFC forbids; `code` is the error of the connection."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse(payload: bytes) -> tuple[tuple[int, int], ...]:
    """Return the settings of a frame in order; its length has been checked.

    Raises:
        IllegalSetting: a value is out of its range.
    """
    pairs = tuple(_PAIR.iter_unpack(payload))
    for setting, value in pairs:
        _check(setting, value)
    return pairs


def _check(setting: int, value: int) -> None:
    if setting == codes.INITIAL_WINDOW_SIZE and value > codes.MAX_WINDOW:
        raise IllegalSetting(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE is {value}")
    if setting in (codes.ENABLE_PUSH, codes.ENABLE_CONNECT_PROTOCOL) and value > 1:
        raise IllegalSetting(ErrorCode.PROTOCOL_ERROR, f"{NAMES[setting]} is {value}")
    if setting == codes.MAX_FRAME_SIZE and not codes.DEFAULT_FRAME_SIZE <= value < 1 << 24:
        raise IllegalSetting(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")


def write(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Return a SETTINGS frame."""
    return codes.frame(codes.SETTINGS, 0, 0, b"".join(_PAIR.pack(*pair) for pair in pairs))


def named(pairs: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """Return settings as `NAME=value`; one that has no name is `0x…`."""
    return tuple(f"{NAMES.get(setting, f'0x{setting:x}')}={value}" for setting, value in pairs)
