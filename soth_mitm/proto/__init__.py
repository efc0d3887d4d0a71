"""Sans-I/O protocol machines: bytes in, values out, time an argument where it matters.

What lives here: `http1` (the relay codec), `websocket` (what its frames say), `connect` (CONNECT, absolute
targets, what a connection starts with), `client_hello` (the TLS hello, JA3, JA4), and the splitters of
`splitting` that find the messages of a body (`sse`, `ndjson`, `json_values`, `grpc`, `multipart`). Each
machine is fed with bytes in pieces of any size, keeps no more than a named limit and reports a defect by
a stable reason code.

What may not: sockets, event loops, threads, clocks, flow events, decisions of policy.
"""

from __future__ import annotations
