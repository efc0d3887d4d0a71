"""Sessions with models and their tools at the stage: what is asked, and what comes back, by dialect."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from soth_mitm.cli.demo import dialects
from soth_mitm.cli.demo.dialects import (
    ARGUMENTS,
    CALL,
    MODEL,
    QUESTION,
    RESULT,
    SYSTEM,
    TEXT,
    TOOL,
    WAYS,
    words,
)
from soth_mitm.cli.demo.message import Answer, Fields, Request, as_json

MCP, OLDER, INBOX, REALTIME = "/mcp", "/sse", "/messages", "/v1/realtime"
VERSION: Final = "2025-06-18"
_SESSION: Fields = (("Mcp-Session-Id", "s-demo-7"),)

Value = dict[str, object]


class Step(NamedTuple):
    """One request of a session; of a WebSocket, what the client says."""

    method: str
    path: str
    fields: Fields = ()
    body: object = None
    says: tuple[Value, ...] = ()


class Session(NamedTuple):
    """Requests one after the other, or all but the first at the same time."""

    steps: tuple[Step, ...]
    together: bool = False


def stream(request: Request, _: str) -> Answer:
    """Answer a request in a dialect of HTTP: the second turn where a tool's result came along."""
    way = next((each for each in WAYS.values() if each.path == request.path), None)
    if way is None:
        return as_json({"error": {"message": f"no model answers at {request.path}"}}, 404)
    again = RESULT in request.body.decode("utf-8", "replace").replace("\\", "")
    fields = (("Content-Type", way.kind), ("Cache-Control", "no-cache"))
    return Answer(200, fields, pieces=tuple(way.says(again)), gap=0.1, wait=0.4)


# --- MCP


def _rpc(number: int, **body: object) -> Value:
    return {"jsonrpc": "2.0", "id": number, **body}


_HELLO = _rpc(0, method="initialize", params={
    "protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "shop-agent", "version": "1.3"},
})  # fmt: skip
_LIST = _rpc(1, method="tools/list")
_CALL = _rpc(2, method="tools/call", params={"name": TOOL, "arguments": json.loads(ARGUMENTS)})
_WRONG = _rpc(3, method="tools/call", params={"name": "price", "arguments": {}})


def _result(asked: Value) -> Value:
    number, params = asked.get("id"), asked.get("params")
    if asked.get("method") == "initialize":
        server = {"name": "shop-tools", "version": "2.0"}
        result: object = {"protocolVersion": VERSION, "capabilities": {"tools": {}}, "serverInfo": server}
    elif asked.get("method") == "tools/list":
        schema = {"type": "object", "properties": {"sku": {}, "sites": {}}, "required": ["sku"]}
        result = {"tools": [{"name": TOOL, "description": "Says what is in stock.", "inputSchema": schema}]}
    elif isinstance(params, dict) and params.get("name") == TOOL:
        result = {"content": [{"type": "text", "text": RESULT}], "isError": False}
    else:
        return {"jsonrpc": "2.0", "id": number, "error": {"code": -32602, "message": "Unknown tool: price"}}
    return {"jsonrpc": "2.0", "id": number, "result": result}


def _events(*values: Value) -> tuple[bytes, ...]:
    return tuple(
        f"event: message\ndata: {json.dumps(each, ensure_ascii=False)}\n\n".encode() for each in values
    )


def mcp(request: Request, _: str) -> Answer:
    """Answer by JSON, or a call of a tool by a stream that tells its progress first; a notice by nothing."""
    try:
        asked = json.loads(request.body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}
        return as_json(error, 400)
    if "id" not in asked:
        return Answer(202)
    if asked.get("method") != "tools/call":
        return as_json(_result(asked), fields=_SESSION)
    notes: list[Value] = [
        {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {"progressToken": 7, "progress": each},
        }
        for each in range(1, 4)
    ]
    fields = (("Content-Type", dialects.SSE), *_SESSION)
    return Answer(200, fields, pieces=_events(*notes, _result(asked)), gap=0.4)


