"""Event streams as the proxy publishes them, built by hand: for tests of folds, files and screens.

A `Stream` numbers and times events on a clock of its own; each scene appends the events of one thing
that happens and returns the number of its flow. Nothing here touches a socket.
"""

from __future__ import annotations

from collections.abc import Callable

from soth_mitm.model import events as e
from soth_mitm.model.tls import TlsFailure

WALL = 1_767_225_600_000_000_000
"""2026-01-01 00:00:00 UTC."""

HOSTILE = "\x1b]52;c;cm0gLXJm\x07\x9b31m‮[@click=app.quit]x[/]\udcff"
"""What must never reach a terminal: OSC 52, C1, bidi, markup that acts, a lone surrogate."""

HOSTILE_BYTES = b"\x1b]52;c;cm0gLXJm\x07\x9b31m\xe2\x80\xae[@click=app.quit]x[/]\xff\x00"

CHUNK = 65_536


class Stream:
    """The events of one run so far. With `publish`, events go there as well (a `Bus.publish`)."""

    def __init__(self, publish: Callable[[e.Body, int, int, int], int] | None = None) -> None:
        self.events: list[e.Event] = []
        self.mono_ns = 5_000_000_000
        self._publish = publish
        self._flow_seqs: dict[int, int] = {}
        self._conns = 0
        self._flows = 0
        self._ports = 40_000

    def later(self, milliseconds: float) -> None:
        """Let time pass."""
        self.mono_ns += round(milliseconds * 1e6)

    def add(self, body: e.Body, *, conn: int = 0, flow: int = 0, after_ms: float = 0.05) -> e.Event:
        """Append one event, `after_ms` after the one before."""
        self.later(after_ms)
        flow_seq = 0
        if flow and not isinstance(body, e.Annotated):
            flow_seq = self._flow_seqs[flow] = self._flow_seqs.get(flow, 0) + 1
        wall_ns = WALL + self.mono_ns
        event = e.Event(len(self.events) + 1, conn, flow, flow_seq, self.mono_ns, wall_ns, body)
        self.events.append(event)
        if self._publish is not None:
            self._publish(body, conn, flow, flow_seq)
        return event

    def new_conn(self) -> int:
        """Return the next number of a conn."""
        self._conns += 1
        return self._conns

    def new_flow(self) -> int:
        """Return the next number of a flow."""
        self._flows += 1
        return self._flows

    def new_client(self, address: str = "127.0.0.1") -> str:
        """Return a client address with a port of its own."""
        self._ports = 40_000 + (self._ports - 39_999) % 20_000
        return f"{address}:{self._ports}"


# --- the session --------------------------------------------------------------------------------


def begin(stream: Stream, *, run_id: str = "run-1", port: int = 8080) -> None:
    """The proxy starts."""
    stream.add(e.SessionStarted(run_id, "0.1.0", platform="linux"))
    stream.add(e.CaLoaded("/home/ada/.config/soth-mitm", "9F:3C:00:A1", "EC P-256", False, 2_000_000_000))
    stream.add(e.ListenerOpened("127.0.0.1", port))


def end(stream: Stream, *, port: int = 8080) -> None:
    """The proxy stops."""
    stream.add(e.ListenerClosed("127.0.0.1", port))
    stream.add(e.SessionEnded("shutdown"))


# --- conns --------------------------------------------------------------------------------------


class Pair:
    """An intercepted connection: the client's side and the upstream's."""

    def __init__(self, stream: Stream, host: str, port: int, client: str) -> None:
        self.stream, self.host, self.port, self.client = stream, host, port, client
        self.conn = stream.new_conn()
        self.upstream = stream.new_conn()
        self.flows = 0


