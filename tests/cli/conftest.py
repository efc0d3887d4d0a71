"""What the tests of the commands share: a directory of the person's own, and an origin."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.origins import Answer, Origin

TEXT = b"plain words, " * 40
ZIPPED = gzip.compress(TEXT, mtime=0)

ANSWERS = {
    "/ok": Answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Origin: yes\r\nContent-Length: 2\r\n\r\nok"
    ),
    "/other": Answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"),
    "/secret": Answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: sid=hush; Path=/\r\n"
        b'Content-Length: 25\r\n\r\n{"access_token": "hush1"}'
    ),
    "/gzip": Answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(ZIPPED), ZIPPED)
    ),
    "/large": Answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 60000\r\n\r\n" + b"0123456789" * 6000
    ),
}


@pytest.fixture
def origin() -> Iterator[Origin]:
    """Run a plain origin."""
    scripted = Origin(ANSWERS)
    yield scripted
    scripted.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty home directory."""
    return tmp_path


@pytest.fixture
def nobody() -> Iterator[str]:
    """Return the URL of a port where nobody listens, held so that nobody can."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/"
