"""MCP in both eras: what is recognised, how results join their requests, and what is shown."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.decode import render
from soth_mitm.decode.about import About
from soth_mitm.decode.llm import mcp
from soth_mitm.decode.llm.mcp import Calls, What, recognise

JSON, SSE = b"application/json", b"text/event-stream"
CALL = {
    "jsonrpc": "2.0", "id": 3, "method": "tools/call",
    "params": {"name": "weather", "arguments": {"city": "Paris"}, "_meta": {"progressToken": 7}},
}  # fmt: skip
RESULT = {
    "jsonrpc": "2.0",
    "id": 3,
    "result": {"content": [{"type": "text", "text": "sunny"}], "isError": False},
}
PROGRESS = {
    "jsonrpc": "2.0",
    "method": "notifications/progress",
    "params": {"progressToken": 7, "progress": 1},
}
TOOLS = {
    "result": {"tools": [{
        "name": "weather", "description": "Says how it is outside.\nNow.",
        "inputSchema": {"type": "object", "properties": {"city": {}, "unit": {}}, "required": ["city"]},
    }], "nextCursor": "n"},
    "jsonrpc": "2.0", "id": "a",
}  # fmt: skip


def data(value: object) -> bytes:
    return json.dumps(value).encode()


def stream(*values: object) -> bytes:
    return b"".join(b"event: message\ndata: %b\n\n" % data(value) for value in values)


def shown(body: bytes, media_type: bytes = JSON, *, path: bytes = b"/mcp", asked: object = None) -> list[str]:
    about = About(media_type, path=path, response=True, asked=data(asked) if asked else b"")
    rendered = render(body, about=about)
    assert rendered.kind == "mcp"
    return list(rendered.lines)


def test_a_call_is_shown_with_its_tool_and_arguments() -> None:
    assert shown(data(CALL)) == [
        "● tools/call · weather · id 3", "  {", '    "city": "Paris"', "  }",
        "  {", '    "_meta": {', '      "progressToken": 7', "    }", "  }",
    ]  # fmt: skip


def test_a_result_names_the_request_that_it_answers_wherever_it_comes() -> None:
    lines = ["● result · tools/call · weather · id 3", "  ● text", "    sunny"]
    assert shown(data(RESULT), asked=CALL) == lines
    streamed = shown(stream(PROGRESS, RESULT), SSE, asked=CALL)
    assert streamed[0] == "● notifications/progress"
    assert streamed[-3:] == lines
    assert shown(data(RESULT))[0] == "● result · as of tools/call · id 3"


def test_a_stream_of_the_older_era_says_where_its_requests_go_and_they_join_its_results() -> None:
    for place, found in (
        (b"/m?session_id=7", b"/m?session_id=7"), (b"https://a.test/m/8", b"/m/8"), (b"m", b""), (b"", b""),
    ):  # fmt: skip
        assert mcp.endpoint_of(b"event: endpoint\r\ndata: %b\r\n\r\n" % place) == found
    other = {"jsonrpc": "2.0", "id": "x", "method": "resources/read", "params": {"uri": "file:///a"}}
    notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    calls = [*mcp.calls_of(data([CALL, notice])), *mcp.calls_of(data(other)), *mcp.calls_of(b"\xff")]
    assert len(calls) == 2
    batch = json.loads(mcp.together(calls))
    answer = {"jsonrpc": "2.0", "id": "x", "result": {"contents": []}}
    assert shown(stream(RESULT, answer), SSE, path=b"/sse", asked=batch)[::3] == [
        "● result · tools/call · weather · id 3", "● result · resources/read · file:///a · id x",
    ]  # fmt: skip
    assert mcp.together([]) == b""


def test_a_tool_that_fails_and_an_error_say_so() -> None:
    failed = {
        "jsonrpc": "2.0",
        "id": 3,
        "result": {"content": [{"type": "text", "text": '{"a": 1}'}], "isError": True},
    }
    assert shown(data(failed), asked=CALL)[:4] == [
        "● failed · tools/call · weather · id 3", "  ● text", "    {", '      "a": 1',
    ]  # fmt: skip
    error = {"jsonrpc": "2.0", "id": 3, "error": {"code": -32602, "message": "Unknown tool"}}
    assert shown(data(error), asked=CALL) == [
        "● error -32602 · tools/call · weather · id 3", "  {", '    "code": -32602,',
        '    "message": "Unknown tool"', "  }",
    ]  # fmt: skip


def test_tools_are_listed_with_what_they_take() -> None:
    assert shown(data(TOOLS), asked={"jsonrpc": "2.0", "id": "a", "method": "tools/list"})[:4] == [
        "● result · tools/list · id a", "  ● weather(city, unit?)", "    Says how it is outside.", "    Now.",
    ]  # fmt: skip


def test_the_older_era_is_a_stream_that_begins_with_an_endpoint() -> None:
    body = b"event: endpoint\ndata: /messages/?session_id=1\n\n" + stream(RESULT)
    assert recognise(b"/sse", body, SSE) == "MCP over HTTP+SSE, by its first event"
    assert shown(body, SSE, path=b"/sse")[:3] == [
        "● endpoint", "  /messages/?session_id=1", "● result · as of tools/call · id 3",
    ]  # fmt: skip


def test_a_batch_and_pictures_are_shown_part_by_part() -> None:
    picture = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
    link = {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": "hi"}}
    result = {
        "jsonrpc": "2.0",
        "id": 3,
        "result": {"content": [picture, link], "structuredContent": {"n": 1}},
    }
    lines = shown(data([CALL, PROGRESS, result]))
    heads = [line for line in lines if "●" in line]
    assert heads == [
        "● tools/call · weather · id 3", "● notifications/progress", "● result · tools/call · weather · id 3",
        "  ● image · image/png · 4 characters of base64", "  ● resource · file:///a · text/plain",
        "  ● structured",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "media_type", "reason"),
    [
        (b"/x", data(CALL), JSON, "MCP, by its method"),
        (b"/mcp", data(TOOLS), JSON, "MCP, by its path and messages"),
        (b"/mcp?x=1", stream(RESULT), SSE, "MCP, by its path and messages"),
        (b"/rpc", b'{"jsonrpc":"2.0","id":1,"method":"eth_call"}', JSON, "JSON-RPC 2.0"),
        (b"/mcp", b'{"id": 1}', b"text/plain", "MCP, by its path and messages"),
        (b"/v1/messages", b'{"error": {"message": "no"}}', JSON, ""),
        (b"/x", b"event: endpoint\ndata: /y\n\n", SSE, ""),
        (b"/x", b"jsonrpc 2.0", JSON, ""),
    ],
)
def test_what_is_taken_for_mcp(path: bytes, body: bytes, media_type: bytes, reason: str) -> None:
    assert recognise(path, body, media_type) == reason


def test_what_begins_like_messages_again_and_again_is_looked_at_once() -> None:
    began = time.process_time()
    for piece in (b"data: ", b"id: 1\n", b": \n", b"event: message\n", b"[ "):
        assert recognise(b"/mcp", piece * 1000, b"text/event-stream") == ""
    assert time.process_time() - began < 0.5  # of 60 of the first it took for ever


def test_what_only_looks_so_is_shown_as_json() -> None:
    about = About(JSON, path=b"/mcp", response=True)
    assert render(b'{"error": "invalid_token", "error_description": "expired"}', about=about).kind == "json"
    assert render(data(CALL)[:60], about=about, complete=False).kind == "json"


def test_waiting_requests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "MOST_CALLS", 2)
    calls = Calls()
    for number in range(3):
        calls.take({**CALL, "id": number})
    joined = [calls.take({"id": number, "result": {}})[0].joined for number in range(3)]
    assert joined == [False, True, True]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "method", "params", "result", "error", "content", "tools", "text", "type", "name",
                 "code", "arguments", "inputSchema", "properties", "resource", "messages"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
def test_any_value_is_survived(value: object) -> None:
    for told in Calls().take(value):
        assert told.what in What
    about = About(JSON, path=b"/mcp", response=True, asked=data(value))
    render(data(value), about=about, decoder="mcp")