def connect(stream: Stream, *, host: str = "api.shop.test", port: int = 443, client: str = "") -> Pair:
    """A client sends CONNECT, both TLS handshakes succeed."""
    pair = Pair(stream, host, port, client or stream.new_client())
    conn, upstream = pair.conn, pair.upstream
    raw = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    stream.add(e.ConnOpened(e.Side.CLIENT, pair.client, "127.0.0.1:8080"), conn=conn)
    stream.add(e.ConnectReceived(host, port, raw), conn=conn)
    stream.add(e.PolicyDecided("intercept", "default_intercept", host, port), conn=conn)
    stream.add(e.DialStarted(host, port), conn=upstream)
    stream.add(e.DialResolved(("192.0.2.7",)), conn=upstream, after_ms=2)
    stream.add(e.ConnOpened(e.Side.UPSTREAM, f"192.0.2.7:{port}"), conn=upstream, after_ms=11)
    hello = e.HelloReceived(host, ("h2", "http/1.1"), ("TLSv1.3",), ja4="t13d1516h2_8daaf6152771", length=517)
    stream.add(hello, conn=conn)
    stream.add(e.TlsStarted(e.Side.UPSTREAM, host), conn=upstream)
    established = e.TlsEstablished(
        e.Side.UPSTREAM, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "http/1.1", verified=True,
        chain=(b"\x30\x82leaf", b"\x30\x82issuer"),
    )  # fmt: skip
    stream.add(established, conn=upstream, after_ms=14)
    stream.add(e.CertificateIssued(host, (host,), False), conn=conn)
    stream.add(e.TlsStarted(e.Side.CLIENT, host), conn=conn)
    stream.add(e.TlsEstablished(e.Side.CLIENT, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "http/1.1"), conn=conn)
    return pair


def disconnect(pair: Pair, *, reason: str = "completed") -> None:
    """Both sides of an intercepted connection close."""
    pair.stream.add(e.ConnClosed(reason, received=5000, sent=700), conn=pair.upstream)
    pair.stream.add(e.ConnClosed(reason, received=700, sent=5000), conn=pair.conn)


# --- exchanges ----------------------------------------------------------------------------------


def request(
    pair: Pair,
    *,
    method: str = "GET",
    path: bytes = b"/v1/items?page=2",
    fields: bytes = b"Accept: */*\r\n",
    content_type: bytes = b"",
) -> int:
    """A request's head arrives on an intercepted connection; return its flow."""
    stream, flow = pair.stream, pair.stream.new_flow()
    opened = e.FlowOpened(e.FlowKind.HTTP, "https", pair.host, pair.port, pair.client, intercepted=True)
    stream.add(opened, conn=pair.conn, flow=flow)
    raw = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (method.encode(), path, pair.host.encode(), fields)
    head = e.RequestHead(method.encode(), path, "HTTP/1.1", raw, path, content_type)
    stream.add(head, conn=pair.conn, flow=flow)
    phases = {} if pair.flows else {"dns_ns": 2_000_000, "connect_ns": 11_000_000, "tls_ns": 14_000_000}
    bound = e.FlowBound(pair.conn, pair.upstream, pair.flows > 0, f"192.0.2.7:{pair.port}", **phases)
    stream.add(bound, conn=pair.conn, flow=flow)
    pair.flows += 1
    return flow


def response(
    pair: Pair,
    flow: int,
    *,
    status: int = 200,
    content_type: bytes = b"application/json",
    fields: bytes = b"",
    encoding: bytes = b"",
    after_ms: float = 20,
) -> None:
    """The head of the final response arrives."""
    raw = b"HTTP/1.1 %d Fine\r\nContent-Type: %b\r\n%b\r\n" % (status, content_type, fields)
    head = e.ResponseHead(status, b"Fine", "HTTP/1.1", raw, content_type, encoding)
    pair.stream.add(head, conn=pair.conn, flow=flow, after_ms=after_ms)


def body(
    pair: Pair,
    flow: int,
    data: bytes,
    *,
    direction: e.Direction = e.Direction.RESPONSE,
    offset: int = 0,
    after_ms: float = 0.05,
) -> int:
    """Body bytes pass, in chunks of at most 64 KiB; return the offset behind them."""
    for start in range(0, len(data), CHUNK):
        piece = data[start : start + CHUNK]
        chunk = e.BodyChunk(direction, offset, len(piece), piece)
        pair.stream.add(chunk, conn=pair.conn, flow=flow, after_ms=after_ms)
        offset += len(piece)
    return offset


def close(pair: Pair, flow: int, *, reason: str = "completed", detail: str = "") -> None:
    """A flow ends."""
    pair.stream.add(e.FlowClosed(reason, detail), conn=pair.conn, flow=flow)


