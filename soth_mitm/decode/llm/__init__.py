"""Conversations with language models: one typed form of what the providers' dialects say.

    known = recognise(path, body, media_type, response=True)   # a dialect and why, or None
    reader = Reader(known.dialect, sent_ns=...)
    reader.request(body)                                       # what was asked
    for change in reader.feed(label, data, now_ns=...): ...    # a message of the stream, or the whole body
    reader.conversation.usage, .stop_reason, .blocks

Nothing here does input or output, or knows a clock; nothing raises, whatever the bytes are.
"""

from __future__ import annotations

from soth_mitm.decode.llm.conversation import Block, Change, Conversation, Kind, Role, Usage
from soth_mitm.decode.llm.reader import Reader
from soth_mitm.decode.llm.recognise import Dialect, Known, recognise

__all__ = [
    "Block", "Change", "Conversation", "Dialect", "Kind", "Known", "Reader", "Role", "Usage", "recognise",
]  # fmt: skip
