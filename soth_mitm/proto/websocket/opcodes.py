"""What frames are called, and the error of one that breaks the rules."""

from __future__ import annotations

from soth_mitm.errors import ProtocolError
from soth_mitm.model.websocket import ERRORS

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

LABELS: dict[int, str] = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}
"""What a message is called, per opcode of its first frame."""

OPCODES: dict[str, int] = {label: opcode for opcode, label in LABELS.items()}


class CodecError(ProtocolError):
    """From here on nothing can be read in this direction; `code` is one of `model.websocket.ERRORS`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail or ERRORS[code])