def exchange(
    pair: Pair,
    *,
    method: str = "GET",
    path: bytes = b"/v1/items?page=2",
    status: int = 200,
    content_type: bytes = b"application/json",
    data: bytes = b'{"items": [1, 2, 3]}',
) -> int:
    """A whole request and response on an intercepted connection."""
    flow = request(pair, method=method, path=path)
    pair.stream.add(e.RequestEnd(0, 0), conn=pair.conn, flow=flow)
    response(pair, flow, status=status, content_type=content_type)
    size = body(pair, flow, data)
    pair.stream.add(e.ResponseEnd(size, size), conn=pair.conn, flow=flow)
    close(pair, flow)
    return flow


def https_exchange(stream: Stream, *, host: str = "api.shop.test", path: bytes = b"/v1/items?page=2") -> int:
    """A connection with one exchange, from CONNECT to the end."""
    pair = connect(stream, host=host)
    flow = exchange(pair, path=path)
    disconnect(pair)
    return flow


def plain_exchange(stream: Stream, *, host: str = "plain.test", status: int = 200) -> int:
    """A request in absolute-form, and its answer."""
    conn, upstream, flow = stream.new_conn(), stream.new_conn(), stream.new_flow()
    client = stream.new_client()
    stream.add(e.ConnOpened(e.Side.CLIENT, client), conn=conn)
    stream.add(e.FlowOpened(e.FlowKind.HTTP, "http", host, 80, client), conn=conn, flow=flow)
    target = f"http://{host}/index.html".encode()
    raw = b"GET %b HTTP/1.1\r\nHost: %b\r\nProxy-Connection: keep-alive\r\n\r\n" % (target, host.encode())
    sent = b"GET /index.html HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode()
    head = e.RequestHead(b"GET", target, "HTTP/1.1", raw, b"/index.html", forwarded=sent)
    stream.add(head, conn=conn, flow=flow)
    stream.add(e.DialStarted(host, 80), conn=upstream)
    stream.add(e.ConnOpened(e.Side.UPSTREAM, "192.0.2.8:80"), conn=upstream, after_ms=5)
    stream.add(e.FlowBound(conn, upstream, False, "192.0.2.8:80", connect_ns=5_000_000), conn=conn, flow=flow)
    stream.add(e.RequestEnd(0, 0), conn=conn, flow=flow)
    answer = (
        b"HTTP/1.1 %d Fine\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\n" % status
    )
    found = e.ResponseHead(status, b"Fine", "HTTP/1.1", answer, b"text/html; charset=utf-8")
    stream.add(found, conn=conn, flow=flow, after_ms=8)
    stream.add(e.BodyChunk(e.Direction.RESPONSE, 0, 5, b"<p>hi"), conn=conn, flow=flow)
    stream.add(e.ResponseEnd(5, 5), conn=conn, flow=flow)
    stream.add(e.FlowClosed("completed"), conn=conn, flow=flow)
    stream.add(e.ConnClosed("completed"), conn=upstream)
    stream.add(e.ConnClosed("completed"), conn=conn)
    return flow


def sse(stream: Stream, *, events: int = 10, finished: bool = True, host: str = "api.llm.test") -> int:
    """A response of server-sent events, one each 100 ms; left open unless `finished`."""
    pair = connect(stream, host=host)
    flow = request(pair, method="POST", path=b"/v1/messages", content_type=b"application/json")
    size = body(pair, flow, b'{"stream": true}', direction=e.Direction.REQUEST)
    stream.add(e.RequestEnd(size, size), conn=pair.conn, flow=flow)
    response(pair, flow, content_type=b"text/event-stream; charset=utf-8", after_ms=612)
    offset = 0
    for number in range(events):
        data = b'event: delta\ndata: {"n": %d}\n\n' % number
        offset = body(pair, flow, data, offset=offset, after_ms=100)
    if finished:
        stream.add(e.ResponseEnd(offset, offset), conn=pair.conn, flow=flow)
        close(pair, flow)
        disconnect(pair)
    return flow


