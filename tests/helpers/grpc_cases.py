"""The cases of gRPC's interop suite that need no accounts, as a client of grpcio makes them.

Each returns what the client got, to be compared with what it gets without the proxy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, NamedTuple

from tests.helpers.grpc_service import INITIAL, SERVICE, TRAILING, Server, message, payload
from tests.helpers.program import DEADLINE

import grpc  # isort: skip - the service sets what it reads

UPLOADS = (27182, 8, 1828, 45904)
DOWNLOADS = (31415, 9, 2653, 58979)
LARGE = 2_000_000
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
METADATA = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\x0a\x0b\x0a\x0b\xab\xab\xab"))
GZIP = grpc.Compression.Gzip
YES, NO = message((1, 1)), b""
"""`BoolValue`s."""


class Said(NamedTuple):
    """A message of a call, as the client sees it."""

    from_client: bool
    size: int


class Got(NamedTuple):
    """What a client got of a call."""

    service: str
    method: str
    code: str
    details: str
    replies: tuple[bytes, ...]
    initial: tuple[tuple[str, str | bytes], ...]
    trailing: tuple[tuple[str, str | bytes], ...]


class Client:
    """Calls the service over one connection, and keeps which messages went by."""

    def __init__(self, server: Server, channel: grpc.Channel, passed: Callable[[int], None]) -> None:
        self.server = server
        self.said: list[Said] = []
        self.service = SERVICE
        self._channel = channel
        self._passed = passed
        self._method = ""
        self._many = False

    def call(self, name: str, kind: str, given: bytes | Iterator[bytes], **more: Any) -> grpc.Call:  # noqa: ANN401
        """Begin a call of a `kind` such as `unary_stream`."""
        self._method = name
        path = f"/{self.service}/{name}"
        method = getattr(self._channel, kind)(path, self._sent, self._received)
        self._many = kind.endswith("stream")
        start = method if self._many else method.future
        return start(given, timeout=more.pop("timeout", DEADLINE), wait_for_ready=True, **more)

    def ready(self) -> None:
        """Connect, so that no call has to wait for it."""
        grpc.channel_ready_future(self._channel).result(DEADLINE)

    def done(self, call: grpc.Call) -> Got:
        """Wait for the end of a call."""
        replies: list[bytes] = []
        try:
            if self._many:
                replies.extend(call)
            else:
                replies.append(call.result())
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
        return self.got(call, replies)

    def got(self, call: grpc.Call, replies: Iterable[bytes]) -> Got:
        """Return what came of a call that has ended."""
        initial, trailing = (
            tuple(sorted((key, value) for key, value in found or () if key != "date"))
            for found in (call.initial_metadata(), call.trailing_metadata())
        )
        replied = tuple(replies)
        return Got(self.service, self._method, call.code().name, call.details(), replied, initial, trailing)

    def passed(self) -> None:
        """Wait until all messages so far have been told of, while the call goes on."""
        self._passed(len(self.said))

    def _sent(self, data: bytes) -> bytes:
        self.said.append(Said(True, len(data)))
        return data

    def _received(self, data: bytes) -> bytes:
        self.said.append(Said(False, len(data)))
        return data


def wanted(size: int, compressed: bytes | None = None) -> bytes:
    """Return `ResponseParameters`."""
    return message((1, size), *([] if compressed is None else [(3, compressed)]))


def empty_unary(client: Client) -> Got:
    return client.done(client.call("EmptyCall", "unary_unary", b""))


def large_unary(client: Client) -> Got:
    request = message((2, LARGE), (3, payload(LARGE)))
    return client.done(client.call("UnaryCall", "unary_unary", request))


def client_compressed_unary(client: Client) -> Got:
    request = message((2, 314159), (3, payload(271828)), (8, YES))
    return client.done(client.call("UnaryCall", "unary_unary", request, compression=GZIP))


def server_compressed_unary(client: Client) -> Got:
    request = message((2, 314159), (3, payload(271828)), (6, YES))
    return client.done(client.call("UnaryCall", "unary_unary", request))


def client_streaming(client: Client) -> Got:
    requests = (message((1, payload(size))) for size in UPLOADS)
    return client.done(client.call("StreamingInputCall", "stream_unary", requests))


def client_compressed_streaming(client: Client) -> Got:
    requests = (message((1, payload(size)), (2, YES)) for size in UPLOADS)
    # `stream_unary.future` takes `compression` and forgets it; this is what that stands for.
    packed = (("grpc-internal-encoding-request", "gzip"),)
    return client.done(client.call("StreamingInputCall", "stream_unary", requests, metadata=packed))


def server_streaming(client: Client) -> Got:
    request = message(*((2, wanted(size)) for size in DOWNLOADS))
    return client.done(client.call("StreamingOutputCall", "unary_stream", request))


def server_compressed_streaming(client: Client) -> Got:
    request = message((2, wanted(31415, YES)), (2, wanted(92653, NO)))
    return client.done(client.call("StreamingOutputCall", "unary_stream", request))


class Requests:
    """The requests of a call in both directions: each is sent when it is given, until `end`."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self.send = self._queue.put

    def end(self) -> None:
        self._queue.put(None)

    def __iter__(self) -> Iterator[bytes]:
        while (request := self._queue.get()) is not None:
            yield request


