"""The words that events and views share: whose side, which way, what kind of flow."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Which peer of the proxy is meant."""

    CLIENT = "client"
    UPSTREAM = "upstream"


class Direction(StrEnum):
    """Which way bytes go."""

    REQUEST = "request"
    RESPONSE = "response"


class FlowKind(StrEnum):
    """What a flow is."""

    HTTP = "http"
    """One request and its response."""
    TUNNEL = "tunnel"
    """Bytes passed on without being decrypted."""
    BYTES = "bytes"
    """Bytes passed on and recorded that are not HTTP."""
    FAILED = "failed"
    """An attempt that never became an exchange."""


class MessageForm(StrEnum):
    """What the messages of a flow are framed by."""

    WEBSOCKET = "ws"
    SSE = "sse"
    GRPC = "grpc"
    AWS = "aws"
    """application/vnd.amazon.eventstream."""
    NDJSON = "ndjson"
    PARTS = "parts"
    """multipart/x-mixed-replace and its kin."""
    JSON = "json"
    """JSON values one after the other, whatever stands between them."""
