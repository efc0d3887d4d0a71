"""Rows to be filtered."""

from __future__ import annotations

from hypothesis import strategies as st

from soth_mitm.model.events import LlmFacts
from soth_mitm.model.llm import Call
from soth_mitm.record.rows import Row


def row(**changes: object) -> Row:
    """Return the row of an exchange that went well, with these changes."""
    fields: dict[str, object] = {
        "flow": 1, "conn": 1, "kind": "http", "started_wall_ns": 0, "started_mono_ns": 0,
        "client": "127.0.0.1:51712", "scheme": "https", "host": "api.shop.test", "port": 443,
        "method": "POST", "status": 200, "path": "/v1/orders?dry_run=1", "content_type": "application/json",
        "version": "HTTP/1.1", "request_bytes": 20, "response_bytes": 2048, "duration_ns": 600_000_000,
        "ttfb_ns": 250_000_000, "state": "closed", "reason": "completed", "intercepted": True,
    }  # fmt: skip
    return Row(**{**fields, **changes})  # type: ignore[arg-type]


def call(**changes: object) -> Call:
    """Return a call that went well, with these changes."""
    fields: dict[str, object] = {
        "dialect": "Anthropic Messages", "model": "claude-opus-5-5", "final": True, "complete": True,
        "input_tokens": 18_204, "output_tokens": 611, "cached_tokens": 17_920, "first_ns": 412_000_000,
        "text_ns": 7_310_000_000, "longest_gap_ns": 900_000_000, "stop_reason": "tool_use",
        "cost": 16_940_000, "priced": "2026-11-29",
    }  # fmt: skip
    return Call.of(LlmFacts(**{**fields, **changes}), 250_000_000)  # type: ignore[arg-type]


ROWS = st.builds(
    row,
    status=st.sampled_from([0, 101, 200, 204, 301, 404, 500, 502]),
    host=st.sampled_from(["api.shop.test", "cdn.shop.test", "::1"]),
    port=st.sampled_from([443, 80, 8443]),
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(["/", "/v1/orders", "/Öl/€?x=1"]),
    content_type=st.sampled_from(["", "application/json", "text/event-stream", "application/grpc+proto"]),
    response_bytes=st.sampled_from([0, 999, 1024, 5_000_000]),
    duration_ns=st.sampled_from([0, 1_000_000, 500_000_000, 3_000_000_000]),
    error=st.booleans(),
    kind=st.sampled_from(["http", "tunnel", "failed"]),
    tls_reason=st.sampled_from(["", "unknown_ca"]),
    outcome=st.sampled_from(["", "cert expired"]),
    sni=st.sampled_from(["", "api.shop.test"]),
    ja4=st.sampled_from(["", "t13d1516h2_8daaf6152771_e5627efa2ab1"]),
    client=st.sampled_from(["127.0.0.1:51712", "[::1]:9", "unix"]),
    process=st.sampled_from(["", "curl", "vite"]),
    replay_of=st.sampled_from([0, 0, 3]),
    llm=st.sampled_from([None, None, call(), call(model="gpt-4o", output_tokens=-1, stalls=2, cost=-1)]),
)

TERMS = st.sampled_from(
    [
        "orders", "/^get/", "host:api", "host:=cdn.shop.test", "host:/^api/", "status:5xx",
        "status:400-499", "status:>=300", "status:0", "size:>1k", "size:1k..10m", "dur:>500ms", "dur:<1ms",
        "type:json", "is:error", "is:tls-failed", "is:tunnel", "is:sse", "is:grpc", "is:ws", "is:open",
        "is:marked", "port:443", "path:/v1/", "url:https://api", "client:127", "sni:shop", "ja4:t13d",
        "reason:expired", "comment:x",
        "method:=get", "is:replay", "replay:3", "proc:curl", '"two words"', "proto:1.1", "scheme:=https",
        "model:opus", "model:=gpt-4o", "tokens:>10k", "tokout:>500", "cost:>0.01", "ttft:<1s", "rate:>1",
        "stalls:>0", "stop:tool", "is:llm",
        "ttfb:>1s", 'type:=""', "orders|status:404", "path:/rders|€/", "host:api&!is:error",
    ]
)  # fmt: skip
EXPRESSIONS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} {pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) or ({pair[1]})"),
        inner.map(lambda text: f"!({text})"),
    ),
    max_leaves=5,
)
