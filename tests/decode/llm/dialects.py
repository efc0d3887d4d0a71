# ruff: noqa: E501 - samples read better on lines of their own
"""One conversation in every dialect, streamed and whole, as the interfaces are publicly described."""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from soth_mitm.decode.about import About
from soth_mitm.decode.llm import Dialect
from soth_mitm.proto.aws_events import event

Said = tuple[str, str, str, str, str]
"""Role, kind, text, name and call of a block."""


class Sample(NamedTuple):
    """An answer and what is in it."""

    dialect: Dialect
    path: bytes
    content_type: bytes
    body: bytes
    blocks: list[Said]
    stop: str
    usage: dict[str, int]
    """The numbers of the provider's last record of usage."""
    model: str = "m-1"

    @property
    def about(self) -> About:
        """What the proxy knows besides the bytes."""
        return About(self.content_type, path=self.path, response=True)


def text(said: str) -> Said:
    """Return a block of text of the model's."""
    return "assistant", "text", said, "", ""


def thought(said: str) -> Said:
    """Return a block of thinking."""
    return "assistant", "thinking", said, "", ""


def call(said: str, name: str = "weather", mark: str = "c1") -> Said:
    """Return a tool use."""
    return "assistant", "tool use", said, name, mark


def events(*values: object, named: bool = False) -> bytes:
    """Return values as the events of a stream."""
    out = []
    for value in values:
        data = value if isinstance(value, str) else json.dumps(value)
        name = f"event: {value['type']}\n" if named and isinstance(value, dict) else ""
        out.append(f"{name}data: {data}\n\n")
    return "".join(out).encode()


def lines(*values: object) -> bytes:
    """Return values as lines."""
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def _chunk(delta: object, stop: str | None = None) -> dict[str, object]:
    choices = [{"index": 0, "delta": delta, "finish_reason": stop}]
    return {"id": "x", "object": "chat.completion.chunk", "model": "m-1", "choices": choices}


_CHAT_USAGE = {
    "prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 16}, "completion_tokens_details": {"reasoning_tokens": 4},
}  # fmt: skip
_FOUR = {"input": 20, "output": 9, "cached": 16, "thinking": 4}
_ARGUMENTS = '{"city": "Paris"}'


def _function(index: int, name: str = "", said: str = "", mark: str = "") -> dict[str, object]:
    function = {"name": name, "arguments": said} if name else {"arguments": said}
    return _chunk({"tool_calls": [{"index": index, "id": mark or None, "function": function}]})


SSE = b"text/event-stream; charset=utf-8"
JSON = b"application/json"
CHAT, MESSAGES, RESPONSES = b"/openai/v1/chat/completions", b"/v1/messages?beta=true", b"/v1/responses"
GEMINI = b"/v1beta/models/m-1:streamGenerateContent"

CHAT_STREAMED = Sample(
    Dialect.CHAT, CHAT, SSE,
    b": waiting\n\n"
    + events(
        _chunk({"role": "assistant", "content": ""}), _chunk({"reasoning_content": "Hm."}), _chunk({"content": "I "}),
        _chunk({"content": "look."}), _function(0, "weather", "", "c1"), _function(0, said='{"city": '),
        _function(0, said='"Paris"}'), _function(1, "time", "{}", "c2"), _chunk({}, "tool_calls"),
        {"id": "x", "object": "chat.completion.chunk", "model": "m-1", "choices": [], "usage": _CHAT_USAGE},
        "[DONE]",
    ),
    [thought("Hm."), text("I look."), call(_ARGUMENTS), call("{}", "time", "c2")], "tool_calls", _FOUR,
)  # fmt: skip

CHAT_WHOLE = Sample(
    Dialect.CHAT, b"/openai/deployments/d/chat/completions?api-version=1", JSON,
    json.dumps({
        "id": "x", "object": "chat.completion", "model": "m-1", "usage": _CHAT_USAGE,
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "I look.", "refusal": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": _ARGUMENTS}}],
        }}],
    }, indent=1).encode(),
    [text("I look."), call(_ARGUMENTS)], "tool_calls", _FOUR,
)  # fmt: skip


