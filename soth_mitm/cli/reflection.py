"""Schemas from a server itself: `--proto grpc://HOST:PORT` asks its reflection service once, at the start.

The proxy asks for itself and before it serves; no client's connection is touched. What is asked for is
the list of services, the file that declares each, and the files that these import
(grpc.reflection.v1.ServerReflection; v1alpha where there is only that).
"""

from __future__ import annotations

import atexit
import shutil
import socket
import ssl
import struct
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from soth_mitm.decode.protobuf.schema import MOST_BYTES
from soth_mitm.decode.protobuf.wire import LEN, WireError, fields_of, varint
from soth_mitm.errors import ConfigError, SothError
from soth_mitm.net.tls.roots import load_roots
from soth_mitm.proto.grpc import GrpcSplitter
from soth_mitm.proto.splitting import Found, SplitError
from soth_mitm.text import human_size, printable

SCHEMES: Final = ("grpc://", "grpcs://")
SECONDS: Final = 20.0
"""For all that is asked of one server."""

MOST_FILES: Final = 10_000
_READ: Final = 64 * 1024
_VERSIONS: Final = ("v1", "v1alpha")
_UNIMPLEMENTED: Final = "12"
_kept: dict[str, str] = {}
"""Files of what servers said, by address: a reload does not ask again."""


class ReflectionError(SothError):
    """A server does not say what it offers; the text says why."""


class _NotOffered(ReflectionError):
    """The service of this name is not there."""


def with_reflected(names: Iterable[str], *, verify: bool = True) -> list[str]:
    """Return the names of files, those of servers replaced by files of what they declare.

    Raises:
        ConfigError: a server cannot be asked; the text says which, why, and what to give instead.
    """
    return [_file_for(name, verify=verify) if name.startswith(SCHEMES) else name for name in names]


