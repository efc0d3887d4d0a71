"""Which dialect a body is in, by the end of the path and the shape of what is there; never by the host."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from soth_mitm.text import printable


class Dialect(StrEnum):
    """A way to talk with a model."""

    CHAT = "OpenAI Chat Completions"
    RESPONSES = "OpenAI Responses"
    MESSAGES = "Anthropic Messages"
    GEMINI = "Gemini"
    OLLAMA = "Ollama"
    CONVERSE = "Bedrock Converse"
    INVOKE = "Bedrock InvokeModel"
    REALTIME = "OpenAI Realtime"
    TURNS = "OpenAI Responses over WebSocket"


class Known(NamedTuple):
    """A dialect, and why it is taken for that."""

    dialect: Dialect
    reason: str


class _Sign(NamedTuple):
    dialect: Dialect
    path: re.Pattern[bytes]
    asked: re.Pattern[bytes]
    """What a request has, near its beginning."""
    answered: re.Pattern[bytes]
    """What an answer has, near its beginning, where the path fits."""
    alone: re.Pattern[bytes] | None
    """What an answer has whose path says nothing: gateways have paths of their own."""
    hint: bytes = b""
    """What is in all that `alone` finds, and looked for in no time."""


def _keys(*names: str) -> re.Pattern[bytes]:
    return re.compile(rb'"(?:' + "|".join(names).encode() + rb')"\s*:')


_SIGNS: Final = (
    _Sign(
        Dialect.CHAT,
        re.compile(rb"/chat/completions$"),
        _keys("model", "messages", "tools", "stream"),
        _keys("choices", "error", "object"),
        re.compile(rb'"object"\s*:\s*"chat\.completion(?:\.chunk)?"'),
        b"chat.completion",
    ),
    _Sign(
        Dialect.RESPONSES,
        re.compile(rb"/responses$"),
        _keys("model", "input", "instructions"),
        re.compile(rb'"(?:object|type)"\s*:\s*"response[."]|event: ?response\.|"error"\s*:'),
        re.compile(rb'event: ?response\.(?:created|queued)\r?\n|"object"\s*:\s*"response"'),
        b"response",
    ),
    _Sign(
        Dialect.MESSAGES,
        re.compile(rb"/v1/messages(?:/count_tokens)?$|:(?:streamR|r)awPredict$"),
        _keys("model", "messages", "max_tokens", "anthropic_version"),
        re.compile(rb'"type"\s*:\s*"(?:message|error|message_start)"'),
        re.compile(rb'\{"type"\s*:\s*"message_start"\s*,\s*"message"\s*:'),
        b"message_start",
    ),
    _Sign(
        Dialect.GEMINI,
        re.compile(rb":(?:streamG|g)enerateContent$"),
        _keys("contents", "request", "model", "systemInstruction", "system_instruction", "generationConfig"),
        _keys("candidates", "usageMetadata", "promptFeedback", "response", "error"),
        None,
    ),
    _Sign(
        Dialect.OLLAMA,
        re.compile(rb"/api/(?:chat|generate)$"),
        _keys("model"),
        re.compile(rb'"model"\s*:[^\n]*?"(?:created_at|message|response|done)"\s*:'),
        None,
    ),
    _Sign(
        Dialect.CONVERSE,
        re.compile(rb"/model/.+/converse(?:-stream)?$"),
        _keys("messages", "system", "inferenceConfig", "toolConfig"),
        re.compile(rb':(?:event|exception)-type|"(?:output|stopReason|message|__type)"\s*:'),
        re.compile(rb":event-type\x07\x00\x0cmessageStart"),
        b"messageStart",
    ),
    _Sign(
        Dialect.INVOKE,
        re.compile(rb"/model/.+/invoke(?:-with-response-stream)?$"),
        _keys("messages", "prompt", "inputText", "anthropic_version", "max_tokens"),
        re.compile(
            rb':(?:event|exception)-type|"(?:type|choices|generations?|results|outputs?|message)"\s*:'
        ),
        re.compile(rb":event-type\x07\x00\x05chunk[^{]*\{\"bytes\":"),
        b":event-type",
    ),
)
MESSAGES: Final = b"application/x-websocket-messages"
"""Stands for the media type of what both sides of a WebSocket have said, one message behind the other."""

FIRST: Final = 4
"""Texts of a WebSocket within which a conversation must be recognised."""

_SOUND: Final = re.compile(
    rb'"type"\s*:\s*"(?:input_audio_buffer\.append|response\.(?:output_)?audio\.delta)"'
)
_SOUND_WITHIN: Final = 300
_TURN: Final = re.compile(rb'"type"\s*:\s*"response\.create"')
_SESSION: Final = re.compile(
    rb'"type"\s*:\s*"(?:session\.(?:created|updated?)|conversation\.item\.create|input_audio_buffer\.append)"'
)
_REALTIME: Final = re.compile(rb"[?&](?:model|deployment)=([^&#]+)")
_OF_REALTIME: Final = (b"/realtime", b"/realtime/")
_MODELS: Final = re.compile(rb"/model/([^/]+(?:/[^/]+)?)/(?:converse|invoke)|/models/([^:/]+):[a-zA-Z]+$")
_NOTHING_YET: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:[\r\n]|:[^\r\n]*(?:[\r\n]|$))*")
"""Comments of an event stream, which some send while they wait."""

STREAMS: Final = frozenset((b"text/event-stream", b"application/vnd.amazon.eventstream"))
"""Media types of streams whose messages have names."""

LOOKED_AT: Final = 4096
"""Bytes of the beginning that are looked at."""


def recognise(path: bytes, beginning: bytes, media_type: bytes, *, response: bool) -> Known | None:
    """Return the dialect of a body that begins like this; None where it is in none."""
    data = beginning[:LOOKED_AT]
    if media_type == MESSAGES:
        return _of_messages(path.partition(b"?")[0], data)
    stream = media_type in STREAMS
    if not stream and data.lstrip()[:1] not in (b"{", b"["):
        return None
    path = path.partition(b"?")[0].rstrip(b"/")
    for sign in _SIGNS:
        if sign.path.search(path) is not None:
            if not response:
                return (
                    Known(sign.dialect, _why(sign, "path and request")) if sign.asked.search(data) else None
                )
            if sign.answered.search(data) or (stream and _NOTHING_YET.fullmatch(data)):
                return Known(sign.dialect, _why(sign, "path and answer"))
            return None
    if response:
        for sign in _SIGNS:
            if sign.alone is not None and data.find(sign.hint) >= 0 and sign.alone.search(data):
                return Known(sign.dialect, _why(sign, "answer"))
    return None


def _of_messages(path: bytes, data: bytes) -> Known | None:
    if data[:1] != b"{":
        return None
    if path.endswith(b"/realtime") or _SESSION.search(data):
        dialect = Dialect.REALTIME
    elif _TURN.search(data):
        dialect = Dialect.TURNS
    else:
        return None
    by = "path" if path.endswith(b"/realtime") else "messages"
    return Known(dialect, f"{dialect}, by its {by}")


def is_sound(message: bytes) -> bool:
    """Say whether a message of a WebSocket holds nothing but sound."""
    return _SOUND.search(message, 0, _SOUND_WITHIN) is not None


def model_of(path: bytes) -> str:
    """Return the model that a path names, as those of Bedrock, Gemini and Realtime do; or nothing."""
    place, mark, query = path.partition(b"?")
    match = _MODELS.search(place)
    if match is not None:
        return printable(unquote_to_bytes(match[1] or match[2]), 200)
    match = _REALTIME.search(mark + query.partition(b"#")[0]) if place.endswith(_OF_REALTIME) else None
    return printable(unquote_to_bytes(match[1]), 200) if match is not None else ""


def _why(sign: _Sign, what: str) -> str:
    return f"{sign.dialect}, by its {what}"