def _response(status: str, output: list[object] | None = None) -> dict[str, object]:
    usage = {
        "input_tokens": 20, "input_tokens_details": {"cached_tokens": 16}, "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 29,
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "status": status, "model": "m-1", "output": output or [],
        "usage": usage if status == "completed" else None,
    }  # fmt: skip


_ITEM = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "weather", "arguments": ""}
_REASONING = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Hm."}]}
_MESSAGE = {
    "type": "message", "id": "ms", "role": "assistant",
    "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
}  # fmt: skip

RESPONSES_STREAMED = Sample(
    Dialect.RESPONSES, b"/backend-api/codex/responses", SSE,
    events(
        {"type": "response.created", "response": _response("in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Hm."},
        {"type": "response.reasoning_summary_text.done", "output_index": 0, "summary_index": 0, "text": "Hm."},
        {"type": "response.output_item.done", "output_index": 0, "item": _REASONING},
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "I "},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "look."},
        {"type": "response.output_item.done", "output_index": 1, "item": _MESSAGE},
        {"type": "response.output_item.added", "output_index": 2, "item": _ITEM},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"city": '},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '"Paris"}'},
        {"type": "response.output_item.done", "output_index": 2, "item": {**_ITEM, "arguments": _ARGUMENTS}},
        {"type": "response.completed", "response": _response("completed")},
        named=True,
    ),
    [thought("Hm."), text("I look."), call(_ARGUMENTS)], "completed", _FOUR,
)  # fmt: skip

RESPONSES_UNTOLD = RESPONSES_STREAMED._replace(
    body=events(
        {"type": "response.created", "response": _response("in_progress")},
        {"type": "response.output_item.done", "output_index": 0, "item": _REASONING},
        {"type": "response.output_item.done", "output_index": 1, "item": _MESSAGE},
        {"type": "response.output_item.done", "output_index": 2, "item": {**_ITEM, "arguments": _ARGUMENTS}},
        {"type": "response.completed", "response": _response("completed")},
        named=True,
    )
)

RESPONSES_WHOLE = Sample(
    Dialect.RESPONSES, RESPONSES, JSON,
    json.dumps(_response("completed", [_REASONING, _MESSAGE, {**_ITEM, "arguments": _ARGUMENTS}])).encode(),
    RESPONSES_STREAMED.blocks, "completed", _FOUR,
)  # fmt: skip


def _start(index: int, block: object) -> dict[str, object]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, kind: str, field: str, said: str) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: said}}


def _stop(index: int) -> dict[str, object]:
    return {"type": "content_block_stop", "index": index}


_BEGUN = {
    "input_tokens": 4,
    "cache_read_input_tokens": 16,
    "cache_creation_input_tokens": 7,
    "output_tokens": 1,
}
_ALL = {"input": 4, "cached": 16, "written": 7, "output": 9}

MESSAGES_STREAMED = Sample(
    Dialect.MESSAGES, MESSAGES, SSE,
    events(
        {"type": "message_start", "message": {"id": "msg", "type": "message", "role": "assistant", "model": "m-1",
                                              "content": [], "stop_reason": None, "usage": _BEGUN}},
        _start(0, {"type": "thinking", "thinking": ""}), _delta(0, "thinking_delta", "thinking", "Hm."),
        _delta(0, "signature_delta", "signature", "c2ln"), _stop(0), {"type": "ping"},
        _start(1, {"type": "text", "text": ""}), _delta(1, "text_delta", "text", "I "),
        _delta(1, "text_delta", "text", "look."), _stop(1),
        _start(2, {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}),
        _delta(2, "input_json_delta", "partial_json", ""), _delta(2, "input_json_delta", "partial_json", '{"city": '),
        _delta(2, "input_json_delta", "partial_json", '"Paris"}'), _stop(2),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
        named=True,
    ),
    [thought("Hm."), text("I look."), call(_ARGUMENTS)], "tool_use", _ALL,
)  # fmt: skip

