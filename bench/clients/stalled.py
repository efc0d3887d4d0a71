"""A client that opens HTTP/2 streams and then takes nothing of what comes."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

from bench.clients.route import client_context, dial

if TYPE_CHECKING:
    from types import TracebackType

    from bench.clients.route import Route


class Reader:
    """Streams that ask for one path. Their windows are not granted anew, but for `finish`."""

    def __init__(self, route: Route, *, streams: int) -> None:
        context = client_context()
        context.set_alpn_protocols(["h2"])
        self._sock: ssl.SSLSocket | socket.socket = dial(route, context)
        self._conn = H2Connection()
        self._conn.initiate_connection()
        self._left = streams
        for _ in range(streams):
            head = [
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", route.path),
            ]
            self._conn.send_headers(self._conn.get_next_available_stream_id(), head, end_stream=True)
        self._send()

    def _send(self) -> None:
        self._sock.settimeout(None)
        self._sock.sendall(self._conn.data_to_send())

    def look(self, *, grant: bool = False) -> None:
        """Read what is there, for at most a tenth of a second."""
        self._sock.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            for event in self._conn.receive_data(self._sock.recv(65_536)):
                if grant and isinstance(event, DataReceived) and event.flow_controlled_length:
                    self._conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._left -= isinstance(event, StreamEnded)
        self._send()

    def finish(self) -> None:
        """Take everything."""
        while self._left > 0:
            self.look(grant=True)

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()
