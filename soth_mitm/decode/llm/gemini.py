"""Gemini `generateContent` and `streamGenerateContent`: every frame a whole response with the next parts."""

from __future__ import annotations

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


def ask(talk: Conversation, value: object) -> None:
    """Take a request."""
    body = fields(value)
    talk.put(model=text(body.get("model")))
    body = inner(body, "request") or body  # as Code Assist wraps it
    for tool in items(body.get("tools")):
        for function in items(_either(fields(tool), "functionDeclarations", "function_declarations")):
            talk.tool(text(fields(function).get("name")))
    system = fields(_either(body, "systemInstruction", "system_instruction"))
    for part in items(system.get("parts")):
        _whole(talk, fields(part), Role.SYSTEM)
    for each in items(body.get("contents")):
        content = fields(each)
        role = Role.ASSISTANT if content.get("role") == "model" else Role.USER
        for part in items(content.get("parts")):
            _whole(talk, fields(part), role)


def read(talk: Conversation, label: str, value: object) -> None:
    """Take a response, or a frame of one."""
    talk.usage.thinking_inside = False
    body = fields(value)
    body = inner(body, "response") or body
    stop = text(inner(body, "promptFeedback").get("blockReason"))
    talk.put(model=text(body.get("modelVersion")), id=text(body.get("responseId")), stop=stop)
    talk.put(error=error_of(body.get("error")))
    for each in items(body.get("candidates")):
        candidate = fields(each)
        choice = place(candidate.get("index"))
        for part in items(inner(candidate, "content").get("parts")):
            _more(talk, fields(part), choice)
        stop = text(candidate.get("finishReason"))
        if stop:
            talk.put(stop=stop)
            talk.close_all(choice)
            talk.ended = True
    usage = inner(body, "usageMetadata")
    for detail in (*items(usage.get("promptTokensDetails")), *items(usage.get("candidatesTokensDetails"))):
        if fields(detail).get("modality") == "AUDIO":
            talk.usage.sound = True
    talk.put(tier=text(usage.get("trafficType")))
    talk.usage.put(
        input=number(usage.get("promptTokenCount")),
        output=number(usage.get("candidatesTokenCount")),
        cached=number(usage.get("cachedContentTokenCount")),
        thinking=number(usage.get("thoughtsTokenCount")),
    )
    if not body.keys() & {"candidates", "usageMetadata", "error", "promptFeedback"}:
        talk.odd(label)


def _either(value: dict[str, object], name: str, other: str) -> object:
    return value.get(name, value.get(other))


def _part(part: dict[str, object]) -> tuple[Kind, str, str, str]:
    """Return the kind, text, name and call of a part."""
    call = fields(_either(part, "functionCall", "function_call"))
    if call:
        return Kind.TOOL_USE, as_json(call.get("args")), text(call.get("name")), text(call.get("id"))
    answer = fields(_either(part, "functionResponse", "function_response"))
    if answer:
        said = as_json(answer.get("response"))
        return Kind.TOOL_RESULT, said, text(answer.get("name")), text(answer.get("id"))
    if "text" in part:
        kind = Kind.THINKING if part.get("thought") is True else Kind.TEXT
        return kind, text(part["text"]), "", ""
    data = fields(_either(part, "inlineData", "inline_data")) or inner(part, "fileData")
    name = next((key for key in part if key not in ("thoughtSignature", "thought")), "")
    return Kind.OTHER, text(_either(data, "mimeType", "mime_type")), name, ""


def _whole(talk: Conversation, part: dict[str, object], role: Role) -> None:
    kind, said, name, call = _part(part)
    role = Role.TOOL if kind is Kind.TOOL_RESULT else role
    talk.whole(role, kind, said, name=name, call=call)


def _more(talk: Conversation, part: dict[str, object], choice: int) -> None:
    kind, said, name, call = _part(part)
    if kind in (Kind.TEXT, Kind.THINKING):
        if said:
            talk.say(_running(talk, kind, choice), said)
    elif said or name:
        talk.close_all(choice)
        talk.whole(Role.ASSISTANT, kind, said, name=name, call=call, choice=choice)


def _running(talk: Conversation, kind: Kind, choice: int) -> Block:
    """Return the last block of an answer where it is of this kind and goes on; a new one otherwise."""
    last = talk.last(choice)
    if last is not None and last.kind is kind and not last.closed and last.role is Role.ASSISTANT:
        return last
    talk.close_all(choice)
    return talk.block(("part", choice, len(talk.blocks)), Role.ASSISTANT, kind, choice=choice)
