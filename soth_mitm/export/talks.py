"""What both sides of a WebSocket say in a conversation with a language model, kept to be printed. Bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.llm.recognise import FIRST, MESSAGES, is_sound, recognise
from soth_mitm.export.collect import ALL_BYTES
from soth_mitm.model.events import MessageChunk, MessageForm, MessageSeen, MessagesStarted

if TYPE_CHECKING:
    from soth_mitm.model.events import Event

KEPT: Final = 256 * 1024
"""Bytes of the texts of one WebSocket that are kept; longer and later ones are counted only."""


AT_ONCE: Final = 4
"""Messages of one WebSocket that arrive in chunks; of more, the ends of the oldest were not recorded."""


class _Talk:
    """The texts of one WebSocket, one behind the other."""

    __slots__ = ("arriving", "known", "looked_at", "said", "size")

    def __init__(self) -> None:
        self.known = False
        self.looked_at = 0
        self.said = bytearray()
        self.size = 0
        """Bytes of all texts, those that are not kept among them."""
        self.arriving: dict[int, bytearray] = {}
        """Messages that are told in chunks, by number."""


class Talks:
    """Collects the texts of open WebSockets, without sound. `apply` takes every event."""

    def __init__(self) -> None:
        self._open: dict[int, _Talk] = {}
        self._kept = 0

    def apply(self, event: Event, path: bytes) -> None:
        """Take an event of a flow whose request has this path."""
        body = event.body
        if isinstance(body, MessageSeen):
            talk = self._open.get(event.flow)
            if talk is not None:
                self._seen(event.flow, talk, body, path)
        elif isinstance(body, MessageChunk):
            talk = self._open.get(event.flow)
            if talk is not None:
                held = talk.arriving.setdefault(body.number, bytearray())
                if len(talk.arriving) > AT_ONCE:
                    del talk.arriving[next(iter(talk.arriving))]
                held += body.data[: max(KEPT - len(held), 0)]
        elif isinstance(body, MessagesStarted) and body.form == MessageForm.WEBSOCKET:
            self._open.setdefault(event.flow, _Talk())

    def take(self, flow: int) -> tuple[bytes, bool]:
        """Return what was said, and whether that is all of it; nothing where it is no conversation."""
        talk = self._open.pop(flow, None)
        if talk is None:
            return b"", True
        self._kept -= len(talk.said)
        return (bytes(talk.said), len(talk.said) == talk.size) if talk.known else (b"", True)

    def _seen(self, flow: int, talk: _Talk, seen: MessageSeen, path: bytes) -> None:
        data = bytes(talk.arriving.pop(seen.number, b"")) or seen.data
        if seen.label != "text" or seen.origin == "dropped" or is_sound(data):
            return
        if not talk.known:
            talk.known = recognise(path, data, MESSAGES, response=True) is not None
            talk.looked_at += 1
            if not talk.known:
                if talk.looked_at >= FIRST:
                    del self._open[flow]
                return
        talk.size += seen.size
        whole = len(data) == seen.size
        if whole and len(talk.said) + seen.size <= KEPT and self._kept + seen.size <= ALL_BYTES:
            talk.said += data
            self._kept += seen.size
