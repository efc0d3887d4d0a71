"""What is known of a gRPC call from its heads and trailers: that it is one, its method, how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from soth_mitm.model.fields import Fields

NAMES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""The status codes by number (grpc/status.h)."""

_CONTENT_TYPE: Final = re.compile(
    rb"application/(?:grpc(?:-web(?:-text)?)?|connect)(?=\Z|[+; \t])", re.IGNORECASE
)
_PATH: Final = re.compile(
    rb"(?:/[^/?#]+)*?/([A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)+)/([A-Za-z_][\w]*)(?=\Z|[?#])"
)
_ANY_PATH: Final = re.compile(rb"(?:/[^/?#]+)*?/([A-Za-z_][\w.]*)/([A-Za-z_][\w]*)(?=\Z|[?#])")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_MOST_MESSAGE: Final = 2048
_TIMEOUT: Final = re.compile(rb"(\d{1,8})([HMSmun])")
_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


class Method(NamedTuple):
    """A remote method, as a path names it."""

    service: str
    """With its package."""
    name: str


class Status(NamedTuple):
    """How a call ended."""

    code: int
    message: str
    """Percent-decoded; may hold hostile characters."""

    @property
    def name(self) -> str:
        """The code's name, or its number where it has none."""
        return NAMES[self.code] if self.code < len(NAMES) else str(self.code)


def family(content_type: bytes) -> str:
    """Return the framing that a type means: `grpc`, `grpc-web`, `grpc-web-text`, `connect`, or ''."""
    match = _CONTENT_TYPE.match(content_type.strip())
    return match[0].partition(b"/")[2].decode("ascii").lower() if match else ""


def method_of(path: bytes, *, sure: bool = False) -> Method | None:
    """Return the method that a path `/package.Service/Method` names; None where it names none.

    Unless it is `sure` that there is one, the service must have a package, so that `/v1/items` is none.
    """
    match = (_ANY_PATH if sure else _PATH).match(path)
    return Method(match[1].decode("ascii"), match[2].decode("ascii")) if match else None


def detection(content_type: bytes, path: bytes) -> str:
    """Return how a request was recognised: `content_type_and_path`, `content_type`, `path`, or ''."""
    typed, named = bool(family(content_type)), method_of(path) is not None
    if typed:
        return "content_type_and_path" if named else "content_type"
    return "path" if named else ""


def timeout_in(fields: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Return the seconds that `grpc-timeout` grants a call; None where there is none, or a broken one."""
    value = next((value for name, value in fields if name.lower() == b"grpc-timeout"), b"")
    match = _TIMEOUT.fullmatch(value.strip())
    return int(match[1]) * _UNITS[match[2]] if match else None


def at_deadline(allowed: float, taken: float) -> bool:
    """Infer whether a call that its client cancelled after `taken` seconds was cancelled by its deadline.

    Nothing on the wire says so: the client's clock began earlier than ours, and its timers are late.
    """
    return allowed - max(0.02, allowed / 20) <= taken <= allowed + max(1.0, allowed / 20)


def status_in(fields: Iterable[tuple[bytes, bytes]]) -> Status | None:
    """Return the status in the fields of trailers, or of a head that has them; None where there is none."""
    code = message = None
    for name, value in fields:
        lower = name.lower()
        if lower == b"grpc-status":
            code = value.strip()
        elif lower == b"grpc-message":
            message = value
    if code is None or not code.isdigit() or len(code) > 9:
        return None
    return Status(int(code), unescape(message or b""))


def status_of(raw: bytes) -> Status | None:
    """Return the status in a head, or a section of trailers, as it was on the wire."""
    return status_in(Fields.parse(raw)) if b"grpc-status" in raw.lower() else None


def unescape(message: bytes) -> str:
    """Undo the percent-encoding of `grpc-message`; what is no escape stays, as the protocol says."""
    plain = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), message[: 3 * _MOST_MESSAGE])
    return plain.decode("utf-8", "replace")[:_MOST_MESSAGE]


def status_of_note(note: str) -> Status | None:
    """Return the status that `web_trailers_note` has written."""
    code, _, message = note.partition(" ")
    return Status(int(code), message) if code.isascii() and code.isdigit() and len(code) < 10 else None


def web_trailers_note(data: bytes) -> str:
    """Return the status in a gRPC-Web frame of trailers as `code message`; '' where there is none."""
    lines = (line.partition(b":") for line in data.split(b"\n"))
    status = status_in((name.strip(), value.strip()) for name, _, value in lines)
    return f"{status.code} {status.message}".rstrip() if status else ""