MESSAGES_WHOLE = Sample(
    Dialect.MESSAGES, MESSAGES, JSON,
    json.dumps({
        "id": "msg", "type": "message", "role": "assistant", "model": "m-1", "stop_reason": "tool_use",
        "usage": {**_BEGUN, "output_tokens": 9},
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}},
        ],
    }).encode(),
    [thought("Hm."), text("I look."), call('{"city":"Paris"}')], "tool_use", _ALL,
)  # fmt: skip


def _frame(*parts: object, stop: str = "", out: int = 1) -> dict[str, object]:
    candidate: dict[str, object] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if stop:
        candidate["finishReason"] = stop
    usage = {"promptTokenCount": 20, "candidatesTokenCount": out, "cachedContentTokenCount": 16,
             "thoughtsTokenCount": 4, "totalTokenCount": 24 + out}  # fmt: skip
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1", "responseId": "r"}


_FRAMES = (
    _frame({"text": "Hm.", "thought": True}), _frame({"text": "I "}), _frame({"text": "look."}, out=3),
    _frame({"functionCall": {"name": "weather", "args": {"city": "Paris"}, "id": "c1"}}, stop="STOP", out=9),
)  # fmt: skip
_GEMINI_SAID = [thought("Hm."), text("I look."), call('{"city":"Paris"}')]

GEMINI_STREAMED = Sample(
    Dialect.GEMINI, GEMINI + b"?alt=sse", SSE, events(*_FRAMES), _GEMINI_SAID, "STOP", _FOUR
)
GEMINI_WRAPPED = GEMINI_STREAMED._replace(
    path=b"/v1internal:streamGenerateContent", body=events(*({"response": frame} for frame in _FRAMES))
)
GEMINI_ARRAY = Sample(
    Dialect.GEMINI, GEMINI, JSON,
    b"[" + b",\r\n".join(json.dumps(frame, indent=2).encode() for frame in _FRAMES) + b"\n]\n",
    _GEMINI_SAID, "STOP", _FOUR,
)  # fmt: skip
GEMINI_WHOLE = Sample(
    Dialect.GEMINI, b"/v1/models/m-1:generateContent", JSON,
    json.dumps(_frame({"text": "Hm.", "thought": True}, {"text": "I look."}, stop="MAX_TOKENS", out=9)).encode(),
    [thought("Hm."), text("I look.")], "MAX_TOKENS", _FOUR,
)  # fmt: skip


def _line(said: dict[str, object], **end: object) -> dict[str, object]:
    message = {"role": "assistant", "content": "", **said}
    return {
        "model": "m-1",
        "created_at": "2026-01-01T00:00:00Z",
        "message": message,
        "done": bool(end),
        **end,
    }


