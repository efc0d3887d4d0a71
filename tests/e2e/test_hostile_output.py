"""Hostile bytes from the network through every output of the program: no terminal would act upon them."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.proxied import Proxied
from tests.helpers.origins import HOST, Answer, Authority, Origin
from tests.helpers.program import DEADLINE, Result, running, soth_mitm

EVIL = (
    b"\x1b[2J\x1b]52;c;cHduZWQ=\x07\x1b]0;title\x1b\\\x9b31m\xc2\x9b31m"
    b"\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf[@click=app.quit]x[/]\x08\x7f\x00\r\x0b"
)
"""ESC, OSC 52, a title, C1 as a byte and as UTF-8, bidi marks, a BOM, markup, BS, DEL, NUL, CR, VT."""

FIELD = EVIL.replace(b"\x00", b"").replace(b"\r", b"")
"""What can stand in a field without ending it."""


def answer(body: bytes, kind: bytes, *fields: bytes) -> Answer:
    """Return a response with hostile fields around a body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (kind, len(body))
    return Answer(head + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body)


ANSWERS = {
    "/fields": answer(b"", b"text/plain", b"X-Evil: " + FIELD, b"Set-Cookie: a=" + FIELD),
    "/type": answer(b"x", b"text/" + FIELD),
    "/reason": Answer(b"HTTP/1.1 200 " + FIELD + b"\r\nContent-Length: 0\r\n\r\n"),
    "/text": answer(EVIL * 3, b"text/plain; charset=utf-8"),
    "/latin": answer(EVIL * 3, b"text/html; charset=iso-8859-1"),
    "/json": answer(b'{"k\\u001b[2J": "\\u001b]52;c;x\\u0007\\u202e[@click=app.quit]"}', b"application/json"),
    "/form": answer(b"a=%1b%5b2J&%9b=%e2%80%ae", b"application/x-www-form-urlencoded"),
    "/binary": answer(bytes(range(256)) * 4, b"application/octet-stream"),
    "/trailers": Answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=\xe2\x80\xae\xc2\x9b31m\r\na\r\n0\r\nX-T: "
        + FIELD
        + b"\r\n\r\n"
    ),
}
REQUESTS = [
    b"GET /%s HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n" % EVIL,
    b"GET /fields?%s HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n" % EVIL,
    b"GET /fields HTTP/1.1\r\nHost: {}\r\nX-Mine: %s\r\nConnection: close\r\n\r\n" % FIELD,
    b"GET /fields HTTP/1.1\r\nHost: {}\r\nX-%s: 1\r\nConnection: close\r\n\r\n" % FIELD,
    b"G%sT /fields HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n" % FIELD,
    b"GET /fields HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % FIELD,
    b"POST /text HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s" % (len(EVIL), EVIL),
    b"GET /fields?\xe2\x80\xae\xc2\x9b31m[@click=app.quit] HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
    *(b"GET %s HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n" % path.encode() for path in ANSWERS),
]


@pytest.fixture(scope="module")
def origins(authority: Authority) -> Iterator[tuple[Origin, Origin]]:
    """Run a plain and an encrypted origin that send hostile bytes."""
    pair = Origin(ANSWERS), Origin(ANSWERS, authority.server_context())
    yield pair
    for origin in pair:
        origin.close()


def ask(sock: socket.socket, data: bytes) -> bytes:
    """Send bytes, and return the whole answer."""
    sock.settimeout(DEADLINE)
    sock.sendall(data)
    got = b""
    while not is_whole(got):
        part = sock.recv(65536)
        assert part, got
        got += part
    return got


def is_whole(answer: bytes) -> bool:
    """Return whether an answer has reached its end."""
    head, mark, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
    if length is None:
        return body.startswith(b"1;") and body.endswith(b"\r\n\r\n")
    return bool(mark) and len(body) == int(length[1])


def send_all(proxied: Proxied, origins: tuple[Origin, Origin]) -> None:
    """Send every hostile request, plain and inside TLS, and hostile CONNECTs."""
    address = ("127.0.0.1", proxied.program.port)
    for origin in origins:
        site = f"{HOST}:{origin.port}".encode()
        for request in REQUESTS:
            request = request.replace(b"{}", site)
            with socket.create_connection(address, DEADLINE) as sock:
                if origin.scheme == "http":
                    assert ask(sock, request.replace(b" /", b" http://" + site + b"/", 1)).startswith(
                        b"HTTP/1.1 "
                    )
                    continue
                sock.sendall(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (site, site))
                assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
                context = ssl.create_default_context(cafile=proxied.ca)
                with context.wrap_socket(sock, server_hostname=HOST) as tls:
                    assert ask(tls, request).startswith(b"HTTP/1.1 ")
    for head in (b"CONNECT e%sl:443 HTTP/1.1\r\n\r\n", b"CONNECT e:4%s3 HTTP/1.1\r\n\r\n", b"%s\r\n\r\n"):
        with socket.create_connection(address, DEADLINE) as sock:
            assert ask(sock, head % FIELD).startswith(b"HTTP/1.1 400 ")


def check(result: Result, *, escaped: str) -> None:
    """Insist that a terminal would act upon nothing, and that what was hostile is there to be seen."""
    assert result.code == 0
    for text in (result.out, result.err):
        assert {char for char in text if not char.isprintable()} <= {"\n"}
    assert escaped in result.out
    assert result.out.count("[@click=app.quit]") >= len(ANSWERS)


@pytest.mark.parametrize("kind", ["text", "jsonl"])
def test_no_output_holds_what_a_terminal_acts_upon(
    kind: str, origins: tuple[Origin, Origin], place: Path
) -> None:
    home = place / kind
    home.mkdir()
    dump = home / "hostile.soth"
    options = ("--format", kind, "-vv", "--no-redact")
    escaped = "\\x1b[2J" if kind == "text" else "\\u001b[2J"
    with running("--dump", "-k", "-p", "0", "-w", dump, *options, home=home) as program:
        send_all(Proxied(program, home), origins)
        live = program.end()
    check(live, escaped=escaped)
    again = soth_mitm("--dump", "-r", dump, *options, home=home)
    check(again, escaped=escaped)
    assert again.out == live.out


def test_a_filter_and_a_name_of_a_file_are_said_back_harmlessly(place: Path) -> None:
    evil = EVIL.replace(b"\x00", b"").decode("utf-8", "surrogateescape")
    for arguments in (("--filter", f"{evil} !"), ("-r", evil), ("--config", evil), (f"--{evil}",)):
        result = soth_mitm("--dump", *arguments, home=place)
        assert result.code == 2
        assert result.err.removesuffix("\n").isprintable()
        assert "\\x1b[2J" in result.err