def told_sse(stream: Stream, *, finished: bool = True, reason: str = "completed") -> int:
    """Two server-sent events that are told as messages: one lies in the body, one does not."""
    pair = connect(stream, host="api.llm.test")
    flow = request(pair, path=b"/events")
    stream.add(e.RequestEnd(0, 0), conn=pair.conn, flow=flow)
    response(pair, flow, content_type=b"text/event-stream")

    def tell(body: e.Body) -> None:
        stream.add(body, conn=pair.conn, flow=flow)

    tell(e.MessagesStarted(e.Direction.RESPONSE, e.MessageForm.SSE, "text/event-stream"))
    size = body(pair, flow, b'event: delta\nid: 7\ndata: {"n": 1}\n\n', after_ms=100)
    tell(e.MessageSeen(e.Direction.RESPONSE, 1, "delta", 8, offset=25, wire=35, note="7"))
    size = body(pair, flow, b"data: a\ndata: b\n\n", offset=size, after_ms=100)
    tell(e.MessageSeen(e.Direction.RESPONSE, 2, "message", 3, b"a\nb", wire=17))
    if finished:
        tell(e.ResponseEnd(size, size))
        close(pair, flow, reason=reason)
        disconnect(pair)
    return flow


def grpc(stream: Stream, *, trailers: bytes = b"grpc-status: 0\r\n", fields: bytes = b"") -> int:
    """A unary call of gRPC; of one that fails at once, `fields` of the head say so."""
    pair = connect(stream, host="grpc.shop.test")
    flow = request(pair, method="POST", path=b"/shop.v1.Orders/Get", content_type=b"application/grpc")

    def tell(body: e.Body) -> None:
        stream.add(body, conn=pair.conn, flow=flow)

    tell(e.MessagesStarted(e.Direction.REQUEST, e.MessageForm.GRPC, "application/grpc"))
    body(pair, flow, b"\0\0\0\0\x03ask", direction=e.Direction.REQUEST)
    tell(e.MessageSeen(e.Direction.REQUEST, 1, "message", 3, offset=5, wire=8))
    tell(e.RequestEnd(8, 8))
    response(pair, flow, content_type=b"application/grpc", fields=fields)
    if not fields:
        tell(e.MessagesStarted(e.Direction.RESPONSE, e.MessageForm.GRPC, "application/grpc"))
        body(pair, flow, b"\1\0\0\0\x04\x00\x01\xfe\xff")
        tell(e.MessageSeen(e.Direction.RESPONSE, 2, "message", 6, b"answer", wire=9, compressed=True))
    tell(e.ResponseEnd(0 if fields else 9, 9, trailers))
    close(pair, flow)
    disconnect(pair)
    return flow


def upload(stream: Stream, *, size: int = 200_000, host: str = "upload.test") -> int:
    """A request with a large body, an interim response, trailers."""
    pair = connect(stream, host=host)
    flow = request(pair, method="PUT", path=b"/files/a.bin", fields=b"Expect: 100-continue\r\n")
    info = e.ResponseInfo(100, b"HTTP/1.1 100 Continue\r\n\r\n")
    stream.add(info, conn=pair.conn, flow=flow)
    sent = body(pair, flow, bytes(size), direction=e.Direction.REQUEST)
    stream.add(e.RequestEnd(sent, sent + 40, b"X-Sum: 12\r\n"), conn=pair.conn, flow=flow)
    response(pair, flow, status=201, content_type=b"")
    stream.add(e.ResponseEnd(0, 0), conn=pair.conn, flow=flow)
    close(pair, flow)
    disconnect(pair)
    return flow


# --- what is no exchange ------------------------------------------------------------------------


