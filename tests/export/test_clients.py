"""Requests for other clients: each is run, and what reaches an origin is what was copied."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from soth_mitm.export import clients
from soth_mitm.export.facts import CopyError
from soth_mitm.model.fields import Fields
from tests.export.sent import flow_of
from tests.helpers.origins import Answer, Origin

BASH, NODE, WGET = shutil.which("bash"), shutil.which("node"), shutil.which("wget")
HTTPIE = shutil.which("http") or shutil.which("http", path=str(Path(sys.executable).parent))
ADDED = {
    "httpie": {b"connection", b"accept-encoding", b"user-agent"},
    "wget": {b"accept", b"accept-encoding", b"connection", b"content-type"},
    "requests": {b"connection"},
    "fetch": {
        b"connection", b"accept", b"accept-language", b"sec-fetch-mode", b"user-agent", b"accept-encoding"
    },
}  # fmt: skip
"""What each client adds by itself, as docs/formats.md says."""


@pytest.fixture
def origin() -> Iterator[Origin]:
    """Run an origin that answers all alike."""
    answer = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    scripted = Origin({"/p%20q/x": answer})
    yield scripted
    scripted.close()


def run(client: str, text: str) -> None:
    """Run what was copied."""
    tool: list[str] = []
    if client in ("httpie", "wget"):
        needed = {"httpie": HTTPIE, "wget": WGET}[client]
        if not (needed and BASH):
            pytest.skip(f"there is no {client} to run")
        folder = str(Path(needed).parent)
        tool = [BASH, "-c", f'PATH="{folder}:$PATH"\n{text}']
    elif client == "fetch":
        if not NODE:
            pytest.skip("there is no node to run")
        tool = [NODE, "--input-type=module", "-e", text]
    else:
        if importlib.util.find_spec(client) is None:
            pytest.skip(f"there is no {client} to run")
        tool = [sys.executable, "-c", text]
    done = subprocess.run(tool, capture_output=True, timeout=50, stdin=subprocess.DEVNULL)
    assert b"ok" in done.stdout, done.stderr.decode()


BODIES = {"text": '@it\'s "100%" $HOME `x`\\n\r\n\tgrüße=1&b'.encode(), "nul": b"\0\xff" * 40}
MAKERS = {
    "httpie": clients.httpie,
    "wget": clients.wget,
    "requests": clients.requests,
    "fetch": clients.fetch,
}
# Each starts a program, so each client has the bodies that are hard for it; curl has tests of its own.
CASES = [
    ("httpie", "text"), ("httpie", "nul"), ("wget", "text"), ("requests", "nul"),
    ("fetch", "text"), ("fetch", "nul"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("client", "body"), CASES)
def test_what_reaches_the_origin_is_what_was_copied(client: str, body: str, origin: Origin) -> None:
    data = BODIES[body]
    method = b"PUT"
    wanted = [
        (b"X-One", b"a:b=c@d; \"e\" 'f' $g %20 \\h"), (b"X-Two", b"@file"), (b"X-Three", b"=1"),
        (b"Authorization", b"Basic dTpw"), (b"Cookie", b"a=1; b=2"), (b"Content-Type", b"application/x-odd"),
    ]  # fmt: skip
    lines = [b"%b: %b" % pair for pair in wanted]
    path = b"/p%20q/x?a=1&b=%22;c=*"
    host = b"127.0.0.1:%d" % origin.port
    head = b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: " + host, *lines, b"", b""])
    flow = flow_of(head, data, host="127.0.0.1", port=origin.port)
    run(client, MAKERS[client](flow, data))
    (seen,) = origin.requests
    raw, _, came = seen.partition(b"\r\n\r\n")
    assert raw.split(b"\r\n")[0] == method + b" " + path + b" HTTP/1.1"
    assert came == data
    fields = Fields.of_head(raw + b"\r\n\r\n")
    for name, value in wanted:
        assert fields.get_all(name) == [value], name
    assert fields.get(b"host") == host
    more = {name.lower() for name, _ in fields} - {name.lower() for name, _ in wanted}
    assert more <= ADDED[client] | {b"host", b"content-length"}


@pytest.mark.parametrize(
    ("client", "head", "body", "says"),
    [
        ("fetch", b"GET / HTTP/1.1", b"x", "no body with GET"),
        ("fetch", b"TRACE / HTTP/1.1", b"", "sends no TRACE"),
        ("wget", b"POST / HTTP/1.1", b"a\0b", "NUL"),
        ("wget", b"GET /a/../b HTTP/1.1", b"", "would change the target"),
        ("fetch", b"GET /%2e/x HTTP/1.1", b"", "would change the target"),
        ("requests", b"GET /a[0] HTTP/1.1", b"", "would change the target"),
        ("requests", b"GET /\xff HTTP/1.1", b"", "would change the target"),
        ("httpie", b"OPTIONS * HTTP/1.1", b"", "would change the target"),
        ("httpie", b"POST / HTTP/1.1", b"\xff" * 40_000, "too many for a command line"),
    ],
)
def test_what_a_client_cannot_send_is_refused_with_what_can(
    client: str, head: bytes, body: bytes, says: str
) -> None:
    flow = flow_of(head + b"\r\nHost: api.test\r\n\r\n", body)
    with pytest.raises(CopyError, match=says):
        MAKERS[client](flow, body)
