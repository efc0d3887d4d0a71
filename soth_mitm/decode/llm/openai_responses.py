"""OpenAI Responses: output items, told by `response.*` events; the last one may hold no output again."""

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

_ROLES: Final = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "assistant": Role.ASSISTANT}

_DELTAS: Final = {
    "response.output_text.delta": (Kind.TEXT, "content_index"),
    "response.refusal.delta": (Kind.REFUSAL, "content_index"),
    "response.reasoning_text.delta": (Kind.THINKING, "content_index"),
    "response.reasoning_summary_text.delta": (Kind.THINKING, "summary_index"),
    "response.function_call_arguments.delta": (Kind.TOOL_USE, ""),
    "response.mcp_call_arguments.delta": (Kind.TOOL_USE, ""),
    "response.custom_tool_call_input.delta": (Kind.TOOL_USE, ""),
}
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.done"})
_HEADS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_SILENT: Final = frozenset(
    {
        "response.content_part.added", "response.content_part.done", "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done", "response.output_text.annotation.added", "keepalive",
        *(name.removesuffix("delta") + "done" for name in _DELTAS),
    }
)  # fmt: skip


def ask(talk: Conversation, value: object) -> None:
    """Take a request."""
    body = fields(value)
    talk.put(model=text(body.get("model")))
    for each in items(body.get("tools")):
        tool = fields(each)
        talk.tool(text(tool.get("name")) or text(tool.get("type")))
    if text(body.get("instructions")):
        talk.whole(Role.SYSTEM, Kind.TEXT, text(body["instructions"]))
    if text(body.get("input")):
        talk.whole(Role.USER, Kind.TEXT, text(body["input"]))
    for each in items(body.get("input")):
        item(talk, fields(each), Role.USER)


def read(talk: Conversation, label: str, value: object) -> None:
    """Take a response, or an event of one."""
    body = fields(value)
    kind = text(body.get("type")) or label
    if kind in _DELTAS:
        _delta(talk, body, *_DELTAS[kind])
    elif kind == "response.output_item.added":
        _added(talk, place(body.get("output_index")), fields(body.get("item")))
    elif kind == "response.output_item.done":
        _done(talk, place(body.get("output_index")), fields(body.get("item")))
    elif kind in _HEADS:
        _facts(talk, fields(body.get("response")))
    elif kind in _ENDS or body.get("object") == "response":
        response = fields(body.get("response")) if kind in _ENDS else body
        _facts(talk, response)
        for index, item in enumerate(items(response.get("output"))):
            _done(talk, index, fields(item))
        talk.close_all()
        talk.ended = True
    elif kind == "error" or body.get("error"):
        talk.put(error=error_of(body.get("error")) or error_of(body) or "error")
    elif kind not in _SILENT:
        talk.odd(kind)


def _facts(talk: Conversation, response: dict[str, object]) -> None:
    status = text(response.get("status"))
    reason = text(inner(response, "incomplete_details").get("reason"))
    talk.put(
        model=text(response.get("model")),
        id=text(response.get("id")),
        stop=reason or (status if status in ("completed", "failed", "cancelled", "incomplete") else ""),
        error=error_of(response.get("error")),
        tier=text(response.get("service_tier")),
    )
    usage = inner(response, "usage")
    talk.usage.put(
        input=number(usage.get("input_tokens")),
        output=number(usage.get("output_tokens")),
        cached=number(inner(usage, "input_tokens_details").get("cached_tokens")),
        written=number(inner(usage, "input_tokens_details").get("cache_write_tokens")),
        thinking=number(inner(usage, "output_tokens_details").get("reasoning_tokens")),
    )


def _delta(talk: Conversation, body: dict[str, object], kind: Kind, part: str) -> None:
    index = place(body.get("output_index"))
    key = (index, kind, place(body.get(part)) if part else 0)
    if talk.known(key) is None:
        talk.close_all(index)
    talk.say(talk.block(key, Role.ASSISTANT, kind, choice=index), text(body.get("delta")))


def _added(talk: Conversation, index: int, item: dict[str, object]) -> None:
    """Begin a tool use, whose name comes first; other items begin with their first text."""
    if _is_call(text(item.get("type"))):
        key = (index, Kind.TOOL_USE, 0)
        name, call = _name(item), text(item.get("call_id")) or text(item.get("id"))
        talk.block(key, Role.ASSISTANT, Kind.TOOL_USE, name=name, call=call, choice=index)


def _done(talk: Conversation, index: int, item: dict[str, object]) -> None:
    """End an item; what no delta has told of it is told now."""
    for kind, part, said, name, call in _parts(item):
        key = (index, kind, part)
        block = talk.known(key)
        if block is None and (said or name):
            talk.close_all(index)
            block = talk.block(key, Role.ASSISTANT, kind, name=name, call=call, choice=index)
        if block is not None and not block.size:
            talk.say(block, said)
        if block is not None:
            talk.close(block)


def item(talk: Conversation, told: dict[str, object], role: Role) -> None:
    """Take an item of the input."""
    role = _ROLES.get(text(told.get("role")), role)
    for kind, _, said, name, call in _parts(told):
        speaker = role
        if kind in (Kind.TOOL_USE, Kind.THINKING):
            speaker = Role.ASSISTANT
        elif kind is Kind.TOOL_RESULT:
            speaker = Role.TOOL
        talk.whole(speaker, kind, said, name=name, call=call)


def _is_call(kind: str) -> bool:
    return kind.endswith("_call")


def _name(item: dict[str, object]) -> str:
    return text(item.get("name")) or text(item.get("type")).removesuffix("_call")


def _parts(item: dict[str, object]) -> list[tuple[Kind, int, str, str, str]]:
    """Return kind, index, text, name and call of what is in an item."""
    kind = text(item.get("type")) or "message"
    if _is_call(kind):
        said = item.get("arguments", item.get("input", item.get("action")))
        call = text(item.get("call_id")) or text(item.get("id"))
        return [(Kind.TOOL_USE, 0, as_json(said), _name(item), call)]
    if kind.endswith("_call_output"):
        return [(Kind.TOOL_RESULT, 0, _output(item.get("output")), "", text(item.get("call_id")))]
    if kind == "reasoning":
        told = items(item.get("summary")) or items(item.get("content"))
        return [(Kind.THINKING, at, text(fields(each).get("text")), "", "") for at, each in enumerate(told)]
    if kind != "message":
        return [(Kind.OTHER, 0, "", kind, "")]
    content = item.get("content")
    if isinstance(content, str):
        return [(Kind.TEXT, 0, content, "", "")]
    return [_content(at, fields(each)) for at, each in enumerate(items(content))]


def _content(at: int, part: dict[str, object]) -> tuple[Kind, int, str, str, str]:
    kind = text(part.get("type"))
    if kind == "refusal":
        return Kind.REFUSAL, at, text(part.get("refusal")), "", ""
    if kind in ("output_audio", "audio", "input_audio") and text(part.get("transcript")):
        return Kind.TEXT, at, text(part["transcript"]), "", ""
    if kind in ("input_text", "output_text", "text", "summary_text"):
        return Kind.TEXT, at, text(part.get("text")), "", ""
    return Kind.OTHER, at, text(part.get("image_url"))[:200] or text(part.get("filename")), kind or "part", ""


def _output(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(text(fields(each).get("text")) for each in value)
    return as_json(value)
