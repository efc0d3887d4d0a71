"""Every mode with every protocol: curl sees what it sees directly, the origin too, and each flow ends once.

One program listens in all modes at once, and a second one is the proxy that the `upstream` modes go
through. To add a protocol that curl speaks, add a `Speaks` to `SPEAKS`; to add a mode, a `Way` to `WAYS`.
WebSockets and gRPC have peers of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]
import pytest

from soth_mitm.model.events import (
    Direction,
    Event,
    FlowClosed,
    FlowKind,
    FlowOpened,
    MessageSeen,
    RequestHead,
)
from soth_mitm.record.reader import DumpReader
from tests.e2e import matrix_peers as peers
from tests.e2e.proxied import Got, curl
from tests.helpers import invariants
from tests.helpers.origins import HOST, Answer, Authority, Origin
from tests.helpers.program import DEADLINE, Running, running

pytestmark = pytest.mark.outside("curl")

BODY = b"0123456789abcdef" * 4096
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n5\r\nd\r\nfg\r\n0\r\nX-End: 1\r\n\r\n"
)
EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"
)
ANSWERS = {
    "/get": Answer(b"HTTP/1.1 200 OK\r\nX-CaSe: Kept\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)),
    "/post": Answer(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nmade"),
    "/chunked": Answer(CHUNKED),
    "/events": Answer(EVENTS),
}
SCHEMES = ("http", "https")
TOKEN = "case=1"


class Speaks(NamedTuple):
    """A protocol of the client."""

    arguments: tuple[str, ...]
    schemes: tuple[str, ...]
    """The schemes of the client's URL with which curl speaks it."""
    same_bytes: bool
    """Whether the origin, which speaks HTTP/1.1, sees the same bytes as without the proxy."""
    ways: tuple[str, ...] = ()
    """The modes that translate it for such an origin; empty: all."""


SPEAKS = {
    "h1": Speaks(("--http1.1",), SCHEMES, same_bytes=True),
    "h2": Speaks(("--http2",), ("https",), same_bytes=False),
    "h2c": Speaks(("--http2-prior-knowledge",), ("http",), same_bytes=False, ways=("reverse, plain",)),
}
METHODS = {
    "get": ("/get",),
    "events": ("/events", "-N"),
    "post": ("/post", "--data-binary", "@{upload}", "-H", "Content-Type: text/plain"),
    "chunked": (
        "/chunked",
        "-T",
        "{upload}",
        "-X",
        "POST",
        "-H",
        "Transfer-Encoding: chunked",
        "-H",
        "Expect:",
    ),
}


class Made(NamedTuple):
    """What went through the proxy, to be compared with what was recorded of it."""

    mode: str
    scheme: str
    port: int
    target: str
    """What the target of the request ends with."""
    reason: str = "completed"
    messages: peers.Messages | None = None


class World:
    """The two programs, the origins, and where everything listens."""

    def __init__(self, place: Path, authority: Authority) -> None:
        self.place = place
        self.roots = authority.roots
        self.ca = place / "config" / "soth-mitm" / "ca.pem"
        self.socket = place / "proxy.sock"
        self.recording = place / "all.soth"
        self.upload = place / "upload.bin"
        self.upload.write_bytes(bytes(range(256)) * 40)
        self.origins = {"http": Origin(ANSWERS), "https": Origin(ANSWERS, authority.server_context())}
        self.streams = {
            "http": peers.StreamOrigin(None),
            "https": peers.StreamOrigin(authority.server_context("h2")),
        }
        self.chats: dict[str, int] = {}
        """Where WebSockets are served, by scheme."""
        self.calls: dict[str, int] = {}
        """Where calls of gRPC are answered; empty without grpcio."""
        self.ports: dict[str, int] = {}
        self.made: list[Made] = []
        """What went through the proxy, in order."""
        self.direct: dict[tuple[str, str], tuple[Got, bytes]] = {}
        """What curl and origin see without the proxy, by scheme and method."""

    def modes(self, following: Running) -> dict[str, str]:
        """Return the modes of the program, by the names that `WAYS` has for where they listen."""
        http, socks = (
            int(following.wait_for(rf"listening on {scheme}://127\.0\.0\.1:([0-9]+)", on="err")[1])
            for scheme in ("http", "socks5h")
        )
        return {
            "regular": "regular@0",
            "socks5": "socks5@0",
            "through http": f"upstream:http://{HOST}:{http}@0",
            "through socks5": f"upstream:socks5h://{HOST}:{socks}@0",
            **{f"reverse {name}": f"reverse:{target}@0" for name, target in self.targets().items()},
            "unix": f"unix:{self.socket}",
        }

    def targets(self) -> dict[str, str]:
        """Return the origins that stand behind `reverse` modes, by name: what they speak, and the scheme."""
        found = {}
        for scheme in SCHEMES:
            h2 = scheme.replace("http", "h2c") if scheme == "http" else scheme
            found[scheme] = f"{scheme}://{HOST}:{self.origins[scheme].port}"
            found[f"chat {scheme}"] = f"{scheme}://{HOST}:{self.chats[scheme]}"
            found[f"stream {scheme}"] = f"{h2}://{HOST}:{self.streams[scheme].port}"
            if self.calls:
                found[f"call {scheme}"] = f"{h2}://{HOST}:{self.calls[scheme]}"
        return found

    def listens(self, program: Running, names: list[str]) -> None:
        """Note where the program listens, once it has said so of all its modes."""
        program.wait_for(rf"listening on unix:{self.socket}", on="err")
        found = re.findall(r"listening on (?:[a-z0-9]+://)?127\.0\.0\.1:([0-9]+)", program.err)
        self.ports = dict(zip(names, map(int, found), strict=False))
        self.program = program


