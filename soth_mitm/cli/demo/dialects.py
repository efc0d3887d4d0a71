"""A conversation of two turns in every dialect of a language model, written from the public descriptions.

In the first turn the model thinks and calls a tool; in the second it has the result and answers. What is
asked is made here as well as what is streamed back, so that both turns belong together.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Final, NamedTuple

from soth_mitm.proto.aws_events import event as aws_event

SSE: Final = "text/event-stream; charset=utf-8"
LINES: Final = "application/x-ndjson"
AWS: Final = "application/vnd.amazon.eventstream"

Value = dict[str, object]

MODEL, CALL, TOOL = "demo-1", "call_7", "stock"
SYSTEM = "You help in a shop that sells tea. Look up what you do not know."
QUESTION = "急須はまだありますか。 Is the teapot still there?"
THOUGHT = "They ask whether an article is in stock, so I look it up before I answer. "
ARGUMENTS = '{"sku": "p_0017", "sites": ["berlin", "大阪"]}'
RESULT = '{"berlin": 7, "大阪": 12}'
TEXT = "Yes: twelve are in 大阪 and seven in Berlin. 🍵 Shall I reserve one for you until Friday?"

_SCHEMA: Value = {
    "type": "object",
    "properties": {"sku": {"type": "string"}, "sites": {"type": "array", "items": {"type": "string"}}},
    "required": ["sku"],
}
_WHAT = "Says how many of an article there are, by site."
_HELD = json.loads(ARGUMENTS)


class Usage(NamedTuple):
    """What the provider counts of a turn."""

    input: int
    cached: int
    output: int


FIRST, SECOND = Usage(412, 0, 61), Usage(498, 408, 33)
"""Input with what is cached, as those count it that say what is part of what."""


class Way(NamedTuple):
    """How a dialect is spoken."""

    path: str
    kind: str
    asks: Callable[[bool], Value]
    """Makes the request of the first turn, or of the second."""
    says: Callable[[bool], list[bytes]]
    """Makes the pieces of the answer."""


def words(text: str) -> list[str]:
    """Return a text in pieces, as models send it."""
    return [f"{word} " for word in text.split(" ")]


def _cut(text: str, size: int = 12) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _event(value: object, name: str = "") -> bytes:
    data = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def _named(*values: Value) -> list[bytes]:
    return [_event(value, str(value["type"])) for value in values]


# --- OpenAI Chat Completions


def _chat_asks(again: bool) -> Value:
    function = {"name": TOOL, "arguments": ARGUMENTS}
    called = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": CALL, "type": "function", "function": function}],
    }
    more = [called, {"role": "tool", "tool_call_id": CALL, "content": RESULT}] if again else []
    tool = {"type": "function", "function": {"name": TOOL, "description": _WHAT, "parameters": _SCHEMA}}
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}, *more]
    return {
        "model": MODEL,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [tool],
        "messages": messages,
    }


def _chat_says(again: bool) -> list[bytes]:
    def chunk(delta: object, stop: str | None = None, **more: object) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": stop}] if delta is not None else []
        return _event(
            {
                "id": "chatcmpl-7",
                "object": "chat.completion.chunk",
                "model": MODEL,
                "choices": choices,
                **more,
            }
        )

    used = SECOND if again else FIRST
    usage = {
        "prompt_tokens": used.input, "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached},
    }  # fmt: skip
    last = [chunk(None, usage=usage), _event("[DONE]")]
    begin = chunk({"role": "assistant", "content": ""})
    if again:
        return [begin, *(chunk({"content": word}) for word in words(TEXT)), chunk({}, "stop"), *last]
    named = {"index": 0, "id": CALL, "type": "function", "function": {"name": TOOL, "arguments": ""}}
    parts = [
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": each}}]}) for each in _cut(ARGUMENTS)
    ]
    thought = [chunk({"reasoning_content": word}) for word in words(THOUGHT)]
    return [begin, *thought, chunk({"tool_calls": [named]}), *parts, chunk({}, "tool_calls"), *last]


# --- OpenAI Responses, also over a WebSocket


def _responses_asks(again: bool) -> Value:
    item = {"type": "function_call", "call_id": CALL, "name": TOOL, "arguments": ARGUMENTS}
    more = [item, {"type": "function_call_output", "call_id": CALL, "output": RESULT}] if again else []
    tool = {"type": "function", "name": TOOL, "description": _WHAT, "parameters": _SCHEMA}
    said = {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
    return {"model": MODEL, "stream": True, "instructions": SYSTEM, "tools": [tool], "input": [said, *more]}


def response_events(again: bool) -> list[Value]:
    """Return the events of a turn of Responses."""
    used = SECOND if again else FIRST
    usage = {
        "input_tokens": used.input, "input_tokens_details": {"cached_tokens": used.cached},
        "output_tokens": used.output, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.input + used.output,
    }  # fmt: skip
    head: Value = {"id": f"resp_{1 + again}", "object": "response", "model": MODEL, "status": "in_progress"}
    done = {**head, "status": "completed", "output": [], "usage": usage}
    events: list[Value] = [{"type": "response.created", "response": head}]
    if again:
        where = {"output_index": 0, "content_index": 0}
        events += [{"type": "response.output_text.delta", **where, "delta": word} for word in words(TEXT)]
        content = [{"type": "output_text", "text": "".join(words(TEXT))}]
        item: Value = {"type": "message", "role": "assistant", "content": content}
        events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    else:
        kind = "response.reasoning_summary_text.delta"
        where = {"output_index": 0, "summary_index": 0}
        events += [{"type": kind, **where, "delta": word} for word in words(THOUGHT)]
        item = {"type": "function_call", "call_id": CALL, "name": TOOL, "arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": 1, "item": item})
        kind = "response.function_call_arguments.delta"
        events += [{"type": kind, "output_index": 1, "delta": each} for each in _cut(ARGUMENTS)]
        item = {**item, "arguments": ARGUMENTS}
        events.append({"type": "response.output_item.done", "output_index": 1, "item": item})
    return [*events, {"type": "response.completed", "response": done}]


# --- Anthropic Messages, also inside of Bedrock


def _messages_asks(again: bool) -> Value:
    used = {"type": "tool_use", "id": CALL, "name": TOOL, "input": _HELD}
    result = {"type": "tool_result", "tool_use_id": CALL, "content": RESULT}
    more = [{"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}] if again else []
    tool = {"name": TOOL, "description": _WHAT, "input_schema": _SCHEMA}
    system = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "user", "content": QUESTION}, *more]
    return {
        "model": MODEL,
        "max_tokens": 1024,
        "stream": True,
        "system": system,
        "tools": [tool],
        "messages": messages,
    }


def message_events(again: bool) -> list[Value]:
    """Return the events of a turn of Messages, in which cached tokens are counted beside the others."""
    used = SECOND if again else FIRST
    usage = {"input_tokens": used.input - used.cached, "cache_read_input_tokens": used.cached,
             "cache_creation_input_tokens": 0, "output_tokens": 1}  # fmt: skip
    start: Value = {
        "id": f"msg_{1 + again}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
    }
    events: list[Value] = [{"type": "message_start", "message": {**start, "usage": usage}}]

    def block(index: int, begin: Value, kind: str, field: str, pieces: list[str]) -> None:
        events.append({"type": "content_block_start", "index": index, "content_block": begin})
        for each in pieces:
            delta = {"type": kind, field: each}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})

    if again:
        block(0, {"type": "text", "text": ""}, "text_delta", "text", words(TEXT))
    else:
        block(0, {"type": "thinking", "thinking": ""}, "thinking_delta", "thinking", words(THOUGHT))
        tool: Value = {"type": "tool_use", "id": CALL, "name": TOOL, "input": {}}
        block(1, tool, "input_json_delta", "partial_json", _cut(ARGUMENTS))
    stop = {"stop_reason": "end_turn" if again else "tool_use"}
    return [
        *events,
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": used.output}},
        {"type": "message_stop"},
    ]


# --- Bedrock


def _converse_asks(again: bool) -> Value:
    used = {"toolUse": {"toolUseId": CALL, "name": TOOL, "input": _HELD}}
    result = {"toolResult": {"toolUseId": CALL, "content": [{"json": json.loads(RESULT)}]}}
    more = [{"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}] if again else []
    tool = {"toolSpec": {"name": TOOL, "description": _WHAT, "inputSchema": {"json": _SCHEMA}}}
    messages = [{"role": "user", "content": [{"text": QUESTION}]}, *more]
    return {"system": [{"text": SYSTEM}], "toolConfig": {"tools": [tool]}, "messages": messages}


def _converse_says(again: bool) -> list[bytes]:
    used = SECOND if again else FIRST
    told: list[tuple[str, Value]] = [("messageStart", {"role": "assistant"})]

    def part(index: int, delta: object) -> tuple[str, Value]:
        return "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}

    if again:
        told += [part(0, {"text": word}) for word in words(TEXT)]
    else:
        told += [part(0, {"reasoningContent": {"text": word}}) for word in words(THOUGHT)]
        told.append(("contentBlockStop", {"contentBlockIndex": 0}))
        start = {"toolUse": {"toolUseId": CALL, "name": TOOL}}
        told.append(("contentBlockStart", {"contentBlockIndex": 1, "start": start}))
        told += [part(1, {"toolUse": {"input": each}}) for each in _cut(ARGUMENTS)]
    usage = {
        "inputTokens": used.input - used.cached, "outputTokens": used.output,
        "totalTokens": used.input + used.output, "cacheReadInputTokens": used.cached,
    }  # fmt: skip
    told.append(("contentBlockStop", {"contentBlockIndex": 0 if again else 1}))
    told.append(("messageStop", {"stopReason": "end_turn" if again else "tool_use"}))
    told.append(("metadata", {"usage": usage, "metrics": {"latencyMs": 1840}}))
    return [aws_event(name, json.dumps(value).encode()) for name, value in told]


def _invoke_asks(again: bool) -> Value:
    body = _messages_asks(again)
    del body["model"], body["stream"]
    return {"anthropic_version": "bedrock-2023-05-31", **body}


def _invoke_says(again: bool) -> list[bytes]:
    packed = [base64.b64encode(json.dumps(each).encode()).decode() for each in message_events(again)]
    return [aws_event("chunk", json.dumps({"bytes": each, "p": "abcdefgh"}).encode()) for each in packed]


# --- Gemini and Ollama


def _gemini_asks(again: bool) -> Value:
    called = {"functionCall": {"name": TOOL, "args": _HELD, "id": CALL}}
    result = {"functionResponse": {"name": TOOL, "response": json.loads(RESULT), "id": CALL}}
    more = [{"role": "model", "parts": [called]}, {"role": "user", "parts": [result]}] if again else []
    tool = {"functionDeclarations": [{"name": TOOL, "description": _WHAT, "parameters": _SCHEMA}]}
    contents = [{"role": "user", "parts": [{"text": QUESTION}]}, *more]
    return {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "tools": [tool], "contents": contents}


def _gemini_says(again: bool) -> list[bytes]:
    used = SECOND if again else FIRST
    usage = {
        "promptTokenCount": used.input, "cachedContentTokenCount": used.cached,
        "candidatesTokenCount": used.output, "totalTokenCount": used.input + used.output,
    }  # fmt: skip

    def frame(part: Value, stop: str = "") -> bytes:
        candidate: Value = {"content": {"role": "model", "parts": [part]}, "index": 0}
        if stop:
            candidate["finishReason"] = stop
        return _event(
            {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "r7"}
        )

    if again:
        *most, last = words(TEXT)
        return [*(frame({"text": word}) for word in most), frame({"text": last}, "STOP")]
    called = frame({"functionCall": {"name": TOOL, "args": _HELD, "id": CALL}}, "STOP")
    return [*(frame({"text": word, "thought": True}) for word in words(THOUGHT)), called]


def _ollama_asks(again: bool) -> Value:
    called = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"name": TOOL, "arguments": _HELD}}],
    }
    more = [called, {"role": "tool", "tool_name": TOOL, "content": RESULT}] if again else []
    tool = {"type": "function", "function": {"name": TOOL, "description": _WHAT, "parameters": _SCHEMA}}
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}, *more]
    return {"model": MODEL, "stream": True, "tools": [tool], "messages": messages}


def _ollama_says(again: bool) -> list[bytes]:
    used = SECOND if again else FIRST

    def line(said: Value, **end: object) -> bytes:
        message = {"role": "assistant", "content": "", **said}
        head = {"model": MODEL, "created_at": "2026-03-01T09:12:44Z", "message": message, "done": bool(end)}
        return json.dumps({**head, **end}, ensure_ascii=False).encode() + b"\n"

    if again:
        told = [line({"content": word}) for word in words(TEXT)]
    else:
        told = [line({"thinking": word}) for word in words(THOUGHT)]
        told.append(line({"tool_calls": [{"function": {"name": TOOL, "arguments": _HELD}}]}))
    counts = {"prompt_eval_count": used.input, "eval_count": used.output, "eval_duration": 900_000_000}
    return [*told, line({}, done_reason="stop", **counts)]


WAYS: Final[dict[str, Way]] = {
    "chat": Way("/v1/chat/completions", SSE, _chat_asks, _chat_says),
    "responses": Way("/v1/responses", SSE, _responses_asks, lambda again: _named(*response_events(again))),
    "messages": Way(
        "/anthropic/v1/messages", SSE, _messages_asks, lambda again: _named(*message_events(again))
    ),
    "gemini": Way(f"/v1beta/models/{MODEL}:streamGenerateContent", SSE, _gemini_asks, _gemini_says),
    "ollama": Way("/api/chat", LINES, _ollama_asks, _ollama_says),
    "converse": Way(f"/model/{MODEL}/converse-stream", AWS, _converse_asks, _converse_says),
    "invoke": Way(f"/model/{MODEL}/invoke-with-response-stream", AWS, _invoke_asks, _invoke_says),
}
"""The dialects over HTTP, by a short name."""
