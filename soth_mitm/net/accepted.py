"""An accepted client connection, as whoever serves it needs it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from soth_mitm.model.events import ConnectRefused, FlowKind, FlowOpened
from soth_mitm.model.reasons import CloseReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.hooks.messages import ConnectionInfo
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.modes import Mode


class Accepted:
    """The socket of a client, its conn in the stream, and the mode of the listener it came to."""

    __slots__ = ("client", "info", "life", "mode", "on_end", "shared", "sock")

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        *,
        life: ConnLife,
        client: str,
        mode: Mode,
        on_end: Callable[[], None],
    ) -> None:
        self.shared = shared
        self.sock = sock
        self.life = life
        self.client = client
        """Whom the connection comes from, `host:port`."""
        self.mode = mode
        self.on_end = on_end
        """To be called once the connection has ended, by a session that has taken it over."""
        self.info: ConnectionInfo | None = None

    def refuse(self, refused: ConnectRefused, answer: bytes = b"") -> None:
        """Leave a row that says why the connection is of no use, tell the client, and end the conn."""
        self.life.emit(refused)
        flow = self.shared.new_flow(self.life.number)
        flow.emit(FlowOpened(FlowKind.FAILED, "tcp", "", 0, self.client))
        flow.emit(refused)
        flow.close(CloseReason.CONNECT_PARSE_FAILED, refused.code)
        self.life.close(CloseReason.CONNECT_PARSE_FAILED, refused.code)
        if answer:
            self.send_last(answer)

    def send_last(self, answer: bytes) -> None:
        """Send what is said last; the socket is closed by whoever serves it."""
        try:
            self.sock.send(answer)
            self.sock.recv(65_536)  # closing on unread bytes would take the answer back
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the client left before it could read the answer
