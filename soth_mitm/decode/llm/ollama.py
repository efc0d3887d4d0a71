"""Ollama `chat` and `generate`: lines of JSON, the last of which is `done` and has the numbers."""

from __future__ import annotations

from typing import Final

from soth_mitm.decode.llm.conversation import Conversation, Kind, Role
from soth_mitm.decode.llm.loose import (
    as_json,
    error_of,
    fields,
    inner,
    items,
    number,
    text,
)  # fmt: skip

_ROLES: Final = {"system": Role.SYSTEM, "assistant": Role.ASSISTANT, "tool": Role.TOOL}


def ask(talk: Conversation, value: object) -> None:
    """Take a request."""
    body = fields(value)
    talk.put(model=text(body.get("model")))
    for tool in items(body.get("tools")):
        talk.tool(text(inner(tool, "function").get("name")))
    if text(body.get("system")):
        talk.whole(Role.SYSTEM, Kind.TEXT, text(body["system"]))
    if text(body.get("prompt")):
        talk.whole(Role.USER, Kind.TEXT, text(body["prompt"]))
    for each in items(body.get("messages")):
        message = fields(each)
        role = _ROLES.get(text(message.get("role")), Role.USER)
        if text(message.get("thinking")):
            talk.whole(role, Kind.THINKING, text(message["thinking"]))
        if text(message.get("content")):
            kind = Kind.TOOL_RESULT if role is Role.TOOL else Kind.TEXT
            name = text(message.get("tool_name")) or text(message.get("name"))
            talk.whole(role, kind, text(message["content"]), name=name)
        for _ in items(message.get("images")):
            talk.whole(role, Kind.OTHER, "", name="image")
        _calls(talk, message)


def read(talk: Conversation, label: str, value: object) -> None:
    """Take a response, or a line of one."""
    body = fields(value)
    talk.put(model=text(body.get("model")), error=error_of(body.get("error")))
    message = inner(body, "message")
    for kind, said in (
        (Kind.THINKING, text(message.get("thinking")) or text(body.get("thinking"))),
        (Kind.TEXT, text(message.get("content")) or text(body.get("response"))),
    ):
        if said:
            if talk.known(kind) is None:
                talk.close_all()
            talk.say(talk.block(kind, Role.ASSISTANT, kind), said)
    if message.get("tool_calls"):
        talk.close_all()
        _calls(talk, message)
    if body.get("done") is True:
        talk.close_all()
        talk.ended = True
        talk.put(stop=text(body.get("done_reason")))
        talk.usage.put(input=number(body.get("prompt_eval_count")), output=number(body.get("eval_count")))
    elif not body.keys() & {"message", "response", "error", "done", "thinking"}:
        talk.odd(label)


def _calls(talk: Conversation, message: dict[str, object]) -> None:
    for call in items(message.get("tool_calls")):
        function = inner(call, "function")
        said, name = as_json(function.get("arguments")), text(function.get("name"))
        talk.whole(Role.ASSISTANT, Kind.TOOL_USE, said, name=name, call=text(fields(call).get("id")))
