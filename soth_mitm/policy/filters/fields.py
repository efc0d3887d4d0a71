"""The fields an expression can name, and the states of `is:`."""

from __future__ import annotations

from typing import Final, NamedTuple

from soth_mitm.policy.filters.deep import Scope, SideOf


class Field(NamedTuple):
    """A field: what it reads of a row, and how it is explained."""

    name: str
    kind: str
    """`text`, `number`, `count`, `decimal`, `status`, `size` (bytes), `time` (nanoseconds) or `deep`."""
    attributes: tuple[str, ...]
    """Attributes of a row; a text field holds when one of them does."""
    words: str
    """What it is, as the explanation says it."""
    example: str
    note: str = ""


class StateOf(NamedTuple):
    """A state of `is:`."""

    name: str
    words: str
    """How a flow is, after "is" or "has"."""
    why_never: str = ""
    """Why no flow of this version is so; empty where some are."""


FIELDS: Final = (
    Field("host", "text", ("host", "sni"), "host", "host:api."),
    Field("path", "text", ("path",), "path and query", "path:/v1/", "a row keeps 120 characters of it"),
    Field("url", "text", ("url",), "URL", "url:https://api.shop.test/v1"),
    Field("method", "text", ("method",), "method", "method:POST"),
    Field("status", "status", ("status",), "status", "status:5xx"),
    Field("type", "text", ("content_type",), "media type", "type:json"),
    Field("size", "size", ("response_bytes",), "size of the response", "size:>1m"),
    Field("reqsize", "size", ("request_bytes",), "size of the request", "reqsize:>10k"),
    Field("dur", "time", ("duration_ns",), "duration", "dur:>500ms"),
    Field("ttfb", "time", ("ttfb_ns",), "time to the first byte of the response", "ttfb:>=200ms"),
    Field("port", "number", ("port",), "port", "port:8443"),
    Field("scheme", "text", ("scheme",), "scheme", "scheme:=http"),
    Field("proto", "text", ("version", "kind"), "HTTP version, or kind of flow", "proto:1.1"),
    Field("client", "text", ("client",), "client address", "client:127.0.0.1"),
    Field("sni", "text", ("sni",), "server name in the TLS hello", "sni:shop.test"),
    Field("ja4", "text", ("ja4",), "JA4 fingerprint of the client's TLS hello", "ja4:t13d1516h2"),
    Field("reason", "text", ("outcome", "reason", "tls_reason", "guard"), "outcome", "reason:expired"),
    Field("msgs", "number", ("messages",), "number of messages", "msgs:>10", "of streams and WebSockets"),
    Field("comment", "text", ("comment",), "comment", "comment:todo"),
    Field("mark", "text", ("mark",), "mark", "mark:●"),
    Field("replay", "number", ("replay_of",), "flow whose request it sends again", "replay:7"),
    Field("rule", "text", ("rules",), "rule that acted on it", "rule:staging"),
    Field("model", "text", ("model",), "language model that answers", "model:opus"),
    Field("tokens", "count", ("llm",), "tokens in and out of a language model", "tokens:>1000"),
    Field("tokin", "count", ("llm",), "tokens into a language model", "tokin:>100k", "cached ones included"),
    Field("tokout", "count", ("llm",), "tokens out of a language model", "tokout:>500"),
    Field("cached", "count", ("llm",), "tokens that came from a model's cache", "cached:0"),
    Field("cost", "decimal", ("llm",), "cost of a call in US dollars", "cost:>0.05", "by the maker's list"),
    Field("ttft", "time", ("llm",), "time to the first token", "ttft:>2s"),
    Field("rate", "decimal", ("llm",), "tokens a second", "rate:<20"),
    Field("stalls", "number", ("llm",), "pauses of more than 2 s in an answer", "stalls:>0"),
    Field("stop", "text", ("stop",), "why the model stopped", "stop:max_tokens"),
    Field("header", "deep", (), "header field, as `name: value`", "header:set-cookie"),
    Field("body", "deep", (), "body, decoded", "body:needle"),
    Field("reqheader", "deep", (), "header field of the request", "reqheader:authorization"),
    Field("resheader", "deep", (), "header field of the response", "resheader:/cache-control: .*no-store/"),
    Field("reqbody", "deep", (), "body of the request", "reqbody:sku"),
    Field("resbody", "deep", (), "body of the response", "resbody:/error.*code/"),
    Field("proc", "text", ("process",), "program of the client", "proc:curl", "of programs on this machine"),
)  # fmt: skip

DEEP: Final = {
    "header": (Scope.HEADER, SideOf.EITHER),
    "body": (Scope.BODY, SideOf.EITHER),
    "reqheader": (Scope.HEADER, SideOf.REQUEST),
    "resheader": (Scope.HEADER, SideOf.RESPONSE),
    "reqbody": (Scope.BODY, SideOf.REQUEST),
    "resbody": (Scope.BODY, SideOf.RESPONSE),
}
"""What the deep fields search."""

_LATER: Final = "this version does not do that yet"

STATES: Final = (
    StateOf("error", "failed"),
    StateOf("open", "is open"),
    StateOf("streaming", "is streaming its response"),
    StateOf("closed", "has ended"),
    StateOf("tls-failed", "failed in a TLS handshake"),
    StateOf("blocked", "was refused by a guard or by policy"),
    StateOf("tunnel", "passed through without being decrypted"),
    StateOf("intercepted", "came over an intercepted connection"),
    StateOf("marked", "is marked"),
    StateOf("commented", "has a comment"),
    StateOf("changed", "was changed here"),
    StateOf("generated", "was answered here"),
    StateOf("reused", "went over an upstream connection that was used before"),
    StateOf("sse", "has server-sent events for its response"),
    StateOf("grpc", "is gRPC"),
    StateOf("aws-events", "has an AWS event stream, as of Bedrock"),
    StateOf("ndjson", "has JSON, line by line or value by value"),
    StateOf("llm", "is a call to a language model"),
    StateOf("ws", "switched protocols, to a WebSocket as a rule"),
    StateOf("paused", "is held at a breakpoint"),
    StateOf("replay", "is a replay"),
)

BY_NAME: Final = {field.name: field for field in FIELDS}
STATE_NAMES: Final = {state.name: state for state in STATES}
ALIASES: Final = {
    "domain": "host",
    "code": "status",
    "duration": "dur",
    "version": "proto",
    "content-type": "type",
    "process": "proc",
    "note": "comment",
}
"""Other words that people try first."""