def older(_: Request, __: str) -> Answer:
    """Open the stream of the older era: its endpoint, then the results of what is posted there meanwhile."""
    first = f"event: endpoint\ndata: {INBOX}?session_id=s-demo-8\n\n".encode()
    results = _events(*(_result(each) for each in (_HELLO, _LIST, _CALL)))
    return Answer(200, (("Content-Type", dialects.SSE),), pieces=(first, *results), gap=0.5)


def inbox(_: Request, __: str) -> Answer:
    """Take a message of the older era; its result comes over the stream."""
    return Answer(202, (("Content-Type", "text/plain"),), b"Accepted", wait=0.5)


# --- WebSockets


def realtime(_: Request, __: str) -> Answer:
    """Say an answer by voice: its transcript comes with the sound."""
    usage = {
        "total_tokens": 121, "input_tokens": 88, "output_tokens": 33,
        "input_token_details": {"cached_tokens": 64, "text_tokens": 88},
        "output_token_details": {"text_tokens": 12, "audio_tokens": 21},
    }  # fmt: skip
    where = {"response_id": "resp_9", "output_index": 0, "content_index": 0}
    content = [{"type": "output_audio", "transcript": "".join(words(TEXT))}]
    item = {"id": "item_2", "type": "message", "role": "assistant", "content": content}
    done = {"id": "resp_9", "status": "completed", "output": [item], "usage": usage}
    said: list[Value] = [
        {"type": "session.created", "session": {"model": MODEL, "instructions": ""}},
        {"type": "session.updated", "session": {"model": MODEL, "instructions": SYSTEM}},
        {"type": "response.created", "response": {"id": "resp_9", "status": "in_progress"}},
    ]
    for word in words(TEXT):
        said.append({"type": "response.output_audio_transcript.delta", **where, "delta": word})
        said.append({"type": "response.output_audio.delta", **where, "delta": "AAAA"})
    said.append({"type": "response.done", "response": done})
    return _socket(said)


def turns(_: Request, __: str) -> Answer:
    """Answer two turns of Responses over one WebSocket."""
    return _socket([*dialects.response_events(again=False), *dialects.response_events(again=True)])


def _socket(said: list[Value]) -> Answer:
    return Answer(101, pieces=tuple(json.dumps(each, ensure_ascii=False).encode() for each in said), gap=0.12)


def _turn(again: bool) -> Value:
    asked = WAYS["responses"].asks(again)
    if again:
        output = {"type": "function_call_output", "call_id": CALL, "output": RESULT}
        asked = {**asked, "previous_response_id": "resp_1", "input": [output]}
    return {"type": "response.create", **asked}


_ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
_HEARD: tuple[Value, ...] = (
    {"type": "session.update", "session": {"instructions": SYSTEM}},
    {"type": "conversation.item.create", "item": _ITEM},
    {"type": "response.create"},
)
_ACCEPT: Fields = (("Accept", "application/json, text/event-stream"),)
_LATER: Fields = (*_ACCEPT, *_SESSION, ("MCP-Protocol-Version", VERSION))
_READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}

SESSIONS: Final[dict[str, Session]] = {
    **{
        name: Session(tuple(Step("POST", way.path, body=way.asks(again)) for again in (False, True)))
        for name, way in WAYS.items()
    },
    "mcp": Session(
        (
            Step("POST", MCP, _ACCEPT, _HELLO),
            *(Step("POST", MCP, _LATER, each) for each in (_READY, _LIST, _CALL, _WRONG)),
        )
    ),
    "realtime": Session((Step("GET", f"{REALTIME}?model={MODEL}", says=_HEARD),)),
    "mcp, older": Session(
        (
            Step("GET", "/.well-known/oauth-protected-resource"),
            Step("GET", OLDER, (("Accept", "text/event-stream"),)),
            *(Step("POST", f"{INBOX}?session_id=s-demo-8", (), each) for each in (_HELLO, _LIST, _CALL)),
        ),
        together=True,
    ),
    "turns": Session((Step("GET", WAYS["responses"].path, says=(_turn(again=False), _turn(again=True))),)),
}
"""A session in each dialect, in the order in which they are played."""
