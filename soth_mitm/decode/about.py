"""What is known of a payload besides its bytes."""

from __future__ import annotations

from typing import NamedTuple

from soth_mitm.decode.sniff import essence


class About(NamedTuple):
    """Where a payload comes from. It goes to another process, so it holds plain values only."""

    content_type: bytes = b""
    form: str = ""
    """Where it is one message of a flow: what these are framed by, as `model.terms.MessageForm` says it."""
    label: str = ""
    """The label of that message, such as `text` or `binary` of a WebSocket."""
    path: bytes = b""
    """The path of the request."""
    response: bool = False
    """It came from the server."""
    message_encoding: bytes = b""
    """What single messages within it are compressed with: `grpc-encoding` and its kin."""

    @property
    def media_type(self) -> bytes:
        """The media type without parameters, in lower case."""
        return essence(self.content_type)
