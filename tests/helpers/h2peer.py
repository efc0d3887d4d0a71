"""A peer that speaks HTTP/2 over a wire, by package `h2`: an implementation that is not ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from h2 import events as e
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

from tests.helpers.net import Lab, Origin
from tests.helpers.wire import Wire, eventually

Settings = dict[SettingCodes, int]
Fields = list[tuple[bytes, bytes]]

GET: Fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"site.test"), (b":path", b"/")]
OK: Fields = [(b":status", b"200"), (b"content-type", b"text/plain")]


def get(path: bytes = b"/", *fields: tuple[bytes, bytes], scheme: bytes = b"https") -> Fields:
    """Return the fields of a small request."""
    return [
        (b":method", b"GET"),
        (b":scheme", scheme),
        (b":authority", b"site.test"),
        (b":path", path),
        *fields,
    ]


def post(path: bytes = b"/", *fields: tuple[bytes, bytes], scheme: bytes = b"https") -> Fields:
    """Return the fields of a request with a body."""
    return [(b":method", b"POST"), *get(path, *fields, scheme=scheme)[1:]]


class Message:
    """What came on one stream."""

    def __init__(self) -> None:
        self.head: Fields = []
        self.interim: list[Fields] = []
        self.body = b""
        self.trailers: Fields | None = None
        self.ended = False
        self.reset: int | None = None

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None


class Peer:
    """One end. What it receives is granted again at once, but on the streams in `slow`."""

    def __init__(
        self, wire: Wire, *, client: bool, settings: Settings | None = None, upgraded: bool = False
    ) -> None:
        self.wire = wire
        config = H2Configuration(
            client_side=client,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            normalize_inbound_headers=False,
        )
        self.conn = H2Connection(config)
        self.conn.local_settings = type(self.conn.local_settings)(
            client=client, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 1000, **(settings or {})}
        )
        self.messages: dict[int, Message] = defaultdict(Message)
        self.slow: set[int] = set()
        self.goaway: e.ConnectionTerminated | None = None
        self.peer_settings: dict[int, int] = {}
        if upgraded:
            self.conn.initiate_upgrade_connection()
        else:
            self.conn.initiate_connection()
        self.conn.increment_flow_control_window(1 << 22)
        self.flush()

    # --- reading

    def pump(self) -> None:
        """Take what has come, and grant as much again."""
        data = self.wire.unread
        if data:
            self.wire._take(len(data))
            for event in self.conn.receive_data(data):
                self._told(event)
            self.flush()

    def _told(self, event: e.Event) -> None:
        if isinstance(event, e.RequestReceived | e.ResponseReceived):
            self._of(event.stream_id).head = _plain(event.headers)
        elif isinstance(event, e.InformationalResponseReceived):
            self._of(event.stream_id).interim.append(_plain(event.headers))
        elif isinstance(event, e.TrailersReceived):
            self._of(event.stream_id).trailers = _plain(event.headers)
        elif isinstance(event, e.DataReceived):
            self._of(event.stream_id).body += event.data
            if event.stream_id not in self.slow and event.flow_controlled_length:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, e.StreamEnded):
            self._of(event.stream_id).ended = True
        elif isinstance(event, e.StreamReset):
            self._of(event.stream_id).reset = int(event.error_code)
        elif isinstance(event, e.ConnectionTerminated):
            self.goaway = event
        elif isinstance(event, e.RemoteSettingsChanged):
            self.peer_settings.update(
                {int(code): change.new_value for code, change in event.changed_settings.items()}
            )

    def _of(self, stream: int) -> Message:
        return self.messages[stream]

    async def until(
        self, condition: Callable[[], object], what: str = "", *, beside: Peer | None = None
    ) -> None:
        """Read until `condition` holds; `beside` reads too."""

        def holds() -> object:
            self.pump()
            if beside is not None:
                beside.pump()
            return condition()

        await eventually(holds, what)

    async def message(self, stream: int) -> Message:
        """Return a message once it is over."""
        await self.until(lambda: self._of(stream).over, f"the end of stream {stream}")
        return self._of(stream)

    async def head(self, stream: int) -> Message:
        """Return a message once its head is there."""
        await self.until(lambda: self._of(stream).head or self._of(stream).over, f"the head of {stream}")
        return self._of(stream)

    # --- writing

    def flush(self) -> None:
        """Send what is written."""
        data = self.conn.data_to_send()
        if data:
            self.wire.send(data)

    def ask(self, fields: Fields, *, end: bool = True) -> int:
        """Begin a stream; return its number."""
        stream = self.conn.get_next_available_stream_id()
        self.head_out(stream, fields, end=end)
        return stream

    def head_out(self, stream: int, fields: Iterable[tuple[bytes, bytes]], *, end: bool = False) -> None:
        """Send a head, or trailers."""
        self.conn.send_headers(stream, list(fields), end_stream=end)
        self.flush()

    def answer(self, stream: int, body: bytes = b"ok", *, fields: Fields | None = None) -> None:
        """Answer a stream."""
        self.head_out(stream, OK if fields is None else fields, end=not body)
        if body:
            self.data(stream, body, end=True)

    def data(self, stream: int, body: bytes, *, end: bool = False) -> None:
        """Send a body that fits the window."""
        size = self.conn.max_outbound_frame_size
        pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        for piece in pieces:
            self.conn.send_data(stream, piece, end_stream=end and piece is pieces[-1])
        self.flush()

    async def pour(self, stream: int, body: bytes, *, to: Peer, end: bool = True) -> None:
        """Send a body of any size as it is granted, with its receiver at the far end reading."""
        at = 0
        while at < len(body):
            await self.until(lambda: self.room(stream) > 0, "a window", beside=to)
            size = min(self.room(stream), len(body) - at)
            at += size
            self.data(stream, body[at - size : at], end=end and at == len(body))

    def room(self, stream: int) -> int:
        """Return how much may be sent now."""
        return self.conn.local_flow_control_window(stream)

    def reset(self, stream: int, code: int) -> None:
        """End a stream early."""
        self.conn.reset_stream(stream, code)
        self.flush()

    def raw(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        """Send a frame that the package would not send."""
        self.wire.send(
            len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
        )


def _plain(fields: Iterable[tuple[bytes, bytes]]) -> Fields:
    return [(bytes(name), bytes(value)) for name, value in fields]


class H2Link:
    """An HTTP/2 client inside an intercepted CONNECT, and the origin that it reaches."""

    def __init__(self, lab: Lab, client: Peer, origin: Origin) -> None:
        self.lab = lab
        self.client = client
        self.origin = origin
        self._server: Peer | None = None

    async def server(self, *, settings: Settings | None = None) -> Peer:
        """Return the origin's end, which speaks HTTP/2."""
        if self._server is None:
            self._server = Peer(await self.origin.accept(), client=False, settings=settings)
        return self._server

    async def request(self, fields: Fields | None = None, *, end: bool = True) -> tuple[int, Peer, int]:
        """Ask, and see it arrive; return the client's stream, the server and its stream."""
        stream = self.client.ask(fields or GET, end=end)
        server = await self.server()
        known = set(server.messages)
        await server.until(lambda: set(server.messages) - known, "a request")
        (number,) = set(server.messages) - known
        return stream, server, number


async def h2_link(
    lab: Lab,
    *,
    upstream: tuple[str, ...] = ("h2", "http/1.1"),
    client: tuple[str, ...] = ("h2", "http/1.1"),
    settings: Settings | None = None,
    host: str = "site.test",
) -> H2Link:
    """Open an origin that speaks `upstream`, and a client that offers `client` in its hello."""
    context = lab.world.server_context(host, alpn=upstream)
    origin = await lab.origin(tls=True, context=context)
    sock = await lab.connect(origin.port, host=host)
    wire = await lab.inside(sock, host=host, context=lab.client_context(alpn=client))
    return H2Link(lab, Peer(wire, client=True, settings=settings), origin)