_OLLAMA_END = {"done_reason": "stop", "prompt_eval_count": 20, "eval_count": 9, "eval_duration": 5}
OLLAMA_CHAT = Sample(
    Dialect.OLLAMA, b"/api/chat", b"application/x-ndjson",
    lines(
        _line({"thinking": "Hm."}), _line({"content": "I "}), _line({"content": "look."}),
        _line({"tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}]}),
        _line({}, **_OLLAMA_END),
    ),
    [thought("Hm."), text("I look."), call('{"city":"Paris"}', mark="")], "stop", {"input": 20, "output": 9},
)  # fmt: skip
OLLAMA_GENERATE = Sample(
    Dialect.OLLAMA, b"/api/generate", b"application/x-ndjson",
    lines(
        {"model": "m-1", "created_at": "t", "response": "I ", "done": False},
        {"model": "m-1", "created_at": "t", "response": "look.", "done": False},
        {"model": "m-1", "created_at": "t", "response": "", "done": True, **_OLLAMA_END},
    ),
    [text("I look.")], "stop", {"input": 20, "output": 9},
)  # fmt: skip
OLLAMA_WHOLE = OLLAMA_CHAT._replace(
    content_type=JSON,
    body=json.dumps(_line({"content": "I look."}, **_OLLAMA_END)).encode(),
    blocks=[text("I look.")],
)


def _converse(*told: tuple[str, object]) -> bytes:
    return b"".join(event(name, json.dumps(value).encode()) for name, value in told)


AWS = b"application/vnd.amazon.eventstream"
_COUNTED = {"inputTokens": 4, "outputTokens": 9, "totalTokens": 36,
            "cacheReadInputTokens": 16, "cacheWriteInputTokens": 7}  # fmt: skip


def _part(index: int, delta: object) -> tuple[str, object]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": delta, "p": "abcdef"}


CONVERSE_STREAMED = Sample(
    Dialect.CONVERSE, b"/model/m-1/converse-stream", AWS,
    _converse(
        ("messageStart", {"role": "assistant", "p": "abc"}),
        _part(0, {"reasoningContent": {"text": "Hm."}}), _part(0, {"reasoningContent": {"signature": "c2ln"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}), _part(1, {"text": "I "}), _part(1, {"text": "look."}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "c1", "name": "weather"}}}),
        _part(2, {"toolUse": {"input": '{"city": '}}), _part(2, {"toolUse": {"input": '"Paris"}'}}),
        ("contentBlockStop", {"contentBlockIndex": 2}), ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": _COUNTED, "metrics": {"latencyMs": 5}}),
    ),
    [thought("Hm."), text("I look."), call(_ARGUMENTS)], "tool_use", _ALL,
)  # fmt: skip
CONVERSE_WHOLE = Sample(
    Dialect.CONVERSE, b"/model/m-1/converse", JSON,
    json.dumps({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}, {"text": "I look."},
            {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Paris"}}},
        ]}},
        "stopReason": "tool_use", "usage": _COUNTED, "metrics": {"latencyMs": 5},
    }).encode(),
    MESSAGES_WHOLE.blocks, "tool_use", _ALL,
)  # fmt: skip


def _chunks(*values: object) -> bytes:
    packed = [base64.b64encode(json.dumps(value).encode()).decode() for value in values]
    return _converse(*(("chunk", {"bytes": each, "p": "abcd"}) for each in packed))


def _told(body: bytes) -> list[object]:
    return [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]


INVOKE = b"/model/m-1/invoke-with-response-stream"
INVOKE_STREAMED = MESSAGES_STREAMED._replace(
    dialect=Dialect.INVOKE, path=INVOKE, content_type=AWS, body=_chunks(*_told(MESSAGES_STREAMED.body))
)
INVOKE_CHAT = CHAT_STREAMED._replace(
    dialect=Dialect.INVOKE, path=INVOKE, content_type=AWS, body=_chunks(*_told(CHAT_STREAMED.body))
)
INVOKE_NOVA = CONVERSE_STREAMED._replace(
    dialect=Dialect.INVOKE, path=INVOKE,
    body=_chunks(
        {"messageStart": {"role": "assistant"}}, {"contentBlockDelta": {"delta": {"text": "I "}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "look."}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}}, {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": _COUNTED}},
    ),
    blocks=[text("I look.")], stop="end_turn",
)  # fmt: skip
INVOKE_LLAMA = INVOKE_NOVA._replace(
    body=_chunks(
        {"generation": "I ", "prompt_token_count": 20, "generation_token_count": 1, "stop_reason": None},
        {"generation": "look.", "prompt_token_count": None, "generation_token_count": 8, "stop_reason": None},
        {"generation": "", "prompt_token_count": None, "generation_token_count": 9, "stop_reason": "stop",
         "amazon-bedrock-invocationMetrics": {"inputTokenCount": 20, "outputTokenCount": 9}},
    ),
    stop="stop", usage={"input": 20, "output": 9},
)  # fmt: skip
INVOKE_WHOLE = MESSAGES_WHOLE._replace(dialect=Dialect.INVOKE, path=b"/model/m-1/invoke")