def _file_for(url: str, *, verify: bool) -> str:
    if url not in _kept:
        try:
            data = descriptors_of(url, verify=verify)
        except (SothError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise ConfigError(
                f"--proto {printable(url, 200)}: {printable(why, 300)}; without reflection, give a "
                "descriptor set or .proto files"
            ) from None
        directory = Path(tempfile.mkdtemp(prefix="soth-proto-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        path = directory / "reflected.desc"
        path.write_bytes(data)
        _kept[url] = str(path)
    return _kept[url]


def descriptors_of(url: str, *, verify: bool = True) -> bytes:
    """Return the descriptor set of all that a server declares; blocks for `SECONDS` at most.

    Raises:
        ReflectionError: it has no such service, or does not answer as one.
        OSError: it cannot be reached.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "grpcs" else 80)
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise ReflectionError("not an address: write grpc://HOST:PORT, or grpcs:// with TLS")
    until = monotonic() + SECONDS
    for version in _VERSIONS:
        try:
            with _connected(host, port, tls=parts.scheme == "grpcs", verify=verify, until=until) as link:
                return _all_files(_Call(link, parts.netloc, parts.scheme, version, until))
        except _NotOffered:
            continue
    raise ReflectionError("the server offers no reflection")


def _connected(host: str, port: int, *, tls: bool, verify: bool, until: float) -> socket.socket:
    try:
        link = socket.create_connection((host, port), timeout=_left(until))
    except UnicodeError:
        raise ReflectionError("its host is no name that could be looked up") from None
    if not tls:
        return link
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    if verify:
        load_roots(context, "os")
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(link, server_hostname=host)
    except BaseException:
        link.close()
        raise


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise ReflectionError(f"it did not answer within {SECONDS:.0f} s")
    return left


class _Call:
    """One call of `ServerReflectionInfo`, a question and its answer at a time."""

    def __init__(self, link: socket.socket, authority: str, scheme: str, version: str, until: float) -> None:
        from h2.config import H2Configuration
        from h2.connection import H2Connection

        self._link, self._until = link, until
        self._splitter = GrpcSplitter()
        self._status = self._message = ""
        self._ended = False
        self._answers: deque[bytes] = deque()
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self._h2.initiate_connection()
        self._stream = self._h2.get_next_available_stream_id()
        path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        self._h2.send_headers(
            self._stream,
            [
                (":method", "POST"),
                (":scheme", "https" if scheme == "grpcs" else "http"),
                (":path", path),
                (":authority", authority),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
            ],
        )

    def ask(self, question: bytes) -> bytes:
        """Return the answer to one request.

        Raises:
            ReflectionError: the server ended the call, or does not speak HTTP/2 or gRPC.
        """
        from h2.exceptions import ProtocolError

        try:
            if not self._ended:
                self._h2.send_data(self._stream, struct.pack(">BI", 0, len(question)) + question)
        except ProtocolError:  # of which no event told, or the name that is asked for fits in no frame
            raise ReflectionError("the server does not take the next question") from None
        while not self._answers:
            if self._ended:
                if self._status == _UNIMPLEMENTED:
                    raise _NotOffered("no such service")
                raise ReflectionError(
                    f"the server ended the call: {self._message or self._status or 'no status'}"
                )
            self._send()
            self._read()
        return self._answers.popleft()

    def _send(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._link.sendall(data)

    def _read(self) -> None:
        from h2.exceptions import ProtocolError

        self._link.settimeout(_left(self._until))
        data = self._link.recv(_READ)
        if not data:
            raise ReflectionError("the server closed the connection")
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            raise ReflectionError(f"it does not speak HTTP/2 ({type(error).__name__})") from None
        for event in events:
            self._take(event)

    def _take(self, event: object) -> None:
        from h2 import events

        if isinstance(event, events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            try:
                found = self._splitter.feed(event.data)
                self._answers += [each.data for each in found if isinstance(each, Found)]
            except SplitError as error:
                raise ReflectionError(f"no answer of gRPC: {error.detail}") from None
        elif isinstance(event, events.ResponseReceived | events.TrailersReceived):
            fields = {str(name): str(value) for name, value in event.headers}
            self._status = fields.get("grpc-status", self._status)
            self._message = fields.get("grpc-message", self._message)
            if fields.get(":status", "200") != "200":
                raise ReflectionError(f"it answers {fields[':status']}, and is no server of gRPC")
        elif isinstance(event, events.StreamEnded | events.StreamReset | events.ConnectionTerminated):
            self._ended = True


def _all_files(call: _Call) -> bytes:
    services = list(_services(call.ask(_field(7, b""))))
    files: dict[str, bytes] = {}
    for service in services:
        _add(files, call.ask(_field(4, service)))
    while missing := _missing(files):
        for name in missing:
            _add(files, call.ask(_field(3, name.encode())), instead=name)
        _check(files)
    if not files:
        raise ReflectionError("the server names no service")
    return b"".join(_field(1, data) for data in files.values() if data)


def _services(answer: bytes) -> Iterator[bytes]:
    for number, data in _parts(answer):
        if number == 6:
            yield from (
                name for each, service in _parts(data) if each == 1 for at, name in _parts(service) if at == 1
            )


def _add(files: dict[str, bytes], answer: bytes, *, instead: str = "") -> None:
    """Keep the files of an answer; of one that a server does not have, nothing: what needs it is unnamed."""
    for number, data in _parts(answer):
        if number == 4:
            for each, file in _parts(data):
                if each == 1:
                    name = next((value for at, value in _parts(file) if at == 1), b"")
                    files[name.decode("utf-8", "replace")] = file
    if instead:
        files.setdefault(instead, b"")
    _check(files)


def _check(files: dict[str, bytes]) -> None:
    if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_BYTES:
        raise ReflectionError(f"it declares more than {MOST_FILES:,} files or {human_size(MOST_BYTES)} bytes")


def _missing(files: dict[str, bytes]) -> list[str]:
    wanted = {
        value.decode("utf-8", "replace")
        for file in files.values()
        for number, value in _parts(file)
        if number == 3
    }
    return sorted(wanted - files.keys())


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    try:
        return [(field.number, field.data) for field in fields_of(data) if field.kind == LEN]
    except WireError as error:
        raise ReflectionError(f"its answer is damaged ({error})") from None


def _field(number: int, data: bytes) -> bytes:
    """Return a field of bytes as Protocol Buffers write it."""
    return varint(number << 3 | LEN) + varint(len(data)) + data
