"""How a client reaches the origin: straight, through CONNECT, or with the target in absolute-form."""

from __future__ import annotations

import socket
import ssl
from typing import Literal

import msgspec

TIMEOUT = 20.0


class Route(msgspec.Struct, frozen=True):
    """The way to one path of the origin."""

    port: int
    """Port of the origin, on loopback."""
    path: str
    tls: bool = True
    proxy: int = 0
    """Port of the proxy; 0 goes straight."""
    via: Literal["connect", "absolute"] = "connect"

    @property
    def authority(self) -> str:
        """Return the host and port of the origin."""
        return f"127.0.0.1:{self.port}"

    @property
    def first_hop(self) -> tuple[str, int]:
        """Return the address to connect to."""
        return "127.0.0.1", self.proxy or self.port

    @property
    def connect_head(self) -> bytes:
        """Return the CONNECT to send first; empty where there is none to send."""
        if not self.proxy or self.via == "absolute":
            return b""
        return f"CONNECT {self.authority} HTTP/1.1\r\nHost: {self.authority}\r\n\r\n".encode()

    def head(self, *, close: bool = False) -> bytes:
        """Return the head of a GET."""
        target = self.path
        if self.proxy and self.via == "absolute":
            target = f"http://{self.authority}{self.path}"
        ending = "Connection: close\r\n\r\n" if close else "\r\n"
        return f"GET {target} HTTP/1.1\r\nHost: {self.authority}\r\n{ending}".encode()


def client_context() -> ssl.SSLContext:
    """Return a context that checks no certificate, as wrk does, so that trust costs no side anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def dial(route: Route, context: ssl.SSLContext | None) -> socket.socket:
    """Open a connection along `route`, CONNECT and TLS handshake done; it blocks.

    Raises:
        OSError: it cannot be opened, or the proxy refused.
    """
    sock = socket.create_connection(route.first_hop, TIMEOUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if route.connect_head:
        sock.sendall(route.connect_head)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = sock.recv(4096)
            if not piece:
                raise OSError("the proxy closed the connection during CONNECT")
            answer += piece
        if b" 200" not in answer.split(b"\r\n", 1)[0]:
            raise OSError(f"the proxy refused CONNECT: {answer[:80]!r}")
    if not route.tls:
        return sock
    return (context or client_context()).wrap_socket(sock, server_hostname="localhost")