class Way(NamedTuple):
    """How curl reaches the origin in one mode."""

    arguments: tuple[str, ...]
    scheme: str = ""
    """Of the URL, where the mode is a server's; empty where the URL is the origin's."""
    only: tuple[str, ...] = SCHEMES
    """The schemes of origins that curl can reach in this way."""


WAYS = {
    "regular": Way(("-x", "http://127.0.0.1:{regular}")),
    "unix": Way(("--unix-socket", "{socket}", "--request-target", "{url}"), only=("http",)),
    "socks5": Way(("-x", "socks5h://127.0.0.1:{socks5}")),
    "upstream http": Way(("-x", "http://127.0.0.1:{through http}")),
    "upstream socks5": Way(("-x", "http://127.0.0.1:{through socks5}")),
    "reverse, plain": Way((), "http"),
    "reverse, TLS": Way((), "https"),
}


@pytest.fixture(scope="module")
def world(place: Path, authority: Authority) -> Iterator[World]:
    """Run both programs; when all cases are done, what was recorded is checked as a whole."""
    world = World(place, authority)
    with contextlib.ExitStack() as stack:
        for scheme in SCHEMES:
            context = authority.server_context() if scheme == "https" else None
            world.chats[scheme] = stack.enter_context(peers.echoing(context))
            stack.callback(world.streams[scheme].close)
        world.calls = stack.enter_context(peers.answering(authority))
        yield from run(world)
    for origin in world.origins.values():
        origin.close()


