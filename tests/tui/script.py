"""A scripted run: real events, in the order of the proxy, by a clock that moves when told to."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from soth_mitm.clock import ManualClock
from soth_mitm.model import events as e
from soth_mitm.model.tls import TlsFailure
from soth_mitm.record.bus import Bus

START_NS = 1_763_985_787_000_000_000  # 2025-11-24 12:03:07 UTC
CHUNK = 4096


def certificate(host: str, *, days: int = 60) -> bytes:
    """Return a certificate in DER that says it is for `host`; its key is thrown away."""
    key = ec.derive_private_key(1234567, ec.SECP256R1())
    issuer = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Root R1"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Test Trust"),
        ]
    )
    name = host.encode("ascii", "replace").decode()
    now = datetime.fromtimestamp(START_NS / 1e9, UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName(f"www.{name}")]), critical=False
        )
    )
    return built.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(serialization.Encoding.DER)


class Script:
    """Publishes events as the proxy does, in its order."""

    def __init__(self) -> None:
        self.clock = ManualClock(monotonic_ns=5_000_000_000, wall_ns=START_NS)
        self.bus = Bus(self.clock)
        self.conns = 0
        self.flows = 0
        self._seqs: dict[int, int] = {}

    # --- bricks

    def publish(self, body: e.Body, *, conn: int = 0, flow: int = 0) -> None:
        """Publish one event, numbered within its flow."""
        seq = 0
        if flow:
            seq = self._seqs[flow] = self._seqs.get(flow, 0) + 1
        self.bus.publish(body, conn, flow, seq)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def new_conn(self) -> int:
        """Return a fresh conn number."""
        self.conns += 1
        return self.conns

    def new_flow(self, conn: int, body: e.FlowOpened) -> int:
        """Open a flow."""
        self.flows += 1
        self.publish(body, conn=conn, flow=self.flows)
        return self.flows

    # --- scenes

    def session(self, *, port: int = 8080) -> None:
        """Begin a run."""
        self.publish(e.SessionStarted("run-1", "0.1.0", platform="linux"))
        fingerprint = ":".join(f"{byte:02X}" for byte in range(0x9F, 0x9F + 32))
        self.publish(
            e.CaLoaded(
                "/home/ada/.config/soth-mitm/ca.pem",
                fingerprint,
                "EC P-256",
                created=True,
                private=True,
                trusted=False,
            )
        )
        self.publish(e.ListenerOpened("127.0.0.1", port))

    def connect(self, host: str, *, port: int = 443, client: str = "127.0.0.1:51712") -> int:
        """A client connects through a CONNECT, and both TLS handshakes succeed; return its conn."""
        conn, upstream = self.new_conn(), self.new_conn()
        self.publish(e.ConnOpened(e.Side.CLIENT, client, "127.0.0.1:8080"), conn=conn)
        self.publish(e.ConnectReceived(host, port), conn=conn)
        self.publish(e.PolicyDecided("intercept", "default", host, port), conn=conn)
        self.publish(e.DialStarted(host, port), conn=upstream)
        self.wait(0.004)
        self.publish(e.DialResolved(("203.0.113.7", "2001:db8::7")), conn=upstream)
        self.wait(0.011)
        self.publish(e.ConnOpened(e.Side.UPSTREAM, f"203.0.113.7:{port}"), conn=upstream)
        self.publish(
            e.HelloReceived(
                host, ("h2", "http/1.1"), ("TLS 1.3", "TLS 1.2"), ja4="t13d1516h2_8daaf6152771_02713d6af862"
            ),
            conn=conn,
        )
        self.publish(e.TlsStarted(e.Side.UPSTREAM, host), conn=upstream)
        self.wait(0.018)
        self.publish(
            e.TlsEstablished(
                e.Side.UPSTREAM,
                "TLS 1.3",
                "AES_256_GCM_SHA384",
                "http/1.1",
                verified=True,
                chain=(certificate(host),),
            ),
            conn=upstream,
        )
        self.publish(e.CertificateIssued(host, (host,), cached=False), conn=conn)
        self.publish(e.TlsStarted(e.Side.CLIENT, host), conn=conn)
        self.wait(0.003)
        self.publish(e.TlsEstablished(e.Side.CLIENT, "TLS 1.3", "AES_128_GCM_SHA256", "http/1.1"), conn=conn)
        return conn

    def request(
        self,
        conn: int,
        host: str,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        fields: tuple[tuple[str, str | bytes], ...] = (),
        reused: bool = False,
        port: int = 443,
        scheme: str = "https",
    ) -> int:
        """A request goes out; return its flow."""
        flow = self.new_flow(
            conn,
            e.FlowOpened(
                e.FlowKind.HTTP, scheme, host, port, "127.0.0.1:51712", intercepted=scheme == "https"
            ),
        )
        raw = head(
            f"{method} {path} HTTP/1.1",
            (("host", host), ("user-agent", "curl/8.9.1"), ("accept", "*/*"), *fields),
        )
        content_type = next((to_bytes(value) for name, value in fields if name == "content-type"), b"")
        self.publish(
            e.RequestHead(method.encode(), path.encode(), "HTTP/1.1", raw, path.encode(), content_type),
            conn=conn,
            flow=flow,
        )
        phases = (0, 0, 0) if reused else (4_000_000, 11_000_000, 18_000_000)
        self.publish(e.FlowBound(conn, conn + 1, reused, "203.0.113.7:443", *phases), conn=conn, flow=flow)
        self.chunks(conn, flow, e.Direction.REQUEST, body)
        self.wait(0.0004)
        self.publish(e.RequestEnd(len(body), len(raw) + len(body)), conn=conn, flow=flow)
        return flow

    def chunks(self, conn: int, flow: int, direction: e.Direction, body: bytes, *, start: int = 0) -> int:
        """Body bytes pass; return the offset behind them."""
        for offset in range(0, len(body), CHUNK):
            data = body[offset : offset + CHUNK]
            self.publish(e.BodyChunk(direction, start + offset, len(data), data), conn=conn, flow=flow)
        return start + len(body)

    def respond(
        self,
        conn: int,
        flow: int,
        status: int,
        reason: str,
        *,
        body: bytes = b"",
        content_type: str = "",
        encoding: str = "",
        fields: tuple[tuple[str, str | bytes], ...] = (),
        after: float = 0.021,
        close: bool = True,
    ) -> None:
        """The answer comes; with `close` it is the end of the flow."""
        self.wait(after)
        all_fields: tuple[tuple[str, str | bytes], ...] = (
            ("server", "nginx"),
            ("date", "Mon, 24 Nov 2025 12:03:07 GMT"),
        )
        if content_type:
            all_fields += (("content-type", content_type),)
        if encoding:
            all_fields += (("content-encoding", encoding),)
        raw = head(f"HTTP/1.1 {status} {reason}", all_fields + fields)
        self.publish(
            e.ResponseHead(
                status, reason.encode(), "HTTP/1.1", raw, content_type.encode(), encoding.encode()
            ),
            conn=conn,
            flow=flow,
        )
        self.chunks(conn, flow, e.Direction.RESPONSE, body)
        if close:
            self.wait(0.006)
            self.publish(e.ResponseEnd(len(body), len(raw) + len(body)), conn=conn, flow=flow)
            self.publish(e.FlowClosed("completed"), conn=conn, flow=flow)

    def exchange(
        self, host: str, method: str, path: str, status: int, reason: str, *, conn: int = 0, **answer: object
    ) -> int:
        """A whole exchange; return its flow."""
        conn = conn or self.connect(host)
        flow = self.request(conn, host, method, path, reused=bool(answer.pop("reused", False)))
        self.respond(conn, flow, status, reason, **answer)  # type: ignore[arg-type]
        return flow

    def tls_refused(self, host: str = "pin.bank.test") -> int:
        """A client does not trust the CA; return the flow of the failed attempt."""
        conn = self.new_conn()
        self.publish(e.ConnOpened(e.Side.CLIENT, "127.0.0.1:51890", "127.0.0.1:8080"), conn=conn)
        self.publish(e.ConnectReceived(host, 443), conn=conn)
        self.publish(e.PolicyDecided("intercept", "default", host, 443), conn=conn)
        self.publish(
            e.HelloReceived(host, ("http/1.1",), ("TLS 1.3",), ja4="t13d1715h1_5b57614c22b0_3d5424432f57"),
            conn=conn,
        )
        self.publish(e.TlsStarted(e.Side.CLIENT, host), conn=conn)
        self.wait(0.031)
        failure = TlsFailure(
            peer="client",
            failure_class="unknown_ca",
            reason="unknown_ca",
            source="alert",
            confidence="authoritative",
            detail="the client sent the alert unknown_ca",
            alert=48,
            hint=f"Give the client the CA (S shows how), or pass {host} on undecrypted with --tunnel {host}.",
        )
        flow = self.new_flow(conn, e.FlowOpened(e.FlowKind.FAILED, "https", host, 443, "127.0.0.1:51890"))
        self.publish(e.TlsFailed(e.Side.CLIENT, failure), conn=conn)
        self.publish(e.TlsFailed(e.Side.CLIENT, failure), conn=conn, flow=flow)
        self.publish(
            e.FlowClosed("tls_handshake_failed", "the client sent the alert unknown_ca"), conn=conn, flow=flow
        )
        self.publish(e.ConnClosed("tls_handshake_failed"), conn=conn)
        return flow

    def tunnel(self, host: str = "updates.os.test") -> int:
        """Bytes pass without being decrypted; the tunnel stays open."""
        conn = self.new_conn()
        self.publish(e.ConnOpened(e.Side.CLIENT, "127.0.0.1:51900", "127.0.0.1:8080"), conn=conn)
        self.publish(e.ConnectReceived(host, 443), conn=conn)
        self.publish(
            e.PolicyDecided("tunnel", "host listed", host, 443, rule="--tunnel *.os.test"), conn=conn
        )
        flow = self.new_flow(conn, e.FlowOpened(e.FlowKind.TUNNEL, "https", host, 443, "127.0.0.1:51900"))
        self.publish(e.HelloReceived(host, ("h2",), ("TLS 1.3",)), conn=conn, flow=flow)
        self.publish(e.Noted("tunnel_chosen", "the rule --tunnel *.os.test matches"), conn=conn, flow=flow)
        self.wait(1.2)
        self.publish(e.TunnelProgress(1_804, 84_210), conn=conn, flow=flow)
        return flow

    def event_stream(self, *, events: int = 12) -> tuple[int, int]:
        """A streaming answer that goes on; return its conn and flow."""
        conn = self.connect("api.llm.test")
        ask = json.dumps(
            {
                "model": "small-1",
                "stream": True,
                "messages": [{"role": "user", "content": "Plan the migration"}],
            }
        ).encode()
        flow = self.request(
            conn,
            "api.llm.test",
            "POST",
            "/v1/messages",
            body=ask,
            fields=(("content-type", "application/json"),),
        )
        self.respond(conn, flow, 200, "OK", content_type="text/event-stream", close=False, after=0.612)
        offset = 0
        words = [
            "Here",
            "is",
            "the",
            "plan",
            "for",
            "the",
            "migration:",
            "first",
            "we",
            "copy",
            "the",
            "table,",
            "then",
            "we",
            "compare",
            "the",
            "counts",
        ]
        for number in range(events):
            offset = self.stream_event(
                conn,
                flow,
                offset,
                {"type": "text_delta", "index": number, "text": words[number % len(words)]},
            )
        return conn, flow

    def stream_event(self, conn: int, flow: int, offset: int, data: dict[str, object]) -> int:
        """One more event of a stream; return the offset behind it."""
        self.wait(0.11)
        chunk = b"event: content_block_delta\ndata: " + json.dumps(data).encode() + b"\n\n"
        return self.chunks(conn, flow, e.Direction.RESPONSE, chunk, start=offset)

    def hostile(self) -> int:
        """An exchange and a host that try to command the terminal; return the flow."""
        conn = self.connect("evil.test" + "\x1b]0;owned\x07")
        flow = self.request(
            conn, "evil.test\x1b[2J", "GET", "/[@click=app.quit]x[/b]?\x1b]52;c;aGk=\x07\u202etxt.exe",
            fields=(("x-[b]markup[/", HOSTILE), ("cookie", "a=\x9b31m; b=\x00\x08\x7f")),
        )  # fmt: skip
        self.respond(
            conn, flow, 200, "OK\x1b[31m",
            body=HOSTILE + b"\r\nline two\x1b[8m\rthree\n", content_type="text/plain",
            fields=(("x-evil", HOSTILE), ("set-cookie", "\x1b]8;;http://evil.test\x07link")),
        )  # fmt: skip
        return flow

    def everyday(self) -> int:
        """A quarter of a minute of mixed traffic; return the flow of a JSON answer."""
        shop = self.connect("api.shop.test")
        self.exchange(
            "api.shop.test",
            "GET",
            "/session",
            200,
            "OK",
            conn=shop,
            body=b'{"user":7}',
            content_type="application/json",
        )
        self.wait(1.1)
        cdn = self.connect("cdn.shop.test")
        script = b"export const shop = () => fetch('/orders');\n" * 1900
        self.exchange(
            "cdn.shop.test",
            "GET",
            "/assets/app.js?v=81f3",
            200,
            "OK",
            conn=cdn,
            body=script,
            content_type="text/javascript",
            after=0.009,
        )
        self.exchange(
            "cdn.shop.test",
            "GET",
            "/assets/logo.svg",
            304,
            "Not Modified",
            conn=cdn,
            after=0.012,
            reused=True,
        )
        self.wait(0.9)
        self.tls_refused()
        self.wait(0.4)
        self.exchange(
            "api.shop.test",
            "POST",
            "/orders",
            201,
            "Created",
            conn=shop,
            body=b'{"id":"o_81"}',
            content_type="application/json",
            reused=True,
        )
        answer = self.exchange(
            "api.shop.test", "GET", "/orders/o_81?expand=items", 200, "OK", conn=shop, reused=True,
            body=deflated(ORDER), content_type="application/json; charset=utf-8", encoding="deflate",
            fields=(
                ("cache-control", "private, max-age=0"),
                ("x-request-id", "7c1f2f4e-5a0d-4b0a-9b57-0f6c6e3a9d21"),
                ("vary", "accept-encoding, accept-language"),
            ),
        )  # fmt: skip
        self.wait(1.7)
        self.exchange(
            "api.shop.test",
            "GET",
            "/orders/o_99",
            404,
            "Not Found",
            conn=shop,
            body=b'{"error":"no such order"}',
            content_type="application/json",
            reused=True,
        )
        self.exchange(
            "old.shop.test",
            "DELETE",
            "/cart/items/12",
            500,
            "Internal Server Error",
            body=b"boom",
            content_type="text/plain",
            after=0.48,
        )
        self.tunnel()
        self.exchange(
            "api.shop.test", "HEAD", "/health", 204, "No Content", conn=shop, reused=True, after=0.003
        )
        waiting = self.connect("reports.shop.test")
        self.request(waiting, "reports.shop.test", "GET", "/export?from=2025-01-01&to=2025-11-24&format=csv")
        self.event_stream()
        return answer


ORDER = {
    "id": "o_81",
    "state": "paid",
    "total": 74.5,
    "currency": "EUR",
    "gift": False,
    "coupon": None,
    "customer": {"id": 7, "name": "Ada Lovelace", "mail": "ada@example.test"},
    "items": [
        {"sku": f"A-{number}", "qty": number, "price": 4.5 * number, "title": f"Thing number {number}"}
        for number in range(1, 6)
    ],
}


HOSTILE = (
    b"\x1b]52;c;aGFja2Vk\x07 \x1b[2J\x1b[H \x9b31m \x00\x08 "
    + "\u202eright to left\u202c \u200b \u2066 \ufeff [red]markup[/red] [/b] [@click=app.quit]x[/]".encode()
    + b" \xff\xfe\xc3\x28"
)
"""What a terminal, a markup parser or a careless decoder would act upon."""


def to_bytes(value: str | bytes) -> bytes:
    """Return text as UTF-8, bytes as they are."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def head(first: str, fields: tuple[tuple[str, str | bytes], ...]) -> bytes:
    """Return the wire bytes of a head."""
    lines = [first.encode(), *(name.encode() + b": " + to_bytes(value) for name, value in fields)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def deflated(value: object) -> bytes:
    """Return a value as compressed JSON."""
    return zlib.compress(json.dumps(value).encode())
