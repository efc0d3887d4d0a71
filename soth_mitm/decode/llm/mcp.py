"""Messages of MCP, and of any JSON-RPC 2.0: what each is, and which request a result answers.

Both eras of MCP over HTTP carry the same messages: in the older one the server's come as events of one
stream, whose first event names the `endpoint` to which the client's are sent; in the newer one each
request is answered by JSON, or by a stream of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from soth_mitm.decode.llm.loose import as_json, fields, inner, items, text, value_of

ENDPOINT: Final = "endpoint"
"""The event of the older era that says where messages are sent to."""

MOST_CALLS: Final = 1000
"""Requests whose results are waited for; the oldest go first."""

LOOKED_AT: Final = 4096

_OWN: Final = re.compile(
    rb'"method"\s*:\s*"(?:initialize|ping|server/discover|(?:notifications|tools|resources|prompts|sampling|'
    rb'completion|roots|elicitation|logging|tasks|subscriptions)/[\w/]+)"'
)
_PATH: Final = re.compile(rb"/(?:mcp|sse)/?$")
_RPC: Final = re.compile(rb'"jsonrpc"\s*:\s*"2\.0"')
_FIRST: Final = re.compile(
    rb'(?:\xef\xbb\xbf)?(?:[\s\[]|:[^\r\n]*\n|(?:id|retry):[^\r\n]*\n|event: ?message\r?\n|data:)*+'
    rb'\{\s*"(?:result|error|method|params|id|jsonrpc)"\s*:'
)  # fmt: skip
MOST_CALL: Final = 2000
"""Bytes of one request by which a result of another flow is joined."""

_TOLD: Final = re.compile(rb"(?:^|\n)event: ?endpoint\r?\ndata: ?([^\r\n]+)\r?\n")
_ENDPOINT: Final = re.compile(rb"(?:^|\n)event: ?endpoint\r?\n")
_SHAPES: Final = {
    "serverInfo": "initialize", "content": "tools/call", "structuredContent": "tools/call",
    "tools": "tools/list", "resources": "resources/list", "resourceTemplates": "resources/templates/list",
    "contents": "resources/read", "prompts": "prompts/list", "messages": "prompts/get",
    "completion": "completion/complete", "roots": "roots/list", "action": "elicitation/create",
}  # fmt: skip
"""What a result has that answers a method."""


class What(StrEnum):
    """What a message is."""

    REQUEST = "request"
    NOTIFICATION = "notification"
    RESULT = "result"
    ERROR = "error"
    OTHER = "other"


class Call(NamedTuple):
    """A request that waits for its result."""

    method: str
    name: str


class Told(NamedTuple):
    """One message."""

    what: What
    id: str
    method: str
    """Of a result or an error, that of its request; or the one that its shape tells; or nothing."""
    name: str
    """The tool, the prompt or the resource that is meant."""
    joined: bool
    """The request of a result is known."""
    value: object
    """Arguments, parameters, the result, or the error."""

    @property
    def failed(self) -> bool:
        """Whether a tool says that it has failed, or the request has."""
        return self.what is What.ERROR or (
            self.what is What.RESULT and fields(self.value).get("isError") is True
        )


class Calls:
    """Joins results with their requests, by the ids of JSON-RPC."""

    def __init__(self) -> None:
        self._waiting: dict[str, Call] = {}

    def take(self, value: object) -> list[Told]:
        """Take a message, or a batch of them; return each. Anything is taken."""
        if isinstance(value, list):
            return [self._one(each) for each in value]
        return [self._one(value)]

    def _one(self, value: object) -> Told:
        body = fields(value)
        identity = as_json(body.get("id"))
        method = text(body.get("method"))
        if method:
            params = fields(body.get("params"))
            name = name_of(method, params)
            if "id" not in body:
                return Told(What.NOTIFICATION, "", method, name, joined=False, value=body.get("params"))
            while len(self._waiting) >= MOST_CALLS:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[identity] = Call(method, name)
            return Told(What.REQUEST, identity, method, name, joined=False, value=body.get("params"))
        if "result" not in body and "code" not in fields(body.get("error")):
            return Told(What.OTHER, identity, "", "", joined=False, value=value)
        what = What.RESULT if "result" in body else What.ERROR
        answer = body.get("result") if what is What.RESULT else body.get("error")
        call = self._waiting.pop(identity, None)
        if call is not None:
            return Told(what, identity, call.method, call.name, joined=True, value=answer)
        guessed = _by_shape(fields(answer)) if what is What.RESULT else ""
        return Told(what, identity, guessed, "", joined=False, value=answer)


def recognise(path: bytes, beginning: bytes, media_type: bytes) -> str:
    """Return why a body that begins like this is one of messages of JSON-RPC; empty where it is none."""
    data = beginning[:LOOKED_AT]
    stream = media_type == b"text/event-stream"
    if not stream and data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return ""
    rpc = data.find(b'"jsonrpc"') >= 0 and _RPC.search(data) is not None
    if rpc and _OWN.search(data):
        return "MCP, by its method"
    if stream and _ENDPOINT.search(data) and _PATH.search(path.partition(b"?")[0]):
        return "MCP over HTTP+SSE, by its first event"
    if _FIRST.match(data):
        if _PATH.search(path.partition(b"?")[0]):
            return "MCP, by its path and messages"
        if rpc:
            return "JSON-RPC 2.0"
    return ""


def name_of(method: str, params: dict[str, object]) -> str:
    """Return which tool, prompt or resource a request means."""
    if method in ("tools/call", "prompts/get"):
        return text(params.get("name"))
    if method.startswith("resources/") or method == "notifications/resources/updated":
        return text(params.get("uri"))
    if method == "completion/complete":
        return text(inner(params, "ref").get("name")) or text(inner(params, "ref").get("uri"))
    return ""


def _by_shape(result: dict[str, object]) -> str:
    if "role" in result and "content" in result:
        return "sampling/createMessage"
    return next((method for key, method in _SHAPES.items() if key in result), "")


def signature(tool: dict[str, object]) -> str:
    """Return how a tool is called: `weather(city, unit?)`."""
    schema = fields(tool.get("inputSchema"))
    needed = items(schema.get("required"))
    names = [f"{name}{'' if name in needed else '?'}" for name in fields(schema.get("properties"))]
    more = ", …" if len(names) > 12 else ""
    return f"{text(tool.get('name'))[:200]}({', '.join(names[:12])}{more})"


def endpoint_of(beginning: bytes) -> bytes:
    """Return where the stream of the older era has messages sent to, path and query; or nothing."""
    match = _TOLD.search(beginning[:LOOKED_AT])
    if match is None:
        return b""
    place = match[1].strip()
    if place[:1] != b"/":
        place = b"/" + place.partition(b"://")[2].partition(b"/")[2] if b"://" in place else b""
    return place.partition(b"#")[0]


def calls_of(body: bytes) -> list[bytes]:
    """Return what results are joined by of the requests in a body: one small request of JSON-RPC for each."""
    value = value_of(body)
    told: list[bytes] = []
    for each in value if isinstance(value, list) else [value]:
        message = fields(each)
        method = text(message.get("method"))
        if method and "id" in message:
            name = name_of(method, fields(message.get("params")))[:200]
            params = {"name": name, "uri": name, "ref": {"name": name}}
            small = {"id": message["id"], "method": method[:200], "params": params}
            told.append(as_json(small).encode("utf-8", "replace"))
    return [each for each in told if len(each) <= MOST_CALL][:MOST_CALLS]


def together(calls: Iterable[bytes]) -> bytes:
    """Return such requests as one batch, which `Calls.take` takes."""
    kept = list(calls)[-MOST_CALLS:]
    return b"[%b]" % b",".join(kept) if kept else b""
