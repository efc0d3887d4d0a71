"""OpenAI Chat Completions, which many others speak as well: `choices` of a `message`, or of `delta`s."""

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
    place,
    text,
)  # fmt: skip

_ROLES: Final = {
    "system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT,
    "tool": Role.TOOL, "function": Role.TOOL,
}  # fmt: skip
_THOUGHTS: Final = ("reasoning_content", "reasoning")


def ask(talk: Conversation, value: object) -> None:
    """Take a request."""
    body = fields(value)
    talk.put(model=text(body.get("model")))
    for tool in items(body.get("tools")):
        talk.tool(text(inner(tool, "function").get("name")) or text(fields(tool).get("type")))
    for each in items(body.get("messages")):
        message = fields(each)
        role = _ROLES.get(text(message.get("role")), Role.USER)
        if role is Role.TOOL:
            call, name = text(message.get("tool_call_id")), text(message.get("name"))
            said = _content_text(message.get("content"))
            talk.whole(role, Kind.TOOL_RESULT, said, name=name, call=call)
        else:
            _message(talk, message, role, 0)


def read(talk: Conversation, label: str, value: object) -> None:
    """Take a response, or a chunk of one."""
    body = fields(value)
    talk.put(
        model=text(body.get("model")),
        id=text(body.get("id")),
        error=error_of(body.get("error")),
        tier=text(body.get("service_tier")),
    )
    choices = items(body.get("choices"))
    for position, each in enumerate(choices):
        choice = fields(each)
        index = place(choice.get("index")) if "index" in choice else position
        if "message" in choice:
            _message(talk, fields(choice["message"]), Role.ASSISTANT, index)
        _delta(talk, fields(choice.get("delta")), index)
        stop = text(choice.get("finish_reason"))
        if stop:
            talk.put(stop=stop)
            talk.close_all(index)
    _usage(talk, fields(body.get("usage")))
    if not choices and not body.keys() & {"usage", "error", "choices"}:
        talk.odd(text(body.get("object")) or label)


def _usage(talk: Conversation, usage: dict[str, object]) -> None:
    asked, said = inner(usage, "prompt_tokens_details"), inner(usage, "completion_tokens_details")
    if number(asked.get("audio_tokens")) or number(said.get("audio_tokens")):
        talk.usage.sound = True
    talk.usage.put(
        input=number(usage.get("prompt_tokens")),
        output=number(usage.get("completion_tokens")),
        cached=number(asked.get("cached_tokens")),
        written=number(asked.get("cache_write_tokens")),
        thinking=number(said.get("reasoning_tokens")),
    )


def _message(talk: Conversation, message: dict[str, object], role: Role, choice: int) -> None:
    for name in _THOUGHTS:
        if text(message.get(name)):
            talk.whole(role, Kind.THINKING, text(message[name]), choice=choice)
            break
    content = message.get("content")
    if isinstance(content, str) and content:
        talk.whole(role, Kind.TEXT, content, choice=choice)
    for part in items(content):
        _part(talk, fields(part), role)
    if text(message.get("refusal")):
        talk.whole(role, Kind.REFUSAL, text(message["refusal"]), choice=choice)
    calls = [
        *items(message.get("tool_calls")),
        *([message["function_call"]] if message.get("function_call") else ()),
    ]
    for call in calls:
        function = inner(call, "function") or inner(call, "custom") or fields(call)
        said = as_json(function.get("arguments", function.get("input")))
        name, mark = text(function.get("name")), text(fields(call).get("id"))
        talk.whole(role, Kind.TOOL_USE, said, name=name, call=mark, choice=choice)


def _part(talk: Conversation, part: dict[str, object], role: Role) -> None:
    kind = text(part.get("type"))
    if kind == "text":
        talk.whole(role, Kind.TEXT, text(part.get("text")))
    elif kind == "refusal":
        talk.whole(role, Kind.REFUSAL, text(part.get("refusal")))
    else:
        source = part.get(kind)
        url = source if isinstance(source, str) else text(fields(source).get("url"))
        talk.whole(role, Kind.OTHER, url[:200], name=kind or "part")


def _content_text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(text(fields(part).get("text")) for part in items(content))


def _delta(talk: Conversation, delta: dict[str, object], choice: int) -> None:
    for name in _THOUGHTS:
        if text(delta.get(name)):
            _more(talk, Kind.THINKING, text(delta[name]), choice)
            break
    if text(delta.get("content")):
        _more(talk, Kind.TEXT, text(delta["content"]), choice)
    if text(delta.get("refusal")):
        _more(talk, Kind.REFUSAL, text(delta["refusal"]), choice)
    for each in items(delta.get("tool_calls")):
        call = fields(each)
        _call(talk, place(call.get("index")), text(call.get("id")), inner(call, "function"), choice)
    if delta.get("function_call"):
        _call(talk, 0, "", fields(delta["function_call"]), choice)


def _call(talk: Conversation, index: int, mark: str, function: dict[str, object], choice: int) -> None:
    name = text(function.get("name"))
    key = (choice, "call", index)
    known = talk.known(key)
    if known is None:
        talk.close_all(choice)
    block = talk.block(key, Role.ASSISTANT, Kind.TOOL_USE, name=name, call=mark, choice=choice)
    talk.say(block, text(function.get("arguments")))


def _more(talk: Conversation, kind: Kind, said: str, choice: int) -> None:
    """Go on with the block of this kind, or begin another one where that has ended."""
    key = (choice, kind)
    block = talk.known(key)
    if block is None:
        talk.close_all(choice)
    talk.say(talk.block(key, Role.ASSISTANT, kind, choice=choice), said)
