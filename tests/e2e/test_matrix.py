"""Every mode with every protocol: curl sees what it sees directly, the origin too, and each flow ends once.

One program listens in all modes at once, and a second one is the proxy that the `upstream` modes go
through. To add a protocol, add a `Speaks` to `SPEAKS`; to add a mode, a `Way` to `WAYS`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]
import pytest

from soth_mitm.model.events import Event, FlowClosed, FlowKind, FlowOpened, RequestHead
from soth_mitm.record.reader import DumpReader
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
        self.ports: dict[str, int] = {}
        self.made: list[tuple[str, str]] = []
        """Mode and scheme of the requests that went through the proxy, in order."""
        self.direct: dict[tuple[str, str], tuple[Got, bytes]] = {}
        """What curl and origin see without the proxy, by scheme and method."""

    def modes(self, following: Running) -> dict[str, str]:
        """Return the modes of the program, by the names that `WAYS` has for where they listen."""
        http, socks = (
            int(following.wait_for(rf"listening on {scheme}://127\.0\.0\.1:([0-9]+)", on="err")[1])
            for scheme in ("http", "socks5h")
        )
        targets = {scheme: f"{scheme}://{HOST}:{origin.port}" for scheme, origin in self.origins.items()}
        return {
            "regular": "regular@0",
            "socks5": "socks5@0",
            "through http": f"upstream:http://{HOST}:{http}@0",
            "through socks5": f"upstream:socks5h://{HOST}:{socks}@0",
            "reverse http": f"reverse:{targets['http']}@0",
            "reverse https": f"reverse:{targets['https']}@0",
            "unix": f"unix:{self.socket}",
        }

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
    for origin in world.origins.values():
        origin.close()


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
    world.made.append((mode, scheme))
    (through,) = world.origins[scheme].requests
    world.origins[scheme].requests.clear()
    if SPEAKS[spoken].same_bytes:
        assert got.out == wanted.out
        assert through == direct
    else:
        assert body_of(got.out).lower() == body_of(wanted.out).lower()  # trailers lose their case
        assert through.split(b" ", 2)[:2] == direct.split(b" ", 2)[:2]
        assert len(through) > len(direct) // 2


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
        world.made.append(("regular", "http"))
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
    for flow, (mode, scheme) in zip(done, world.made, strict=True):
        assert (opened(flow).scheme, opened(flow).host) == (scheme, HOST), mode
        assert opened(flow).port == world.origins[scheme].port
        (head,) = [event.body for event in flow if isinstance(event.body, RequestHead)]
        assert head.target.endswith(TOKEN.encode())
        ends = [event.body for event in flow if isinstance(event.body, FlowClosed)]
        assert [end.reason for end in ends] == ["completed"], mode
    invariants.check(events)
