"""Whether a defect ends the message or is let through and flagged."""

from __future__ import annotations

import enum
from typing import NoReturn

from soth_mitm.proto.http1.messages import Http1Error, shown
from soth_mitm.proto.http1.reasons import REASONS


class Tolerance(enum.Enum):
    """How much is forgiven; ambiguous framing never is."""

    STRICT = enum.auto()
    "A request: whatever RFC 9112 says to reject is refused."
    LENIENT = enum.auto()
    "A request to a host set to lenient: everything but ambiguous framing passes."
    RESPONSE = enum.auto()
    "A response: everything but ambiguous framing passes."
    LENIENT_RESPONSE = enum.auto()
    "A response of a lenient host: a foreign status line passes too."


class Judge:
    """Collect what is odd about one message and refuse what must not pass."""

    __slots__ = ("_anomalies", "of_request", "tolerance")

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.of_request = tolerance in (Tolerance.STRICT, Tolerance.LENIENT)
        self._anomalies: dict[str, None] = {}

    @property
    def anomalies(self) -> tuple[str, ...]:
        """The codes of what was let through, each once, in the order found."""
        return tuple(self._anomalies)

    def flag(self, code: str) -> None:
        """Note what is legal but odd."""
        self._anomalies[code] = None

    def defect(self, code: str, what: str, wire: bytes) -> None:
        """Refuse what the RFC says to reject, unless this message is forgiven it."""
        if self.tolerance is Tolerance.STRICT:
            self.refuse(code, what, wire)
        self.flag(code)

    def refuse(self, code: str, what: str, wire: bytes) -> NoReturn:
        """Refuse the message, whatever the tolerance."""
        raise refusal(code, f"{what}: {shown(wire)}", of_request=self.of_request)


def refusal(code: str, detail: str, *, of_request: bool) -> Http1Error:
    """Make the error of a reason code; a bad response is always answered with 502."""
    return Http1Error(code, detail, status=REASONS[code].status if of_request else 502)
