"""What is fuzzed: for each reader of network bytes, what must hold whatever the bytes are.

A target is given bytes and the places where to cut them. It fails by raising: an exception that the
reader does not promise, or an assertion of what always holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from soth_mitm.model.events import Direction
from soth_mitm.proto import client_hello, connect, proxy_protocol, socks5
from soth_mitm.proto.aws_events import AwsSplitter
from soth_mitm.proto.client_hello import ClientHelloError
from soth_mitm.proto.connect import ConnectError
from soth_mitm.proto.grpc import GrpcSplitter, WebTextSplitter
from soth_mitm.proto.http1 import RequestReader, ResponseReader
from soth_mitm.proto.http2 import PREFACE
from soth_mitm.proto.http2.hpack import Decoder, Encoder, HpackError
from soth_mitm.proto.json_values import JsonSplitter
from soth_mitm.proto.multipart import PartSplitter
from soth_mitm.proto.ndjson import LineSplitter
from soth_mitm.proto.splitting import Splitter
from soth_mitm.proto.sse import SseSplitter
from soth_mitm.proto.websocket.extensions import Agreed, DeflateParams
from soth_mitm.proto.websocket.observer import Observer
from tests.proto import splits
from tests.proto.http1 import driving
from tests.proto.http2 import driving as frames

Target = Callable[[bytes, Sequence[int]], None]

INFLATE_BYTES = 262_144
_METHODS = (b"GET", b"HEAD", b"POST", b"GET")


def _pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


def _told(code: str, status: int = 400) -> None:
    assert code
    assert 400 <= status < 600


def _connect(data: bytes, cuts: Sequence[int]) -> None:
    for lenient in (False, True):
        connect.sniff(data)
        try:
            end = connect.head_end(data)
            request = connect.parse_connect(data[:end] if end > 0 else data, lenient=lenient)
        except ConnectError as error:
            _told(error.code, error.status)
        else:
            assert 0 < request.authority.port < 65_536
            assert request.authority.host


def _hello(data: bytes, cuts: Sequence[int]) -> None:
    try:
        seen = client_hello.needed(data[:5])
        while seen <= len(data) and seen < client_hello.needed(data[:seen]):
            seen = client_hello.needed(data[:seen])
        client_hello.parse(data)
    except ClientHelloError as error:
        _told(error.code)


def _socks(data: bytes, cuts: Sequence[int]) -> None:
    for auth in ("", "me:secret"):
        machine, rest = socks5.Socks5(auth), data
        try:
            while machine.state is not socks5.State.DONE:
                size = machine.needs(rest)
                assert 0 < size <= socks5.MOST
                # Whatever has come yet, no more is asked for than this message has.
                assert all(machine.needs(rest[:cut]) <= size for cut in cuts)
                if size > len(rest):
                    break
                machine.receive(rest[:size])
                rest = rest[size:]
        except socks5.Socks5Error as error:
            _told(error.code)
        else:
            site = machine.target
            assert site is None or (site.host and 0 < site.port < 65_536)


def _proxy_header(data: bytes, cuts: Sequence[int]) -> None:
    try:
        header = proxy_protocol.parse(data)
        assert 0 < header.length <= min(len(data), proxy_protocol.MOST)
        assert all(proxy_protocol.needs(data[:cut]) <= header.length for cut in cuts if cut < header.length)
        assert proxy_protocol.parse(data[: header.length]) == header
        for site in (header.client, header.destination):
            assert site is None or (site.host and 0 <= site.port < 65_536)
    except proxy_protocol.ProxyHeaderError as error:
        _told(error.code)


def _http1(make: Callable[[], driving.Reader], data: bytes, cuts: Sequence[int]) -> None:
    whole = driving.run(make(), [data], methods=_METHODS)
    assert driving.run(make(), _pieces(data, cuts), methods=_METHODS) == whole
    # Every byte is passed on in its place, but for empty lines before a message (RFC 9112 section 2.2).
    told = (whole.wire + whole.rest).translate(None, b"\r\n")
    assert data.translate(None, b"\r\n").startswith(told)


def _websocket(agreed: Agreed, data: bytes, cuts: Sequence[int]) -> None:
    for direction in Direction:
        whole = Observer(agreed, inflate_bytes=INFLATE_BYTES)
        whole.feed(direction, data)
        parted = Observer(agreed, inflate_bytes=INFLATE_BYTES)
        for piece in _pieces(data, cuts):
            parted.feed(direction, piece)
        # Of two defects in one compressed message, and of how far one may expand, the cut decides.
        if agreed.deflate is None:
            assert (parted.error, parted.outcome()) == (whole.error, whole.outcome())


def _split(make: Callable[[], Splitter], data: bytes, cuts: Sequence[int], *, framed: bool = True) -> None:
    found, code = splits.run(make, [data])
    parted, parted_code = splits.run(make, _pieces(data, cuts))
    assert (parted, parted_code) == (found, code)
    splits.check_places(found, data, framed=framed)


def _http2(data: bytes, cuts: Sequence[int], *, client: bool) -> None:
    script = b"" if client else PREFACE
    whole, parted = frames.engine(client=client), frames.engine(client=client)
    if client:
        for each in (whole, parted):
            for _ in range(3):
                each.send_head(each.open(), frames.GET, end=True)
    assert frames.read(parted, [script, *_pieces(data, cuts)]) == frames.read(whole, [script + data])
    assert parted.output() == whole.output()


def _hpack(data: bytes, cuts: Sequence[int]) -> None:
    reader = Decoder(max_list=65_536)
    for piece in _pieces(data, cuts):
        try:
            found = reader.decode(piece)
        except HpackError:
            return
        again = Decoder(max_list=65_536).decode(Encoder().encode(found.fields, found.never))
        assert (again.fields, again.never) == (found.fields, found.never)


def _web_text() -> Splitter:
    return WebTextSplitter(GrpcSplitter(web=True))


TARGETS: dict[str, Target] = {
    "connect": _connect,
    "client_hello": _hello,
    "socks5": _socks,
    "proxy_header": _proxy_header,
    "http1_request": partial(_http1, RequestReader),
    "http1_request_lenient": partial(_http1, partial(RequestReader, lenient=True)),
    "http1_response": partial(_http1, ResponseReader),
    "websocket": partial(_websocket, Agreed()),
    "websocket_deflate": partial(_websocket, Agreed(DeflateParams())),
    "http2_server": partial(_http2, client=False),
    "http2_client": partial(_http2, client=True),
    "hpack": _hpack,
    "sse": partial(_split, SseSplitter),
    "grpc": partial(_split, GrpcSplitter),
    "grpc_web": partial(_split, partial(GrpcSplitter, web=True)),
    "grpc_web_text": partial(_split, _web_text, framed=False),
    "aws_events": partial(_split, AwsSplitter),
    "ndjson": partial(_split, LineSplitter),
    "json_values": partial(_split, JsonSplitter),
    "multipart": partial(_split, partial(PartSplitter, b"frame")),
}
