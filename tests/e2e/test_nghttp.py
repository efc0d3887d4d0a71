"""nghttp, h2load and nginx, whose HTTP/2 is not ours: in reverse mode each sees what it sees directly."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from soth_mitm.config import Limits
from soth_mitm.model.events import ConnOpened, FlowClosed, ResponseHead, Side, TlsEstablished
from soth_mitm.record.reader import DumpReader
from tests.helpers import invariants
from tests.helpers.origins import HOST, Authority, Nginx, nginx
from tests.helpers.program import DEADLINE, Running, running

pytestmark = pytest.mark.outside("h2load", "nghttp", "nginx")

TEXT = b"a line of text, again and again\n" * 200
BIG = bytes(range(256)) * 2048
CASES: dict[str, tuple[str, ...]] = {
    "one": ("/text/page.txt",),
    "compressed": ("-H", "accept-encoding: gzip", "/text/page.txt"),
    "many on one connection": ("-m", "40", "/text/page.txt"),
    "several": ("/big.bin", "/text/page.txt", "/missing", "/text/"),
    "a part": ("-H", "range: bytes=1000-1999", "/big.bin"),
    "small windows": ("-w", "8", "-W", "8", "/text/page.txt"),
    "padded": ("-b", "64", "/text/page.txt"),
    "continued": ("--continuation", "/text/page.txt"),
    "an upload": ("-H", ":method: PUT", "-d", "{upload}", "/put.bin"),
}
"""What nghttp is given; what begins with a slash becomes a URL."""


class World:
    """nginx, and the proxy that stands for it."""

    def __init__(self, place: Path, server: Nginx, program: Running) -> None:
        self.upload = place / "upload.bin"
        self.server = server
        listening = r"listening on 127\.0\.0\.1:([0-9]+) \(reverse:%s://"
        self.ports = {
            scheme: int(program.wait_for(listening % scheme, on="err")[1]) for scheme in ("https", "http")
        }
        """Where the proxy stands for nginx, by what it speaks with it: HTTP/2, and HTTP/1.1."""
        self.port = self.ports["https"]
        self.program = program
        self.statuses: list[int] = []
        """Of all responses through the proxy."""

    def urls(self, case: str, base: str) -> list[str]:
        """Return the arguments of a case."""
        filled = (part.format(upload=self.upload) for part in CASES[case])
        return [base + part if part[:1] == "/" and part != str(self.upload) else part for part in filled]

    def direct(self, case: str) -> Seen:
        """Return what nghttp sees of nginx."""
        return self._remade(case, self.server.url("https", ""))

    def through(self, case: str, scheme: str, *options: str) -> Seen:
        """Return what it sees of the proxy."""
        seen = self._remade(case, f"{scheme}://{HOST}:{self.port}", *options)
        self.statuses += 2 * [int(head[0].removeprefix(":status: ")) for head in seen[0]]
        return seen

    def _remade(self, case: str, base: str, *options: str) -> Seen:
        """Run it twice: it prints heads or bodies, and a PUT makes a new file each time."""
        heads, bodies = [], b""
        for flags in ("-nvy", "-y"):
            (self.server.files / "put.bin").unlink(missing_ok=True)
            found = nghttp(flags, *options, *self.urls(case, base))
            if flags == "-y":
                bodies = bytes(sorted(found))  # those of several responses come in turns
            else:
                heads = heads_of(found)
        put = self.server.files / "put.bin"
        return heads, bodies, put.read_bytes() if put.exists() else b""


Seen = tuple[list[list[str]], bytes, bytes]
"""The heads of the responses, their bodies, and what arrived."""


def nghttp(*arguments: str) -> bytes:
    """Run it, and return what it prints."""
    program = shutil.which("nghttp")
    assert program is not None
    done = subprocess.run([program, *arguments], capture_output=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert b"processed=" not in done.stderr, done.stderr
    return done.stdout


def h2load(*arguments: str) -> tuple[list[str], str]:
    """Run it; return what it counted: requests, statuses, and the bytes of bodies."""
    program = shutil.which("h2load")
    assert program is not None
    done = subprocess.run([program, *arguments], capture_output=True, timeout=DEADLINE, text=True)
    assert done.returncode == 0, done.stderr
    counted = re.findall(r"^(?:requests|status codes): .*$", done.stdout, re.MULTILINE)
    (size,) = re.findall(r"\(([0-9]+)\) data$", done.stdout, re.MULTILINE)
    return counted, size


def heads_of(text: bytes) -> list[list[str]]:
    """Return the fields of each response in what `nghttp -v` prints, without dates."""
    found: dict[int, list[str]] = defaultdict(list)
    for number, field in re.findall(r"recv \(stream_id=([0-9]+)(?:, sensitive)?\) (.*)", text.decode()):
        if not field.startswith(("date: ", "last-modified: ", "etag: ", "location: ")):
            found[int(number)].append(field)
    return [found[number] for number in sorted(found)]


@pytest.fixture(scope="module")
def world(place: Path, authority: Authority) -> Iterator[World]:
    with nginx(place / "nginx", authority, http2=True) as server:
        (server.files / "text" / "page.txt").write_bytes(TEXT)
        (server.files / "big.bin").write_bytes(BIG)
        (place / "upload.bin").write_bytes(BIG[:100_000])
        modes = [
            part for scheme in ("https", "http") for part in ("-m", f"reverse:{server.url(scheme, '')}@0")
        ]
        with running("--dump", "-q", "-k", "-w", place / "all.soth", *modes, home=place) as program:
            yield World(place, server, program)


@pytest.mark.parametrize("case", CASES)
def test_what_nghttp_sees_is_what_it_sees_of_nginx(world: World, case: str) -> None:
    direct = world.direct(case)
    assert direct[0]
    assert world.through(case, "https") == direct


@pytest.mark.parametrize("options", [(), ("-u",)], ids=["prior knowledge", "upgrade"])
def test_without_tls_it_sees_the_same(world: World, options: tuple[str, ...]) -> None:
    assert world.through("several", "http", *options) == world.direct("several")


@pytest.mark.parametrize("behind", ["https", "http"])
@pytest.mark.parametrize("way", ["down", "up"])
def test_a_hundred_streams_at_once_are_what_they_are_of_nginx(world: World, behind: str, way: str) -> None:
    path, status, options = "/text/page.txt", 200, ["-n", "200", "-c", "2", "-m", "100"]
    if way == "up":
        (world.server.files / "put.bin").write_bytes(b"")
        path, status = "/put.bin", 204
        options += ["-H", ":method: PUT", "-d", str(world.server.files / "text" / "page.txt")]
    direct = h2load(*options, world.server.url("https", path))
    assert "200 succeeded" in direct[0][0]
    assert h2load(*options, f"https://{HOST}:{world.ports[behind]}{path}") == direct
    world.statuses += [status] * 200


def test_every_stream_was_a_flow_that_ended_once(world: World, place: Path) -> None:
    """The last of the module: it ends what the others did."""
    if not world.statuses:
        world.through("one", "https")
    assert world.program.end().code == 0
    with DumpReader(place / "all.soth") as reader:
        events = list(reader)
    invariants.check(events)
    statuses = [event.body.status for event in events if isinstance(event.body, ResponseHead)]
    assert sorted(statuses) == sorted(world.statuses)
    reasons = {event.body.reason for event in events if isinstance(event.body, FlowClosed)}
    assert reasons == {"completed"}
    opened = [event.body for event in events if isinstance(event.body, ConnOpened)]

    def accepted(behind: str) -> int:
        return sum(body.local.endswith(f":{world.ports[behind]}") for body in opened)

    agreed = [event.body for event in events if isinstance(event.body, TlsEstablished)]
    assert sum((body.side, body.alpn) == (Side.UPSTREAM, "h2") for body in agreed) <= accepted("https")
    turns = sum(body.peer.endswith(f":{world.server.http_port}") for body in opened)
    assert turns <= Limits().h2_to_h1_connections * accepted("http")