def tunnel(stream: Stream, *, host: str = "pinned.test", finished: bool = True) -> int:
    """A connection that is passed on without being decrypted."""
    conn, upstream, flow = stream.new_conn(), stream.new_conn(), stream.new_flow()
    client = stream.new_client()
    stream.add(e.ConnOpened(e.Side.CLIENT, client), conn=conn)
    stream.add(e.ConnectReceived(host, 443), conn=conn)
    stream.add(e.PolicyDecided("tunnel", "tunnel_option", host, 443, rule=host), conn=conn)
    stream.add(e.DialStarted(host, 443), conn=upstream)
    stream.add(e.ConnOpened(e.Side.UPSTREAM, "192.0.2.9:443"), conn=upstream, after_ms=9)
    stream.add(e.FlowOpened(e.FlowKind.TUNNEL, "tcp", host, 443, client), conn=conn, flow=flow)
    stream.add(e.FlowBound(conn, upstream, False, "192.0.2.9:443"), conn=conn, flow=flow)
    stream.add(e.HelloReceived(host, ("h2",), ("TLSv1.3",)), conn=conn, flow=flow)
    stream.add(e.Noted("tunnel_option", host), conn=conn, flow=flow)
    stream.add(e.TunnelProgress(900, 40_000), conn=conn, flow=flow, after_ms=1000)
    if finished:
        stream.add(e.FlowClosed("relay_eof", "", 1200, 90_000), conn=conn, flow=flow, after_ms=500)
        stream.add(e.ConnClosed("relay_eof", received=90_000, sent=1200), conn=upstream)
        stream.add(e.ConnClosed("relay_eof", received=1200, sent=90_000), conn=conn)
    return flow


def tls_refused(stream: Stream, *, host: str = "pin.bank.test", address: str = "127.0.0.1") -> int:
    """A client does not trust our CA."""
    failure = TlsFailure(
        peer="client", failure_class="unknown_ca", reason="client_rejected_ca", source="alert",
        confidence="authoritative", detail="tlsv1 alert unknown ca", alert=48,
        hint=f"The client does not trust this proxy's CA for {host}: install it, or use --tunnel {host}.",
    )  # fmt: skip
    return _failed_tls(stream, host, e.Side.CLIENT, failure, address)


def upstream_expired(stream: Stream, *, host: str = "old.shop.test") -> int:
    """An upstream shows a certificate that has expired."""
    failure = TlsFailure(
        peer="upstream", failure_class="cert_validation", reason="certificate_expired", source="verify_code",
        confidence="authoritative", detail="certificate has expired",
        hint=f"The certificate of {host}:443 has expired: its owner must renew it, or look at it with -k.",
    )  # fmt: skip
    return _failed_tls(stream, host, e.Side.UPSTREAM, failure, "127.0.0.1")


def _failed_tls(stream: Stream, host: str, side: e.Side, failure: TlsFailure, address: str) -> int:
    conn, flow, client = stream.new_conn(), stream.new_flow(), stream.new_client(address)
    stream.add(e.ConnOpened(e.Side.CLIENT, client), conn=conn)
    stream.add(e.ConnectReceived(host, 443), conn=conn)
    stream.add(e.PolicyDecided("intercept", "default_intercept", host, 443), conn=conn)
    stream.add(e.HelloReceived(host, ("h2",), ("TLSv1.3",)), conn=conn)
    stream.add(e.TlsStarted(e.Side.CLIENT, host), conn=conn)
    opened = e.FlowOpened(e.FlowKind.FAILED, "https", host, 443, client)
    stream.add(opened, conn=conn, flow=flow, after_ms=30)
    stream.add(e.TlsFailed(side, failure), conn=conn, flow=flow)
    stream.add(e.FlowClosed("tls_handshake_failed", failure.reason), conn=conn, flow=flow)
    stream.add(e.ConnClosed("tls_handshake_failed"), conn=conn)
    return flow


def dial_failed(stream: Stream, *, host: str = "down.test", code: str = "connect_refused") -> int:
    """An upstream does not answer."""
    conn, upstream, flow = stream.new_conn(), stream.new_conn(), stream.new_flow()
    client = stream.new_client()
    stream.add(e.ConnOpened(e.Side.CLIENT, client), conn=conn)
    stream.add(e.ConnectReceived(host, 443), conn=conn)
    stream.add(e.DialStarted(host, 443), conn=upstream)
    stream.add(e.FlowOpened(e.FlowKind.FAILED, "https", host, 443, client), conn=conn, flow=flow)
    stream.add(e.DialFailed("connect", code, "[Errno 111]"), conn=conn, flow=flow, after_ms=3)
    stream.add(e.FlowClosed("upstream_connect_failed", code), conn=conn, flow=flow)
    stream.add(e.ConnClosed("upstream_connect_failed"), conn=upstream)
    stream.add(e.ConnClosed("upstream_connect_failed"), conn=conn)
    return flow


