"""Where on its way a message is stopped."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a message is stopped. Only the stages of bodies hold a body back."""

    REQUEST = "request"
    """Its head is there; the body streams on behind it."""
    REQUEST_BODY = "request-body"
    RESPONSE = "response"
    RESPONSE_BODY = "response-body"
    MESSAGE_UP = "message-up"
    """A message within a stream, from the client."""
    MESSAGE_DOWN = "message-down"


REQUESTS: Final = frozenset((Stage.REQUEST, Stage.REQUEST_BODY))
RESPONSES: Final = frozenset((Stage.RESPONSE, Stage.RESPONSE_BODY))
MESSAGES: Final = frozenset((Stage.MESSAGE_UP, Stage.MESSAGE_DOWN))
BODIES: Final = frozenset((Stage.REQUEST_BODY, Stage.RESPONSE_BODY))
