"""The test service of gRPC's own interop suite, served by grpcio, without generated code.

Messages are bytes on both sides; the few fields of `grpc.testing` that the cases need are written and
read here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple

# Its handlers of fork write to the streams of every program that a later test starts.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

SERVICE = "grpc.testing.TestService"
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
LONGEST = 8 << 20

Fields = dict[int, list["int | bytes"]]


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """Return a message of numbers and of bytes."""
    out = []
    for number, value in fields:
        if isinstance(value, int):
            out.append(varint(number << 3) + varint(value))
        else:
            out.append(varint(number << 3 | 2) + varint(len(value)) + value)
    return b"".join(out)


def fields_of(data: bytes) -> Fields:
    """Return the fields of such a message."""
    found: Fields = {}
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        value: int | bytes = number()
        if key & 7:
            assert isinstance(value, int)
            size = value
            value, at = data[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def part(fields: Fields, number: int) -> Fields:
    """Return the message in a field; an empty one where it is not there."""
    value = fields.get(number, [b""])[-1]
    assert isinstance(value, bytes)
    return fields_of(value)


def payload(size: int) -> bytes:
    """Return a `Payload` of zeros, as the suite sends it."""
    return message((2, bytes(size)))


def number_in(fields: Fields, number: int) -> int:
    """Return a number, 0 where it is not there."""
    value = fields.get(number, [0])[-1]
    assert isinstance(value, int)
    return value


class Service:
    """What the server does, and what it sees of each call."""

    def __init__(self) -> None:
        self.metadata: SimpleQueue[tuple[tuple[str, str | bytes], ...]] = SimpleQueue()
        """The metadata of each call that has begun."""
        self.ended: SimpleQueue[None] = SimpleQueue()
        """One for each call that is over, as the server sees it: answered, or cancelled by its client."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the methods by name."""
        methods = {
            "EmptyCall": grpc.unary_unary_rpc_method_handler(self._empty_call),
            "UnaryCall": grpc.unary_unary_rpc_method_handler(self._unary_call),
            "StreamingInputCall": grpc.stream_unary_rpc_method_handler(self._streaming_input),
            "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(self._streaming_output),
            "FullDuplexCall": grpc.stream_stream_rpc_method_handler(self._full_duplex),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _begin(self, context: grpc.ServicerContext) -> None:
        """Take note of a call; send back the metadata that asks for it."""
        context.add_callback(lambda: self.ended.put(None))
        given = dict(context.invocation_metadata())
        self.metadata.put(tuple(sorted(context.invocation_metadata())))
        if INITIAL in given:
            context.send_initial_metadata(((INITIAL, given[INITIAL]),))
        if TRAILING in given:
            context.set_trailing_metadata(((TRAILING, given[TRAILING]),))

    def _empty_call(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self._begin(context)
        return request

    def _unary_call(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        self._begin(context)
        request = fields_of(data)
        if number_in(part(request, 6), 1):
            context.set_compression(grpc.Compression.Gzip)
        _end_as_asked(request, context)
        return message((1, payload(number_in(request, 2))))

    def _streaming_input(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        self._begin(context)
        bodies = [part(fields_of(data), 1).get(2, [b""])[-1] for data in requests]
        return message((1, sum(len(body) for body in bodies if isinstance(body, bytes))))

    def _streaming_output(self, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        self._begin(context)
        yield from _answers(fields_of(data), context)

    def _full_duplex(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        self._begin(context)
        for data in requests:
            _end_as_asked(fields_of(data), context)
            yield from _answers(fields_of(data), context)


def _end_as_asked(request: Fields, context: grpc.ServicerContext) -> None:
    status = part(request, 7)
    if status:
        text = status.get(2, [b""])[-1]
        assert isinstance(text, bytes)
        codes = {code.value[0]: code for code in grpc.StatusCode}
        context.abort(codes[number_in(status, 1)], text.decode())


def _answers(request: Fields, context: grpc.ServicerContext) -> Iterator[bytes]:
    """Yield a message for each size that is asked for, compressed where that is asked for too."""
    parameters = [fields_of(each) for each in request.get(2, []) if isinstance(each, bytes)]
    if any(3 in each for each in parameters):
        context.set_compression(grpc.Compression.Gzip)
    for each in parameters:
        if 3 in each and not number_in(part(each, 3), 1):
            context.disable_next_message_compression()
        yield message((1, payload(number_in(each, 1))))


class Server(NamedTuple):
    """A running server, and its ports with TLS and without."""

    service: Service
    port: int
    plain_port: int


@contextlib.contextmanager
def serving(chain: bytes, key: bytes) -> Iterator[Server]:
    """Serve over TLS with a certificate, and in the clear."""
    service = Service()
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", LONGEST)])
    server.add_generic_rpc_handlers((service.handlers(),))
    secure = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    plain = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Server(service, secure, plain)
    finally:
        server.stop(0).wait()