def guarded(stream: Stream, *, host: str = "api.shop.test") -> int:
    """A request that no proxy may relay."""
    pair = connect(stream, host=host)
    flow = request(
        pair, method="POST", path=b"/smuggle", fields=b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    )
    guard = e.GuardTripped("te_and_cl", e.Direction.REQUEST, "Content-Length: 4", 400, "Fix the sender.")
    stream.add(guard, conn=pair.conn, flow=flow)
    head = e.ResponseHead(
        400, b"Bad Request", "HTTP/1.1", b"HTTP/1.1 400 Bad Request\r\n\r\n", generated=True
    )
    stream.add(head, conn=pair.conn, flow=flow)
    close(pair, flow, reason="http_error", detail="te_and_cl")
    disconnect(pair)
    return flow


def hostile(stream: Stream) -> int:
    """Every text and byte field that a peer controls holds what must not reach a terminal."""
    pair = connect(stream, host=HOSTILE.replace("\udcff", ""))
    flow = stream.new_flow()
    text = HOSTILE.replace("\udcff", "")
    opened = e.FlowOpened(e.FlowKind.HTTP, "https", text, 443, text, intercepted=True)
    stream.add(opened, conn=pair.conn, flow=flow)
    raw = b"GET /%b HTTP/1.1\r\nX-Evil: %b\r\n\r\n" % (HOSTILE_BYTES, HOSTILE_BYTES)
    head = e.RequestHead(b"GET" + HOSTILE_BYTES, b"/" + HOSTILE_BYTES, text, raw, b"/" + HOSTILE_BYTES)
    stream.add(head, conn=pair.conn, flow=flow)
    stream.add(e.RequestEnd(0, 0), conn=pair.conn, flow=flow)
    answer = b"HTTP/1.1 200 %b\r\nX-Evil: %b\r\n\r\n" % (HOSTILE_BYTES, HOSTILE_BYTES)
    found = e.ResponseHead(200, HOSTILE_BYTES, text, answer, b"text/" + HOSTILE_BYTES)
    stream.add(found, conn=pair.conn, flow=flow)
    size = body(pair, flow, HOSTILE_BYTES * 3)
    stream.add(e.ResponseEnd(size, size, b"X-Trailer: " + HOSTILE_BYTES), conn=pair.conn, flow=flow)
    stream.add(e.Anomaly(text, e.Direction.RESPONSE, text), conn=pair.conn, flow=flow)
    stream.add(e.Noted(text, text), conn=pair.conn, flow=flow)
    close(pair, flow, reason=text, detail=text)
    stream.add(e.Notice("warning", text))
    disconnect(pair, reason=text)
    return flow


def everything(stream: Stream) -> dict[str, int]:
    """One of each scene, in one run; return the flow of each by the scene's name."""
    begin(stream)
    flows = {
        "exchange": https_exchange(stream),
        "plain": plain_exchange(stream),
        "sse": sse(stream),
        "upload": upload(stream),
        "tunnel": tunnel(stream),
        "tls_refused": tls_refused(stream),
        "upstream_expired": upstream_expired(stream),
        "dial_failed": dial_failed(stream),
        "guarded": guarded(stream),
        "hostile": hostile(stream),
    }
    end(stream)
    return flows


def many(stream: Stream, count: int) -> list[int]:
    """`count` exchanges with distinct paths of about 60 characters, eight on a connection."""
    flows: list[int] = []
    pair: Pair | None = None
    statuses = (200, 200, 200, 204, 301, 404, 500)
    types = (b"application/json", b"text/html; charset=utf-8", b"image/png", b"text/css")
    for number in range(count):
        if pair is None or number % 8 == 0:
            if pair is not None:
                disconnect(pair)
            pair = connect(stream, host=f"api-{number // 8 % 50}.shop.test")
        path = b"/v1/catalogue/items/%08d/reviews?page=%d&session=%07d" % (
            number,
            number % 97,
            number * 7919 % 10**7,
        )
        flow = exchange(
            pair,
            method=("GET", "GET", "POST")[number % 3],
            path=path,
            status=statuses[number % len(statuses)],
            content_type=types[number % len(types)],
        )  # fmt: skip
        flows.append(flow)
    if pair is not None:
        disconnect(pair)
    return flows
