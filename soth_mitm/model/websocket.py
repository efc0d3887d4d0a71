"""What the codes of a WebSocket say: those of its close frames, and ours of what was wrong with frames."""

from __future__ import annotations

NO_STATUS = 1005
"""Stands for a close frame without a code; never sent (RFC 6455 section 7.4.1)."""
ABNORMAL = 1006
"""Stands for an end without a close frame; never sent."""
_TLS_FAILED = 1015
_DIGITS = 6
"""A code has two bytes, so five digits at most."""

CLOSE_WORDS: dict[int, str] = {
    1000: "",
    1001: "going away",
    1002: "protocol error",
    1003: "data refused",
    NO_STATUS: "no code",
    ABNORMAL: "cut",
    1007: "broken data",
    1008: "against policy",
    1009: "too big",
    1010: "extension missing",
    1011: "server error",
    1012: "restarting",
    1013: "try later",
    1014: "bad gateway",
    _TLS_FAILED: "TLS failed",
}
"""A word or two per registered code (IANA, WebSocket Close Code Number Registry)."""

ERRORS: dict[str, str] = {
    "client_frame_unmasked": "a frame of the client without a mask",
    "server_frame_masked": "a masked frame of the server",
    "reserved_opcode": "a frame with an opcode that means nothing",
    "reserved_bits": "a frame with a reserved bit that no extension uses",
    "fragmented_control_frame": "a control frame in fragments",
    "control_too_long": "a control frame of more than 125 bytes",
    "unexpected_continuation": "a continuation without a message to continue",
    "unfinished_message": "a new message inside one that had not ended",
    "payload_length_overflow": "a frame of 2^63 bytes or more",
    "payload_length_padded": "a length in more bytes than it needs",
    "inflate_failed": "a compressed message that cannot be decompressed",
    "inflate_limit": "messages that expand to far more than was sent",
    "invalid_utf8": "text that is not UTF-8",
    "bad_close_payload": "a close frame of one byte, which is no code",
    "bad_close_code": "a close frame with a code that must not be sent",
    "frame_after_close": "a frame after the close frame",
    "message_cut": "an end inside a message",
}
"""What was wrong, per stable code. From `invalid_utf8` on, what follows can still be read."""

ERROR_WORDS: dict[str, str] = {
    "client_frame_unmasked": "unmasked frame",
    "server_frame_masked": "masked frame",
    "reserved_opcode": "unknown opcode",
    "reserved_bits": "reserved bits",
    "fragmented_control_frame": "fragmented control",
    "control_too_long": "control too long",
    "unexpected_continuation": "stray continuation",
    "unfinished_message": "message unfinished",
    "payload_length_overflow": "length overflow",
    "payload_length_padded": "length padded",
    "inflate_failed": "bad compression",
    "inflate_limit": "compression bomb",
    "invalid_utf8": "text not UTF-8",
    "bad_close_payload": "bad close frame",
    "bad_close_code": "bad close code",
}
"""The same in the few words that a row has room for."""


def may_be_sent(code: int) -> bool:
    """Return whether an endpoint may put this code into a close frame (RFC 6455 section 7.4)."""
    if 3000 <= code <= 4999:
        return True
    return code in CLOSE_WORDS and code not in (NO_STATUS, ABNORMAL, _TLS_FAILED)


def outcome(detail: str) -> str:
    """Return how a WebSocket ended, from the detail of its end: a close code or the code of an error.

    For instance `closed 1000`, `closed 1006: cut`, `text not UTF-8`.
    """
    code = detail.partition(" ")[0]
    if not (code.isascii() and code.isdigit() and len(code) < _DIGITS):
        return ERROR_WORDS.get(code, "")
    words = CLOSE_WORDS.get(int(code), "")
    return f"closed {code}: {words}" if words else f"closed {code}"
