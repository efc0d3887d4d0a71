"""Bedrock: the events of Converse, whose names stand beside them, and models' own words wrapped in base64."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from soth_mitm.decode.llm import anthropic, openai_chat
from soth_mitm.decode.llm.conversation import Conversation, Kind, Role
from soth_mitm.decode.llm.loose import (
    as_json,
    error_of,
    fields,
    inner,
    items,
    number,
    place,
    text,
    value_of,
)  # fmt: skip

_EVENTS: Final = (
    "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
)  # fmt: skip


def ask(talk: Conversation, value: object) -> None:
    """Take a request of Converse."""
    body = fields(value)
    for each in items(inner(body, "toolConfig").get("tools")):
        talk.tool(text(inner(each, "toolSpec").get("name")) or "without a name")
    for each in items(body.get("system")):
        _part(talk, fields(each), Role.SYSTEM)
    for each in items(body.get("messages")):
        message = fields(each)
        _message(talk, message, Role.ASSISTANT if message.get("role") == "assistant" else Role.USER)


def read(talk: Conversation, label: str, value: object) -> None:
    """Take a response of Converse, or an event of one."""
    talk.usage.cached_inside = False
    body = fields(value)
    label = label or next((name for name in _EVENTS if name in body), "")
    if label in _EVENTS:
        # InvokeModel has the event under its name; on its own the name is the message's label.
        _event(talk, label, fields(body.get(label)) or body)
    elif isinstance(body.get("output"), dict):
        _message(talk, inner(body, "output", "message"), Role.ASSISTANT)
        talk.put(stop=text(body.get("stopReason")))
        _usage(talk, inner(body, "usage"))
        talk.ended = True
    elif not _failed(talk, label, body):
        talk.odd(label)


def ask_model(talk: Conversation, value: object) -> None:
    """Take a request of InvokeModel, in the words of the model."""
    body = fields(value)
    if "anthropic_version" in body:
        anthropic.ask(talk, value)
    elif any(isinstance(fields(each).get("content"), list) for each in items(body.get("messages"))):
        ask(talk, value)
    elif "messages" in body:
        openai_chat.ask(talk, value)
    else:
        talk.whole(Role.USER, Kind.TEXT, text(body.get("prompt")) or text(body.get("inputText")))


def read_model(talk: Conversation, label: str, value: object) -> None:
    """Take a response of InvokeModel, or a chunk of one."""
    body = fields(value)
    wrapped = body.get("bytes")
    if isinstance(wrapped, str):
        try:
            value = value_of(base64.b64decode(wrapped, validate=True))
        except (binascii.Error, ValueError):
            talk.odd("a chunk that is not base64")
            return
        body = fields(value)
        label = ""
    kind = text(body.get("type"))
    if kind:
        anthropic.read(talk, kind, value)
    elif "choices" in body:
        openai_chat.read(talk, label, value)
    elif label in _EVENTS or isinstance(body.get("output"), dict) or body.keys() & {*_EVENTS}:
        read(talk, label, value)
    elif not _plain(talk, body) and not _failed(talk, label, body):
        talk.odd(label)


def _event(talk: Conversation, name: str, body: dict[str, object]) -> None:
    index = place(body.get("contentBlockIndex"))
    if name == "contentBlockStart":
        tool = inner(body, "start", "toolUse")
        if tool:
            call, said = text(tool.get("toolUseId")), text(tool.get("name"))
            talk.block(index, Role.ASSISTANT, Kind.TOOL_USE, name=said, call=call)
    elif name == "contentBlockDelta":
        _delta(talk, index, inner(body, "delta"))
    elif name == "contentBlockStop":
        block = talk.known(index)
        if block is not None:
            talk.close(block)
    elif name == "messageStop":
        talk.put(stop=text(body.get("stopReason")))
        talk.close_all()
        talk.ended = True
    elif name == "metadata":
        _usage(talk, inner(body, "usage"))


def _delta(talk: Conversation, index: int, delta: dict[str, object]) -> None:
    thought, tool = inner(delta, "reasoningContent"), inner(delta, "toolUse")
    if thought:
        talk.say(talk.block(index, Role.ASSISTANT, Kind.THINKING), text(thought.get("text")))
    elif tool:
        talk.say(talk.block(index, Role.ASSISTANT, Kind.TOOL_USE), text(tool.get("input")))
    elif "text" in delta:
        talk.say(talk.block(index, Role.ASSISTANT, Kind.TEXT), text(delta["text"]))
    elif "citation" not in delta:
        talk.odd(next(iter(delta), "delta"))


def _usage(talk: Conversation, usage: dict[str, object]) -> None:
    talk.usage.put(
        input=number(usage.get("inputTokens")),
        output=number(usage.get("outputTokens")),
        cached=number(usage.get("cacheReadInputTokens")),
        written=number(usage.get("cacheWriteInputTokens")),
    )


def _message(talk: Conversation, message: dict[str, object], role: Role) -> None:
    for each in items(message.get("content")):
        _part(talk, fields(each), role)


def _part(talk: Conversation, part: dict[str, object], role: Role) -> None:
    tool, result = inner(part, "toolUse"), inner(part, "toolResult")
    thought = inner(part, "reasoningContent")
    if "text" in part:
        talk.whole(role, Kind.TEXT, text(part["text"]))
    elif tool:
        call = text(tool.get("toolUseId"))
        talk.whole(role, Kind.TOOL_USE, as_json(tool.get("input")), name=text(tool.get("name")), call=call)
    elif result:
        said = "\n".join(_result(fields(each)) for each in items(result.get("content")))
        name = "error" if result.get("status") == "error" else ""
        talk.whole(Role.TOOL, Kind.TOOL_RESULT, said, name=name, call=text(result.get("toolUseId")))
    elif thought:
        talk.whole(role, Kind.THINKING, text(inner(thought, "reasoningText").get("text")))
    elif "cachePoint" not in part:
        talk.whole(role, Kind.OTHER, "", name=next(iter(part), "part"))


def _result(part: dict[str, object]) -> str:
    if "text" in part:
        return text(part["text"])
    return as_json(part["json"]) if "json" in part else f"[{next(iter(part), 'part')[:40]}]"


def _plain(talk: Conversation, body: dict[str, object]) -> bool:
    """Take what models say that have only text: Llama, Titan, Mistral, Cohere."""
    first = fields(
        next(iter(items(body.get("results") or body.get("outputs") or body.get("generations"))), {})
    )
    said = body.get("generation", body.get("outputText", first.get("outputText", first.get("text"))))
    if not isinstance(said, str):
        return False
    talk.say(talk.block(Kind.TEXT, Role.ASSISTANT, Kind.TEXT), said)
    reasons = (body.get("stop_reason"), body.get("completionReason"), first.get("completionReason"))
    stop = next((text(each) for each in (*reasons, first.get("stop_reason")) if each), "")
    metrics = inner(body, "amazon-bedrock-invocationMetrics")
    talk.usage.put(
        input=number(metrics.get("inputTokenCount", body.get("prompt_token_count"))),
        output=number(metrics.get("outputTokenCount", body.get("generation_token_count"))),
    )
    talk.put(stop=stop)
    if stop:
        talk.close_all()
        talk.ended = True
    return True


def _failed(talk: Conversation, label: str, body: dict[str, object]) -> bool:
    """Take an exception: by its name, or as the body of an answer."""
    said = error_of({"type": label or text(body.get("__type")), "message": body.get("message")})
    if not (label.endswith("Exception") or isinstance(body.get("message"), str)):
        return False
    talk.put(error=said or "error")
    return True
