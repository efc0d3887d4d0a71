"""Messages over WebSockets to an origin that sends each one back: one under way on each connection."""

from __future__ import annotations

import base64
import gc
import os
import select
import ssl
import sys
import time
from array import array
from typing import TYPE_CHECKING

import msgspec

from bench.clients.kept import Report
from bench.clients.route import Route, client_context, dial
from bench.stats import tails

if TYPE_CHECKING:
    import socket


class Task(msgspec.Struct, frozen=True):
    """What to do."""

    route: Route
    size: int
    """Bytes of a message's payload; at most 65,535."""
    connections: int
    seconds: float
    warm: float = 0.5
    """Seconds at the start that count for nothing."""


def frame(payload: bytes) -> bytes:
    """Return a masked text message of one frame (RFC 6455 section 5.2)."""
    key, size = os.urandom(4), len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    mask = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + key + masked.to_bytes(size, "big")


def _shake_hands(sock: socket.socket, route: Route) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET {route.path} HTTP/1.1\r\nHost: {route.authority}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        piece = sock.recv(4096)
        if not piece:
            raise OSError(f"the connection was closed during the handshake, after {answer[:60]!r}")
        answer += piece
    if not answer.startswith(b"HTTP/1.1 101"):
        raise OSError(f"the handshake was refused: {answer[:60]!r}")


class _Socket:
    """One WebSocket with one message under way."""

    def __init__(self, task: Task, context: ssl.SSLContext) -> None:
        self.sock = dial(task.route, context)
        _shake_hands(self.sock, task.route)
        self.sock.setblocking(False)
        self._wire = frame(b"x" * task.size)
        self._wanted = len(self._wire) - 4  # what comes back has no mask
        self._got = 0
        self.sent = 0.0

    def send(self) -> None:
        """Send the message; it fits into the socket's buffer, which is empty."""
        self._got, self.sent = 0, time.perf_counter()
        self.sock.send(self._wire)

    def read(self) -> bool:
        """Read what there is; return whether the message has come back.

        Raises:
            OSError: the connection was closed.
        """
        while True:
            try:
                data = self.sock.recv(262_144)
            except (ssl.SSLWantReadError, BlockingIOError):
                return False
            if not data:
                raise OSError("the connection was closed")
            self._got += len(data)
            if self._got >= self._wanted:
                return True


def run(task: Task) -> Report:
    """Do what `task` says.

    Raises:
        OSError: a connection could not be opened, or was closed.
    """
    report, latencies = Report(), array("d")
    context = client_context()
    sockets = [_Socket(task, context) for _ in range(task.connections)]
    by_number = {socket.sock.fileno(): socket for socket in sockets}
    gc.disable()  # a collection in the middle would be charged to the proxy
    begin = time.perf_counter()
    counting, stop = begin + task.warm, begin + task.warm + task.seconds
    for socket in sockets:
        socket.send()
    now = begin
    while now < stop:
        ready, _, _ = select.select(list(by_number), (), (), 0.2)
        for number in ready:
            socket = by_number[number]
            if socket.read():
                now = time.perf_counter()
                if socket.sent >= counting:
                    latencies.append(now - socket.sent)
                socket.send()
        now = time.perf_counter()
    for socket in sockets:
        socket.sock.close()
    report.seconds, report.requests = now - counting, len(latencies)
    report.tails_ms = {name: value * 1e3 for name, value in tails(latencies).items()}
    return report


if __name__ == "__main__":
    print(msgspec.json.encode(run(msgspec.json.decode(sys.argv[1], type=Task))).decode())
