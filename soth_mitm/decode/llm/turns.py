"""Turns of one conversation: what a request says before the model speaks, and what it shares with another.

Providers cache the beginning of a prompt: tools, then the system's text, then the messages. Two turns are
compared as that prompt, in which marks for caching do not count, nor whether text stands alone or in a list.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from soth_mitm.decode.llm.conversation import Conversation, Kind
from soth_mitm.decode.llm.framing import Objects
from soth_mitm.decode.llm.loose import as_json, fields, inner, items, text, value_of
from soth_mitm.decode.llm.reader import Reader
from soth_mitm.decode.llm.recognise import STREAMS, recognise
from soth_mitm.proto.splitting import Found, SplitError
from soth_mitm.proto.streams import splitter_of, stream_of

MOST_MESSAGES: Final = 20_000
"""Messages of a turn that are compared; later ones are left out."""

DEEPEST: Final = 60
"""Levels of a message in which marks are looked for."""

_TOOLS: Final = ("tools", "toolConfig", "functions")
_SYSTEM: Final = ("system", "instructions", "systemInstruction", "system_instruction")
_MESSAGES: Final = ("messages", "input", "contents")
_MARKS: Final = frozenset({"cache_control", "cachePoint"})
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})


class Part(NamedTuple):
    """A piece of the prompt, as JSON."""

    where: str
    """Such as `tools[2] · weather`, `system`, `messages[4] · user`."""
    data: bytes
    said: bool = False
    """It is a message that the system does not speak."""


class Turn(NamedTuple):
    """A request in order of its prompt."""

    parts: tuple[Part, ...]
    settings: bytes
    """All else of the request, as JSON."""
    blocks: Conversation
    """The same, block by block."""


class Joined(NamedTuple):
    """A call of a tool, and its result in a later request."""

    name: str
    call: str
    arguments: str
    result: str | None
    """None where there is none."""
    failed: bool


def turn_of(path: bytes, data: bytes) -> Turn | None:
    """Return the turn that a request is; None where it is none in a dialect that is known."""
    known = recognise(path, data, b"application/json", response=False)
    value = value_of(data) if known is not None else None
    if known is None or not isinstance(value, dict):
        return None
    body = {**value, **fields(value.get("request"))} if "contents" in fields(value.get("request")) else value
    for key in ("request", "previous_response_id", "conversation"):
        body.pop(key, None)
    parts: list[Part] = []
    for key in _TOOLS:
        tools = body.pop(key, None)
        for number, tool in enumerate(items(tools) or items(fields(tools).get("tools"))):
            name = _tool_name(fields(tool))
            parts.append(Part(f"{key}[{number}]{f' · {name}' if name else ''}", _encoded(tool)))
    parts += [Part(key, _encoded({"content": body.pop(key)})) for key in _SYSTEM if key in body]
    for key in _MESSAGES:
        said = body.pop(key, None)
        messages = [{"role": "user", "content": said}] if isinstance(said, str) else items(said)
        for number, message in enumerate(messages[:MOST_MESSAGES]):
            role = text(fields(message).get("role")) or text(fields(message).get("type"))
            where = f"{key}[{number}]{f' · {role[:40]}' if role else ''}"
            parts.append(Part(where, _encoded(message), role not in _SYSTEM_ROLES))
    reader = Reader(known.dialect, path=path)
    reader.request(data)
    return Turn(tuple(parts), _encoded(body), reader.conversation)


def answer_of(path: bytes, data: bytes, content_type: bytes) -> Conversation | None:
    """Return what a body answers, codings undone; None where it is no answer in a dialect that is known."""
    media_type = content_type.partition(b";")[0].strip().lower()
    known = recognise(path, data, media_type, response=True)
    if known is None:
        return None
    reader = Reader(known.dialect, path=path)
    stream = stream_of(content_type, path=b"", streamed=False) if media_type in STREAMS else None
    if stream is None:
        for value in Objects().feed(data):
            reader.feed("", value)
        return reader.conversation
    kept: list[bytes] = []
    try:
        for item in splitter_of(stream, content_type, keep=True).feed(data):
            kept.append(item.data)
            if isinstance(item, Found):
                if not item.damaged:
                    reader.feed("" if item.label == "message" else item.label, b"".join(kept))
                kept.clear()
    except SplitError as error:
        reader.conversation.put(error=error.detail)
    return reader.conversation


def fingerprint(path: bytes, data: bytes) -> tuple[bytes, ...]:
    """Return eight bytes for each message that the system does not speak; nothing for what is no turn."""
    turn = turn_of(path, data)
    parts = turn.parts if turn is not None else ()
    return tuple(hashlib.blake2b(part.data, digest_size=8).digest() for part in parts if part.said)


def common(left: tuple[bytes, ...], right: tuple[bytes, ...]) -> int:
    """Return how many messages two turns share from the first on."""
    pairs = zip(left, right, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))


def join_calls(answer: Conversation, request: Conversation) -> list[Joined]:
    """Return the calls of an answer, each with its result in a later request, by id or else by name."""
    results = [block for block in request.blocks if block.kind is Kind.TOOL_RESULT]
    joined: list[Joined] = []
    for block in answer.blocks:
        if block.kind is not Kind.TOOL_USE:
            continue
        found = next((each for each in results if each.call == block.call), None) if block.call else None
        if found is None and not block.call:
            found = next((each for each in results if each.name == block.name), None)
        if found is not None:
            results.remove(found)
        said = found.text if found is not None else None
        failed = found is not None and found.name == "error"
        joined.append(Joined(block.name, block.call, block.text, said, failed))
    return joined


def _tool_name(tool: dict[str, object]) -> str:
    names = (tool.get("name"), inner(tool, "function").get("name"), inner(tool, "toolSpec").get("name"))
    return next((text(name)[:80] for name in names if text(name)), text(tool.get("type"))[:80])


def _encoded(value: object) -> bytes:
    return as_json(_settled(value, 0)).encode("utf-8", "surrogatepass")


def _settled(value: object, depth: int) -> object:
    if depth > DEEPEST:
        return value
    if isinstance(value, dict):
        settled = {key: _settled(each, depth + 1) for key, each in value.items() if key not in _MARKS}
        if isinstance(settled.get("content"), str) and value.keys() <= {"role", "content", *_MARKS}:
            settled["content"] = [{"type": "text", "text": settled["content"]}]
        return settled
    if isinstance(value, list):
        kept = [each for each in value if not (isinstance(each, dict) and each.keys() == {"cachePoint"})]
        return [_settled(each, depth + 1) for each in kept]
    return value
