"""What the messages of each form are called."""

from __future__ import annotations

from typing import Final

from soth_mitm.model.events import MessageForm

NAMES: Final = {
    MessageForm.WEBSOCKET: ("WebSocket", "message"),
    MessageForm.SSE: ("Event stream", "event"),
    MessageForm.GRPC: ("gRPC", "message"),
    MessageForm.AWS: ("AWS event stream", "event"),
    MessageForm.NDJSON: ("JSON lines", "line"),
    MessageForm.PARTS: ("Parts", "part"),
    MessageForm.JSON: ("JSON values", "value"),
}
"""Of the flow, and of one of its messages."""


def form_name(form: str) -> str:
    """Return what a flow with messages of a form is called."""
    return NAMES[MessageForm(form)][0] if form in NAMES else "Messages"


def counted(form: str, count: int) -> str:
    """Return a number of messages in words: `42 events`, `1 line`."""
    thing = NAMES[MessageForm(form)][1] if form in NAMES else "message"
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
