"""Accept connections, within a bound, on every address that was asked for."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING

from soth_mitm.errors import StartError
from soth_mitm.model.events import ListenerClosed, ListenerOpened, Notice
from soth_mitm.net import replies
from soth_mitm.net.entry import Entry
from soth_mitm.net.sockets import listen

if TYPE_CHECKING:
    from soth_mitm.net.shared import Shared

_ACCEPTS_PER_WAKE = 64
_RETRY_AFTER = 0.1
_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """The listening sockets of a proxy. Any accept error is survived: it is told, and accepting goes on."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._sockets: list[socket.socket] = []
        self.open_connections = 0

    def open(self, host: str, port: int) -> list[tuple[str, int]]:
        """Bind, listen and accept; return the addresses, with the port that was picked for 0.

        Raises:
            StartError: the address cannot be used; the text says why and what to do.
        """
        try:
            self._sockets = listen(host, port)
        except OSError as error:
            raise StartError(_explain(host, port, error)) from error
        addresses = []
        for sock in self._sockets:
            address = sock.getsockname()
            addresses.append((str(address[0]), int(address[1])))
            self._shared.bus.publish(ListenerOpened(str(address[0]), int(address[1])))
            self._shared.loop.add_reader(sock, self._accept, sock)
        return addresses

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_WAKE):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listening, error)
                return
            self._admit(sock, address)

    def _admit(self, sock: socket.socket, address: object) -> None:
        shared = self._shared
        limits = shared.config.limits
        if self.open_connections >= limits.max_connections:
            shared.limit_reached("max_connections", self.open_connections, "answered 503")
            what = f"{limits.max_connections} connections are open, which is the limit"
            _refuse(sock, "too_many_connections", what, "close some, or raise limits.max_connections")
            return
        if shared.in_flight >= limits.in_flight_bytes:
            shared.limit_reached("in_flight_bytes", shared.in_flight, "answered 503")
            what = f"{shared.in_flight} bytes wait for slow readers, which is over the limit"
            _refuse(sock, "too_much_in_flight", what, "let them read, or raise limits.in_flight_bytes")
            return
        self.open_connections += 1
        shared.counters.level("max_connections", self.open_connections)
        shared.tasks.spawn(self._serve(sock, address), "client connection")

    async def _serve(self, sock: socket.socket, address: object) -> None:
        await Entry(self._shared, sock, address, on_end=self._ended).serve()

    def _ended(self) -> None:
        self.open_connections -= 1

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """Stop accepting for a moment: with no descriptor left, the loop would spin."""
        shared = self._shared
        shared.counters.hit("accept_errors")
        why = "no file descriptor is left (raise ulimit -n)" if error.errno in _PASSING else str(error)
        shared.bus.publish(Notice("error", f"cannot accept connections right now: {why}"))
        shared.loop.remove_reader(listening)
        shared.loop.call_later(_RETRY_AFTER, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._shared.loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Stop accepting; what was accepted goes on."""
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            address = sock.getsockname()
            self._shared.loop.remove_reader(sock)
            sock.close()
            self._shared.bus.publish(ListenerClosed(str(address[0]), int(address[1])))


def _refuse(sock: socket.socket, code: str, text: str, hint: str) -> None:
    head, body = replies.error(503, code, text=text, hint=hint)
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # it may have left by itself
        sock.send(head + body)
    sock.close()


def _explain(host: str, port: int, error: OSError) -> str:
    where = f"{host or 'all addresses'}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {where}: the port is taken; choose another with -p, or -p 0 for a free one"
    if error.errno == errno.EACCES:
        return f"cannot listen on {where}: no permission (ports below 1024 need it); choose another with -p"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"cannot listen on {where}: this machine has no such address; check --listen-host"
    if isinstance(error, socket.gaierror):
        return f"cannot listen on {where}: the host name does not resolve; check --listen-host"
    return f"cannot listen on {where}: {error.strerror or error}"