def run(world: World) -> Iterator[World]:
    """Run the two programs."""
    place = world.place
    following = running(
        "--dump", "-q", "-p", "0", "-m", "regular", "-m", "socks5", "--tunnel", "*", home=place
    )
    with following as second:
        modes = world.modes(second)
        options = [part for mode in modes.values() for part in ("-m", mode)]
        first = running("--dump", "-q", "-k", "-w", world.recording, *options, home=place)
        with first as program:
            world.listens(program, list(modes))
            yield world


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Yield mode, protocol, scheme of the origin, and method."""
    for mode, way in WAYS.items():
        for spoken, speaks in SPEAKS.items():
            if speaks.ways and mode not in speaks.ways:
                continue
            for scheme in SCHEMES:
                if scheme in way.only and (way.scheme or scheme) in speaks.schemes:
                    for method in METHODS:
                        yield mode, spoken, scheme, method


def ask(world: World, mode: str, spoken: str, *, scheme: str, method: str) -> Got:
    """Make a request through the proxy."""
    way, origin = WAYS[mode], world.origins[scheme]
    path, *more = METHODS[method]
    port = world.ports[f"reverse {scheme}"] if way.scheme else origin.port
    url = f"{way.scheme or scheme}://{HOST}:{port}{path}?{TOKEN}"
    names = {"socket": world.socket, "upload": world.upload, "url": url, **world.ports}
    filled = [part.format(**names) for part in (*SPEAKS[spoken].arguments, *more, *way.arguments)]
    return curl(*filled, "--cacert", world.ca, "--suppress-connect-headers", "-i", url)


def directly(world: World, *, scheme: str, method: str) -> tuple[Got, bytes]:
    """Make the same request without the proxy, once; return what curl and what the origin got."""
    key = (scheme, method)
    if key not in world.direct:
        path, *more = (part.format(upload=world.upload) for part in METHODS[method])
        origin = world.origins[scheme]
        got = curl("--cacert", world.roots, *more, "-i", origin.url(f"{path}?{TOKEN}"))
        world.direct[key] = got, origin.requests.pop()
    return world.direct[key]


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(("mode", "spoken", "scheme", "method"), list(cases()))
def test_what_passes_is_what_passes_without_the_proxy(
    world: World, mode: str, spoken: str, scheme: str, method: str
) -> None:
    wanted, direct = directly(world, scheme=scheme, method=method)
    got = ask(world, mode, spoken, scheme=scheme, method=method)
    assert (wanted.code, got.code) == (0, 0), got.err
    messages = [(peers.DOWN, 1), (peers.DOWN, 1)] if method == "events" else None
    world.made.append(Made(mode, scheme, world.origins[scheme].port, TOKEN, messages=messages))
    (through,) = world.origins[scheme].requests
    world.origins[scheme].requests.clear()
    if SPEAKS[spoken].same_bytes:
        assert got.out == wanted.out
        assert through == direct
    else:
        assert body_of(got.out).lower() == body_of(wanted.out).lower()  # trailers lose their case
        assert through.split(b" ", 2)[:2] == direct.split(b" ", 2)[:2]
        assert len(through) > len(direct) // 2


# --- WebSockets and gRPC


def ways() -> Iterator[tuple[str, str]]:
    """Yield mode and scheme of the origin."""
    for mode in WAYS:
        for scheme in SCHEMES:
            yield mode, scheme


def reach(world: World, mode: str, name: str, port: int) -> tuple[socket.socket, int]:
    """Connect to an origin in a mode; return the connection, and the port that the client asks for.

    `name` is that of the origin behind `reverse` modes.
    """
    if mode == "unix":
        return peers.through_unix(world.socket, port), port
    if mode == "socks5":
        return peers.through_socks(world.ports["socks5"], port), port
    if WAYS[mode].scheme:
        port = world.ports[f"reverse {name}"]
        return socket.create_connection(("127.0.0.1", port), DEADLINE), port
    proxy = mode.replace("upstream", "through")
    return peers.through_http(world.ports[proxy], port), port


def trusting(world: World, mode: str, scheme: str, *alpn: str) -> ssl.SSLContext | None:
    """Return a context of a client whose TLS the proxy ends; None where it speaks none."""
    if (WAYS[mode].scheme or scheme) == "http":
        return None
    context = ssl.create_default_context(cafile=world.ca)
    context.set_alpn_protocols(list(alpn))
    return context


@pytest.mark.parametrize(("mode", "scheme"), list(ways()))
def test_what_is_said_over_a_websocket_passes_and_is_told(world: World, mode: str, scheme: str) -> None:
    sock, port = reach(world, mode, f"chat {scheme}", world.chats[scheme])
    path = f"/chat?{TOKEN}"
    context = trusting(world, mode, scheme, "http/1.1")
    agreed, messages = asyncio.run(peers.chat(sock, f":{port}{path}", context))
    assert agreed.startswith("permessage-deflate")
    messages += [(peers.UP, 2), (peers.DOWN, 2)]
    world.made.append(Made(mode, scheme, world.chats[scheme], path, "websocket_completed", messages))


@pytest.mark.parametrize(("mode", "scheme"), list(ways()))
def test_what_is_said_over_a_websocket_on_a_stream_passes_and_is_told(
    world: World, mode: str, scheme: str
) -> None:
    origin = world.streams[scheme]
    sock, port = reach(world, mode, f"stream {scheme}", origin.port)
    path = f"/chat?{TOKEN}"
    context = trusting(world, mode, scheme, "h2")
    head, messages = asyncio.run(peers.stream_chat(sock, f"{HOST}:{port}{path}", context, origin))
    assert head[b":authority"] == f"{HOST}:{origin.port}".encode()
    assert head[b":path"] == path.encode()
    assert head[b":scheme"] == scheme.encode()
    assert head[b"x-case"] == b"kept"
    world.made.append(Made(mode, scheme, origin.port, path, "websocket_completed", messages))


# HTTP/2 without TLS goes on as it came, but to a server of HTTP/1.1 that the proxy stands for.
@pytest.mark.parametrize(
    ("mode", "scheme"), [way for way in ways() if WAYS[way[0]].scheme or way[1] == "https"]
)
def test_a_websocket_on_a_stream_reaches_a_server_that_knows_upgrades_only(
    world: World, mode: str, scheme: str
) -> None:
    sock, port = reach(world, mode, f"chat {scheme}", world.chats[scheme])
    path = f"/chat?{TOKEN}"
    context = trusting(world, mode, scheme, "h2")
    _, messages = asyncio.run(peers.stream_chat(sock, f"{HOST}:{port}{path}", context))
    world.made.append(Made(mode, scheme, world.chats[scheme], path, "websocket_completed", messages))


# curl cannot ask a proxy at a Unix socket by CONNECT.
@pytest.mark.parametrize(("mode", "scheme"), [way for way in ways() if way[0] != "unix"])
def test_a_call_passes_and_its_messages_are_told(
    world: World, mode: str, scheme: str, tmp_path: Path
) -> None:
    body, messages = peers.calls()
    port, path = world.calls[scheme], "/grpc.testing.TestService/FullDuplexCall"
    (tmp_path / "body").write_bytes(body)
    options = (
        "-i",
        "--data-binary",
        f"@{tmp_path / 'body'}",
        "-H",
        "Content-Type: application/grpc",
        "-H",
        "TE: trailers",
    )
    spoken = {"http": "--http2-prior-knowledge", "https": "--http2"}
    direct = curl("--cacert", world.roots, spoken[scheme], *options, f"{scheme}://{HOST}:{port}{path}")
    way = WAYS[mode]
    seen = way.scheme or scheme
    url = f"{seen}://{HOST}:{world.ports[f'reverse call {scheme}'] if way.scheme else port}{path}"
    arguments = [part.format(**world.ports) for part in way.arguments]
    got = curl(
        "--cacert", world.ca, "--suppress-connect-headers", "-p", spoken[seen], *options, *arguments, url
    )
    assert (direct.code, got.code) == (0, 0), got.err
    assert got.out == direct.out
    assert b"grpc-status: 0" in got.out
    world.made.append(Made(mode, scheme, port, path, messages=messages))


# --- all of it


def test_a_user_and_password_and_a_proxy_header_are_what_curl_sends(world: World, tmp_path: Path) -> None:
    origin = world.origins["http"]
    modes = ("regular@0,proxy-protocol", "socks5@0", f"reverse:{origin.scheme}://{HOST}:{origin.port}@0")
    options = [part for mode in modes for part in ("-m", mode)]
    with running("--dump", "--proxy-auth", "me:secret", *options, home=tmp_path) as program:
        program.wait_for(r"\(reverse:.*\)", on="err")
        regular, socks, reverse = re.findall(
            r"listening on (?:[a-z0-9]+://)?127\.0\.0\.1:([0-9]+)", program.err
        )
        url = origin.url("/post")
        proxy, header = f"http://me:secret@127.0.0.1:{regular}", "--haproxy-protocol"
        assert curl("-x", proxy, header, url).out == b"made"
        assert curl("-x", proxy, url).code in (52, 56), "no PROXY header"
        got = curl("-x", f"http://me:other@127.0.0.1:{regular}", header, "-i", url)
        assert got.out.startswith(b"HTTP/1.1 407 ")
        assert curl("-x", f"socks5h://me:secret@127.0.0.1:{socks}", url).out == b"made"
        assert curl("-x", f"socks5h://127.0.0.1:{socks}", url).code == 97
        assert curl(f"http://127.0.0.1:{reverse}/post").out == b"made", "a server asks for nothing"
        assert "secret" not in program.out + program.err
    origin.requests.clear()


def opened(flow: list[Event]) -> FlowOpened:
    (body,) = [event.body for event in flow if isinstance(event.body, FlowOpened)]
    return body


def test_every_flow_ended_once_and_as_it_should_and_no_socket_is_left(world: World) -> None:
    """The last of the module: it ends what the others did."""
    if not world.made:
        ask(world, "regular", "h1", scheme="http", method="get")
        world.made.append(Made("regular", "http", world.origins["http"].port, TOKEN))
    process = psutil.Process(world.program.pid)
    listening = set(world.ports.values())

    def clients() -> list[object]:
        return [
            each
            for each in process.net_connections("inet")
            if each.laddr.port in listening and each.status != psutil.CONN_LISTEN
        ]

    end = time.monotonic() + DEADLINE
    while clients():
        assert time.monotonic() < end, clients()
        threading.Event().wait(0.01)
    assert world.program.end().code == 0
    with DumpReader(world.recording) as reader:
        events = list(reader)
    flows: dict[int, list[Event]] = {}
    for event in events:
        if event.flow:
            flows.setdefault(event.flow, []).append(event)
    done = [each for each in flows.values() if opened(each).flow_kind is FlowKind.HTTP]
    assert len(done) == len(world.made)
    for flow, made in zip(done, world.made, strict=True):
        assert (opened(flow).scheme, opened(flow).host) == (made.scheme, HOST), made
        assert opened(flow).port == made.port
        (head,) = [event.body for event in flow if isinstance(event.body, RequestHead)]
        assert head.target.endswith(made.target.encode())
        ends = [event.body for event in flow if isinstance(event.body, FlowClosed)]
        assert [end.reason for end in ends] == [made.reason], made
        if made.messages is not None:
            told = [event.body for event in flow if isinstance(event.body, MessageSeen)]
            for way in Direction:  # which goes first is up to the peers where they do not wait
                wanted = [size for direction, size in made.messages if direction is way]
                assert [seen.size for seen in told if seen.direction is way] == wanted, made
    invariants.check(events)