ANSWERS = {
    "converse, streamed": CONVERSE_STREAMED,
    "converse, whole": CONVERSE_WHOLE,
    "invoke, messages": INVOKE_STREAMED,
    "invoke, chat": INVOKE_CHAT,
    "invoke, nova": INVOKE_NOVA,
    "invoke, llama": INVOKE_LLAMA,
    "invoke, whole": INVOKE_WHOLE,
    "chat, streamed": CHAT_STREAMED,
    "chat, whole": CHAT_WHOLE,
    "responses, streamed": RESPONSES_STREAMED,
    "responses, without deltas": RESPONSES_UNTOLD,
    "responses, whole": RESPONSES_WHOLE,
    "messages, streamed": MESSAGES_STREAMED,
    "messages, whole": MESSAGES_WHOLE,
    "gemini, streamed": GEMINI_STREAMED,
    "gemini, wrapped": GEMINI_WRAPPED,
    "gemini, array": GEMINI_ARRAY,
    "gemini, whole": GEMINI_WHOLE,
    "ollama, chat": OLLAMA_CHAT,
    "ollama, generate": OLLAMA_GENERATE,
    "ollama, whole": OLLAMA_WHOLE,
}

SYSTEM: Said = ("system", "text", "Be brief.", "", "")
USER: Said = ("user", "text", "Weather?", "", "")


def result(name: str = "", mark: str = "c1") -> Said:
    """Return the result of a tool."""
    return "tool", "tool result", "sunny", name, mark


_FUNCTION = {"name": "weather", "parameters": {"type": "object"}}
REQUESTS: dict[str, tuple[Dialect, bytes, dict[str, object], list[Said]]] = {
    "chat": (
        Dialect.CHAT,
        CHAT,
        {
            "model": "m-1",
            "stream": True,
            "tools": [{"type": "function", "function": _FUNCTION}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": _ARGUMENTS},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            ],
        },
        [SYSTEM, USER, call(_ARGUMENTS), result()],
    ),
    "responses": (
        Dialect.RESPONSES,
        RESPONSES,
        {
            "model": "m-1",
            "instructions": "Be brief.",
            "tools": [{"type": "function", **_FUNCTION}],
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
                {**_ITEM, "arguments": _ARGUMENTS},
                {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            ],
        },
        [SYSTEM, USER, call(_ARGUMENTS), result()],
    ),
    "messages": (
        Dialect.MESSAGES,
        MESSAGES,
        {
            "model": "m-1",
            "max_tokens": 9,
            "system": [{"type": "text", "text": "Be brief."}],
            "tools": [{"name": "weather", "input_schema": {}}],
            "messages": [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "c1",
                            "content": [{"type": "text", "text": "sunny"}],
                        }
                    ],
                },
            ],
        },
        [SYSTEM, USER, call('{"city":"Paris"}'), result()],
    ),
    "gemini": (
        Dialect.GEMINI,
        GEMINI,
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "model": "m-1",
            "tools": [{"functionDeclarations": [_FUNCTION]}],
            "contents": [
                {"role": "user", "parts": [{"text": "Weather?"}]},
                {
                    "role": "model",
                    "parts": [{"functionCall": {"name": "weather", "args": {"city": "Paris"}}}],
                },
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "clear"}}}],
                },
            ],
        },
        [
            SYSTEM,
            USER,
            call('{"city":"Paris"}', mark=""),
            ("tool", "tool result", '{"sky":"clear"}', "weather", ""),
        ],
    ),
    "ollama": (
        Dialect.OLLAMA,
        b"/api/chat",
        {
            "model": "m-1",
            "tools": [{"type": "function", "function": _FUNCTION}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}],
                },
                {"role": "tool", "tool_name": "weather", "content": "sunny"},
            ],
        },
        [SYSTEM, USER, call('{"city":"Paris"}', mark=""), result("weather", "")],
    ),
    "converse": (
        Dialect.CONVERSE,
        b"/model/m-1/converse-stream",
        {
            "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
            "toolConfig": {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {}}}}]},
            "messages": [
                {"role": "user", "content": [{"text": "Weather?"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Paris"}}}
                    ],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}}],
                },
            ],
        },
        [SYSTEM, USER, call('{"city":"Paris"}'), result()],
    ),
}
REQUESTS["invoke"] = (
    Dialect.INVOKE,
    INVOKE,
    {**REQUESTS["messages"][2], "anthropic_version": "bedrock-2023-05-31"},
    REQUESTS["messages"][3],
)
