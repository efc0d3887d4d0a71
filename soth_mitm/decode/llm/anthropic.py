"""Anthropic Messages: content blocks by index, named events, usage at the start and at the end."""

from __future__ import annotations

from typing import Final

from soth_mitm.decode.llm.conversation import Block, Conversation, Kind, Role
from soth_mitm.decode.llm.loose import (
    as_json,
    error_of,
    fields,
    inner,
    items,
    number,
    place,
    text,
)  # fmt: skip

_DELTAS: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_SILENT: Final = frozenset({"signature_delta", "citations_delta"})


def ask(talk: Conversation, value: object) -> None:
    """Take a request."""
    body = fields(value)
    talk.put(model=text(body.get("model")))
    for tool in items(body.get("tools")):
        talk.tool(text(fields(tool).get("name")))
    _content(talk, body.get("system"), Role.SYSTEM)
    for each in items(body.get("messages")):
        message = fields(each)
        role = Role.ASSISTANT if message.get("role") == "assistant" else Role.USER
        _content(talk, message.get("content"), role)


def read(talk: Conversation, label: str, value: object) -> None:
    """Take a response, or an event of one."""
    talk.usage.cached_inside = False
    body = fields(value)
    kind = text(body.get("type")) or label
    if kind == "message":
        _head(talk, body)
        _content(talk, body.get("content"), Role.ASSISTANT)
        talk.ended = True
    elif kind == "message_start":
        _head(talk, fields(body.get("message")))
        talk.usage.output = None  # what it says there is no count yet
    elif kind == "content_block_start":
        _begin(talk, place(body.get("index")), fields(body.get("content_block")))
    elif kind == "content_block_delta":
        _delta(talk, place(body.get("index")), fields(body.get("delta")))
    elif kind == "content_block_stop":
        block = talk.known(place(body.get("index")))
        if block is not None:
            talk.close(block)
    elif kind == "message_delta":
        talk.put(stop=text(inner(body, "delta").get("stop_reason")))
        _usage(talk, fields(body.get("usage")))
    elif kind == "message_stop":
        talk.close_all()
        talk.ended = True
    elif kind == "error":
        talk.put(error=error_of(body.get("error")) or "error")
    elif kind != "ping":
        talk.odd(kind)


def _head(talk: Conversation, message: dict[str, object]) -> None:
    stop = text(message.get("stop_reason"))
    talk.put(model=text(message.get("model")), id=text(message.get("id")), stop=stop)
    _usage(talk, fields(message.get("usage")))


def _usage(talk: Conversation, usage: dict[str, object]) -> None:
    talk.usage.put(
        input=number(usage.get("input_tokens")),
        output=number(usage.get("output_tokens")),
        cached=number(usage.get("cache_read_input_tokens")),
        written=number(usage.get("cache_creation_input_tokens")),
        written_1h=number(inner(usage, "cache_creation").get("ephemeral_1h_input_tokens")),
    )
    talk.put(tier=text(usage.get("service_tier")))
    if usage.get("speed") not in (None, "standard"):
        talk.put(tier=text(usage.get("speed")))


def _content(talk: Conversation, content: object, role: Role) -> None:
    if isinstance(content, str):
        if content:
            talk.whole(role, Kind.TEXT, content)
        return
    for each in items(content):
        part = fields(each)
        kind, said, name, call = _part(part)
        speaker = Role.TOOL if kind is Kind.TOOL_RESULT else role
        talk.whole(speaker, kind, said, name=name, call=call)


def _part(part: dict[str, object]) -> tuple[Kind, str, str, str]:
    """Return the kind, text, name and call of a content block."""
    kind = text(part.get("type"))
    if kind == "text":
        return Kind.TEXT, text(part.get("text")), "", ""
    if kind == "thinking":
        return Kind.THINKING, text(part.get("thinking")), "", ""
    if kind == "redacted_thinking":
        return Kind.THINKING, "", "redacted", ""
    if kind.endswith("tool_use"):
        said = as_json(part.get("input"))
        return Kind.TOOL_USE, said, text(part.get("name")), text(part.get("id"))
    if kind.endswith("tool_result"):
        name = "error" if part.get("is_error") is True else ""
        return Kind.TOOL_RESULT, _result(part.get("content")), name, text(part.get("tool_use_id"))
    return Kind.OTHER, text(inner(part, "source").get("media_type")), kind or "part", ""


def _result(content: object) -> str:
    if isinstance(content, str):
        return content
    parts: list[str] = []
    for each in items(content):
        part = fields(each)
        parts.append(text(part.get("text")) or f"[{text(part.get('type'))[:40] or 'part'}]")
    return "\n".join(parts) or as_json(content)


def _begin(talk: Conversation, index: int, part: dict[str, object]) -> None:
    kind, said, name, call = _part(part)
    role = Role.TOOL if kind is Kind.TOOL_RESULT else Role.ASSISTANT
    block = talk.block(index, role, kind, name=name, call=call)
    if kind is not Kind.TOOL_USE or said != "{}":  # the input of a tool use comes in deltas
        talk.say(block, said)


def _delta(talk: Conversation, index: int, delta: dict[str, object]) -> None:
    kind = text(delta.get("type"))
    field = _DELTAS.get(kind)
    if field is None:
        if kind not in _SILENT:
            talk.odd(kind)
        return
    talk.say(_block(talk, index, kind), text(delta.get(field)))


def _block(talk: Conversation, index: int, kind: str) -> Block:
    """Return the block of a delta, whose start may have been lost."""
    guessed = {"thinking_delta": Kind.THINKING, "input_json_delta": Kind.TOOL_USE}.get(kind, Kind.TEXT)
    return talk.block(index, Role.ASSISTANT, guessed)
