"""curl, nginx and a scripted origin see byte for byte what they see without the proxy; a flow is a line.

Every request is made twice with the same bytes. What may differ is `Proxy-Connection` and the
absolute form, which curl adds towards a proxy for plain HTTP and which the origin must not see.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from tests.e2e.proxied import Got, Proxied, curl
from tests.helpers.origins import HOST, Answer, Authority, Nginx, Origin, nginx
from tests.helpers.program import DEADLINE

pytestmark = pytest.mark.outside("curl")

TEXT = b"It is the same text, over and over. " * 400


def coded(name: bytes, data: bytes) -> Answer:
    """Return an answer with a content coding."""
    return Answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s"
        % (name, len(data), data)
    )


def gzip(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data, mtime=0)


ODD = (
    b"HTTP/1.1 200 All  right, then\r\nserver:x\r\nX-CaSe:   spaces   \r\nSET-cookie: a=1\r\n"
    b"Set-Cookie: b=2\r\nX-Latin: caf\xe9\r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'3;ext="1"\r\nabc\r\n000A\r\n0123456789\r\n0\r\n\r\n'
)
TRAILERS = (
    b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-OTHER:  2\r\n\r\n"
)
HINTS = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    b"HTTP/1.1 103 Early Hints\r\nlink: </b.css>; rel=preload\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
)
ANSWERS: dict[str, Answer] = {
    "/odd": Answer(ODD),
    "/head": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nContent-Type: image/png\r\n\r\n"),
    "/chunked": Answer(CHUNKED),
    "/trailers": Answer(TRAILERS),
    "/hints": Answer(HINTS),
    "/nothing": Answer(b"HTTP/1.1 204 No Content\r\nX-Why: done\r\n\r\n"),
    "/unchanged": Answer(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'),
    "/until-closed": Answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + TEXT, close=True),
    "/old": Answer(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold", close=True),
    "/error": Answer(b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n"),
    "/gzip": coded(b"gzip", gzip(TEXT)),
    "/br": coded(b"br", brotli.compress(TEXT)),
    "/zstd": coded(b"zstd", zstandard.compress(TEXT)),
    "/take": Answer(b"HTTP/1.1 201 Created\r\nLocation: /take/1\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.fixture(scope="module")
def upload(place: Path) -> Path:
    """Return a file that takes several chunks."""
    path = place / "upload.bin"
    path.write_bytes(bytes(range(256)) * 800)
    return path


@pytest.fixture(scope="module", params=["http", "https"])
def origin(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Origin]:
    """Run a scripted origin: what is asked of it is forwarded, or intercepted."""
    scripted = Origin(ANSWERS, authority.server_context() if request.param == "https" else None)
    yield scripted
    scripted.close()


@pytest.fixture(scope="module")
def server(place: Path, authority: Authority) -> Iterator[Nginx]:
    """Run a real nginx."""
    directory = place / "nginx"
    directory.mkdir()
    with nginx(directory, authority) as running:
        (running.files / "small.txt").write_bytes(b"small\n")
        (running.files / "text" / "page.html").write_bytes(TEXT)
        yield running


def both(proxied: Proxied, authority: Authority, url: str, *arguments: str | Path) -> tuple[Got, Got]:
    """Ask directly, then through the proxy; return what curl got, framing and interim heads included."""
    asked = ("--raw", "-i", *arguments, url)
    return curl(*asked, "--cacert", authority.roots), curl(*asked, *proxied.through())


IN_CHUNKS = ["-H", "Transfer-Encoding: chunked"]
CASES: dict[str, tuple[str, list[str]]] = {
    "GET": ("/odd", ["-H", "X-oDD:  spaced  ", "-H", "x-empty;", "-H", "Cookie: a=b; c=\xe9"]),
    "HEAD": ("/head", ["-I"]),
    "chunked": ("/chunked", []),
    "trailers": ("/trailers", ["-H", "TE: trailers"]),
    "103": ("/hints", []),
    "204": ("/nothing", ["-X", "DELETE"]),
    "304": ("/unchanged", ["-H", 'If-None-Match: "x"']),
    "until closed": ("/until-closed", []),
    "HTTP/1.0 origin": ("/old", []),
    "HTTP/1.0 client": ("/until-closed", ["--http1.0"]),
    "no reason phrase": ("/error", []),
    "gzip": ("/gzip", ["-H", "Accept-Encoding: gzip"]),
    "br": ("/br", ["-H", "Accept-Encoding: br"]),
    "zstd": ("/zstd", ["-H", "Accept-Encoding: zstd"]),
    "form": ("/take", ["-d", "a=1&b=2"]),
    "upload": ("/take", ["-H", "Expect:", "-T", "UPLOAD"]),
    "Expect": ("/take", ["-H", "Expect: 100-continue", "-T", "UPLOAD"]),
    "chunked upload": ("/take", [*IN_CHUNKS, "-H", "Expect:", "-T", "UPLOAD"]),
    "chunked Expect": ("/take", [*IN_CHUNKS, "-H", "Expect: 100-continue", "-T", "UPLOAD"]),
    "OPTIONS": ("/odd", ["-X", "OPTIONS"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_both_ends_see_the_same_bytes_with_and_without_the_proxy(
    case: str, origin: Origin, proxied: Proxied, authority: Authority, upload: Path
) -> None:
    path, arguments = CASES[case]
    token = proxied.token()
    del origin.requests[:]
    direct, through = both(
        proxied,
        authority,
        origin.url(f"{path}?{token}"),
        *(str(upload) if each == "UPLOAD" else each for each in arguments),
    )
    assert direct.code == 0, direct.err
    assert through == direct
    first, second = origin.requests
    assert second == first
    assert second.split(b" ")[1] == f"{path}?{token}".encode()
    assert proxied.line(token).count(f"{origin.scheme}://{HOST}:{origin.port}{path}?{token}") == 1


def test_coded_bodies_reach_curl_so_that_it_can_decode_them(
    origin: Origin, proxied: Proxied, authority: Authority
) -> None:
    for path in ("/gzip", "/br", "/zstd"):
        url = origin.url(f"{path}?{proxied.token()}")
        assert curl("--compressed", url, *proxied.through()).out == TEXT
        assert curl("--compressed", url, "--cacert", authority.roots).out == TEXT


def without_date(got: Got) -> Got:
    """Take away what nginx says about the time of an answer, after a look that it is there."""
    out, times = re.subn(rb"\r\nDate: [^\r]*", b"", got.out)
    assert times >= 1, got
    return got._replace(out=out)


NGINX_CASES: dict[str, tuple[str, list[str]]] = {
    "GET": ("/small.txt", []),
    "HEAD": ("/small.txt", ["-I"]),
    "a range": ("/text/page.html", ["-r", "10-19"]),
    "gzip on the fly": ("/text/page.html", ["-H", "Accept-Encoding: gzip"]),
    "304": ("/small.txt", ["-z", "2038-01-01"]),
    "404": ("/nowhere", []),
    "PUT": ("/put/a", ["-H", "Expect:", "-T", "UPLOAD"]),
    "PUT with Expect": ("/put/b", ["-H", "Expect: 100-continue", "-T", "UPLOAD"]),
    "PUT in chunks": ("/put/c", [*IN_CHUNKS, "-T", "UPLOAD"]),
}


@pytest.mark.outside("nginx")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("case", NGINX_CASES)
def test_nginx_and_curl_see_the_same(
    case: str, scheme: str, server: Nginx, proxied: Proxied, authority: Authority, upload: Path
) -> None:
    path, arguments = NGINX_CASES[case]
    token = proxied.token()
    asked = ["--raw", "-i", *(str(upload) if each == "UPLOAD" else each for each in arguments)]
    seen = []
    for way in (("--cacert", authority.roots), proxied.through()):
        if path.startswith("/put/"):
            (server.files / path[1:]).unlink(missing_ok=True)
        got = curl(*asked, *way, server.url(scheme, f"{path}?{token}"))
        assert got.code == 0, got.err
        seen.append((without_date(got), server.log(token)))
        if path.startswith("/put/"):
            assert (server.files / path[1:]).read_bytes() == upload.read_bytes()
    assert seen[0] == seen[1]
    assert proxied.line(token).count(f"{scheme}://{HOST}:") == 1


def ask_all(sock: socket.socket, requests: bytes, end: bytes) -> bytes:
    """Send everything at once; return what comes up to `end`."""
    sock.settimeout(DEADLINE)
    sock.sendall(requests)
    got = b""
    while not got.endswith(end):
        part = sock.recv(65536)
        assert part, got
        got += part
    return got


def test_pipelined_requests_and_their_answers_are_the_same(
    origin: Origin, proxied: Proxied, authority: Authority
) -> None:
    tokens = [proxied.token() for _ in range(4)]
    paths = ["/odd", "/trailers", "/nothing", "/chunked"]
    site = f"{HOST}:{origin.port}"

    def requests(prefix: str) -> bytes:
        """Return all of them in one piece, the second with a body."""
        heads = [
            f"GET {prefix}{path}?{token} HTTP/1.1\r\nhost: {site}\r\n\r\n"
            for path, token in zip(paths, tokens, strict=True)
        ]
        heads[1] = heads[1].replace("GET", "POST").replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc")
        return "".join(heads).encode()

    wanted = b"".join(ANSWERS[path].data for path in paths)
    del origin.requests[:]
    address = ("127.0.0.1", origin.port)
    with socket.create_connection(address, DEADLINE) as plain:
        if origin.scheme == "http":
            assert ask_all(plain, requests(""), CHUNKED[-30:]) == wanted
        else:
            context = ssl.create_default_context(cafile=authority.roots)
            with context.wrap_socket(plain, server_hostname=HOST) as direct:
                assert ask_all(direct, requests(""), CHUNKED[-30:]) == wanted
    with socket.create_connection(("127.0.0.1", proxied.program.port), DEADLINE) as sock:
        if origin.scheme == "http":
            assert ask_all(sock, requests(f"http://{site}"), CHUNKED[-30:]) == wanted
        else:
            connect = f"CONNECT {site} HTTP/1.1\r\nHost: {site}\r\n\r\n".encode()
            assert ask_all(sock, connect, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
            context = ssl.create_default_context(cafile=proxied.ca)
            with context.wrap_socket(sock, server_hostname=HOST) as tls:
                assert ask_all(tls, requests(""), CHUNKED[-30:]) == wanted
    assert origin.requests[:4] == origin.requests[4:]
    assert b"".join(origin.requests[4:]) == requests("")
    for token in tokens:
        proxied.line(token)


def test_every_flow_was_exactly_one_line(proxied: Proxied) -> None:
    result = proxied.program.end()
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    for token in set(proxied.tokens):
        assert sum(token in line for line in lines) == 1, token
    assert len(lines) == len(proxied.tokens)
