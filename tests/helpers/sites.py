"""Sites that a started program can be sent to: threads of the test, so that nothing of ours serves them."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DEADLINE = 10.0


class Site(ThreadingHTTPServer):
    """An origin on loopback: `/stream` never ends, anything else tells its path."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients of these tests leave as they like."""


class _Handler(BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"
    timeout = DEADLINE

    def do_GET(self) -> None:
        if self.path == "/stream":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            self.server.closing.wait(DEADLINE)
            self.close_connection = True
            return
        body = f'{{"path": "{self.path}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "sid=s3cret; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def site(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Serve until the end of the block."""
    server = Site(context)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join(DEADLINE)
        server.server_close()


def get(proxy: int, url: str, **fields: str) -> bytes:
    """Fetch a plain URL through the proxy on a port; return the body."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy, timeout=DEADLINE)
    try:
        connection.request(
            "GET", url, headers={name.replace("_", "-"): value for name, value in fields.items()}
        )
        return connection.getresponse().read()
    finally:
        connection.close()


def get_secure(proxy: int, port: int, path: str, *, ca: Path) -> bytes:
    """Fetch from the TLS site on a port through the proxy, trusting its CA; return the body."""
    context = ssl.create_default_context(cafile=str(ca))
    connection = http.client.HTTPSConnection("127.0.0.1", proxy, timeout=DEADLINE, context=context)
    connection.set_tunnel("127.0.0.1", port)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


@contextmanager
def streaming(proxy: int, url: str) -> Iterator[socket.socket]:
    """Ask for a stream through the proxy, wait for its beginning, and keep it open."""
    with socket.create_connection(("127.0.0.1", proxy), DEADLINE) as client:
        host = url.split("/")[2]
        client.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        seen = b""
        while b"data: first" not in seen:
            piece = client.recv(65536)
            assert piece, seen
            seen += piece
        yield client
