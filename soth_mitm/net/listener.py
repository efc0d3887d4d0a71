"""Accept connections, within a bound, at every place that was asked for."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from soth_mitm.errors import StartError
from soth_mitm.model.events import ListenerClosed, ListenerOpened, Notice
from soth_mitm.net import replies, unix
from soth_mitm.net.entry import Entry
from soth_mitm.net.sockets import listen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.modes import Endpoint

_ACCEPTS_PER_WAKE = 64
_RETRY_AFTER = 0.1
_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class _Place(NamedTuple):
    """A listening socket, and what it is for."""

    sock: socket.socket
    endpoint: Endpoint
    made: tuple[int, int] | None = None
    """Of a Unix socket: which one it is."""


class Listener:
    """The listening sockets of a proxy. Any accept error is survived: it is told, and accepting goes on."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._places: dict[socket.socket, _Place] = {}
        self.open_connections = 0

    def open(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Bind, listen and accept; return the places, with the addresses and ports that were picked.

        Raises:
            StartError: a place cannot be used; the text says why and what to do. Nothing is open then.
        """
        places: list[_Place] = []
        try:
            for endpoint in endpoints:
                places += _bind(endpoint)
        except StartError:
            for place in places:
                _close(place)
            raise
        for place in places:
            self._places[place.sock] = place
            self._shared.bus.publish(_opened(place.endpoint))
            self._shared.loop.add_reader(place.sock, self._accept, place.sock)
        return [place.endpoint for place in places]

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_WAKE):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listening, error)
                return
            self._admit(sock, address, self._places[listening])

    def _admit(self, sock: socket.socket, address: object, place: _Place) -> None:
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
        entry = Entry(shared, sock, address, mode=place.endpoint.mode, on_end=self._ended)
        shared.tasks.spawn(entry.serve(), "client connection")

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
        if listening in self._places:
            self._shared.loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Stop accepting; what was accepted goes on."""
        places, self._places = self._places, {}
        for place in places.values():
            self._shared.loop.remove_reader(place.sock)
            _close(place)
            self._shared.bus.publish(ListenerClosed(place.endpoint.host, place.endpoint.port))


def _bind(endpoint: Endpoint) -> list[_Place]:
    if endpoint.mode.path:
        sock = unix.listen(endpoint.host)
        return [_Place(sock, endpoint, unix.identity(endpoint.host))]
    try:
        sockets = listen(endpoint.host, endpoint.port)
    except OSError as error:
        raise StartError(_explain(endpoint, error)) from error
    places = []
    for sock in sockets:
        host, port = sock.getsockname()[:2]
        places.append(_Place(sock, msgspec.structs.replace(endpoint, host=str(host), port=int(port))))
    return places


def _close(place: _Place) -> None:
    place.sock.close()
    if place.endpoint.mode.path:
        unix.remove(place.endpoint.host, place.made)


def _opened(endpoint: Endpoint) -> ListenerOpened:
    return ListenerOpened(endpoint.host, endpoint.port, str(endpoint.mode))


def _refuse(sock: socket.socket, code: str, text: str, hint: str) -> None:
    head, body = replies.error(503, code, text=text, hint=hint)
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # it may have left by itself
        sock.send(head + body)
    sock.close()


def _explain(endpoint: Endpoint, error: OSError) -> str:
    """Say why nobody can listen there, and what to change: the option, or what stands in the mode."""
    mode = endpoint.mode
    cannot = f"cannot listen on {endpoint.host or 'all addresses'}:{endpoint.port}"
    another = "choose another with -p" if mode.port is None else f"choose another behind the @ of {mode}"
    check = "check --listen-host" if mode.host is None else f"check what stands behind the @ of {mode}"
    if error.errno == errno.EADDRINUSE:
        free = "-p 0" if mode.port is None else "0"
        return f"{cannot}: the port is taken; {another}, or {free} for a free one"
    if error.errno == errno.EACCES:
        return f"{cannot}: no permission (ports below 1024 need it); {another}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{cannot}: this machine has no such address; {check}"
    if isinstance(error, socket.gaierror):
        return f"{cannot}: the host name does not resolve; {check}"
    return f"{cannot}: {error.strerror or error}"