def ping_pong(client: Client) -> Got:
    requests = Requests()
    call = client.call("FullDuplexCall", "stream_stream", iter(requests))
    replies = []
    for up, down in zip(UPLOADS, DOWNLOADS, strict=True):
        requests.send(message((2, wanted(down)), (3, payload(up))))
        replies.append(next(call))
        client.passed()
    requests.end()
    return client.got(call, itertools.chain(replies, call))


def empty_stream(client: Client) -> Got:
    return client.done(client.call("FullDuplexCall", "stream_stream", iter(())))


def cancel_after_begin(client: Client) -> Got:
    requests = Requests()
    call = client.call("StreamingInputCall", "stream_unary", iter(requests))
    client.server.service.metadata.put(client.server.service.metadata.get(timeout=DEADLINE))
    call.cancel()
    requests.end()
    return client.done(call)


def cancel_after_first_response(client: Client) -> Got:
    requests = Requests()
    call = client.call("FullDuplexCall", "stream_stream", iter(requests))
    requests.send(message((2, wanted(31415)), (3, payload(27182))))
    first = next(call)
    client.passed()
    call.cancel()
    requests.end()
    return client.got(call, [first, *client.done(call).replies])


def timeout_on_sleeping_server(client: Client) -> Got:
    client.ready()
    requests = Requests()
    call = client.call("FullDuplexCall", "stream_stream", iter(requests), timeout=0.25)
    requests.send(message((3, payload(27182))))
    got = client.done(call)
    requests.end()
    return got


def custom_metadata(client: Client) -> Got:
    request = message((2, 314159), (3, payload(271828)))
    return client.done(client.call("UnaryCall", "unary_unary", request, metadata=METADATA))


def custom_metadata_of_a_stream(client: Client) -> Got:
    requests = iter([message((2, wanted(314159)), (3, payload(271828)))])
    return client.done(client.call("FullDuplexCall", "stream_stream", requests, metadata=METADATA))


def status_code_and_message(client: Client) -> Got:
    request = message((7, message((1, 2), (2, b"test status message"))))
    return client.done(client.call("UnaryCall", "unary_unary", request))


def status_code_and_message_of_a_stream(client: Client) -> Got:
    request = message((7, message((1, 2), (2, b"test status message"))))
    return client.done(client.call("FullDuplexCall", "stream_stream", iter([request])))


def special_status_message(client: Client) -> Got:
    request = message((7, message((1, 2), (2, SPECIAL.encode()))))
    return client.done(client.call("UnaryCall", "unary_unary", request))


def unimplemented_method(client: Client) -> Got:
    return client.done(client.call("UnimplementedCall", "unary_unary", b""))


def unimplemented_service(client: Client) -> Got:
    client.service = "grpc.testing.UnimplementedService"
    return client.done(client.call("UnimplementedCall", "unary_unary", b""))


CASES: tuple[Callable[[Client], Got], ...] = (
    empty_unary,
    large_unary,
    client_compressed_unary,
    server_compressed_unary,
    client_streaming,
    client_compressed_streaming,
    server_streaming,
    server_compressed_streaming,
    ping_pong,
    empty_stream,
    cancel_after_begin,
    cancel_after_first_response,
    timeout_on_sleeping_server,
    custom_metadata,
    custom_metadata_of_a_stream,
    status_code_and_message,
    status_code_and_message_of_a_stream,
    special_status_message,
    unimplemented_method,
    unimplemented_service,
)
