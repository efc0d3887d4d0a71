"""Chromium on a page with HTTP/2, server-sent events and a WebSocket: the same through the proxy as without.

The page is nginx's, which passes streams and sockets on to servers of ours. The browser ends by itself:
its page has loaded once it has said what it saw.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from soth_mitm.model.events import ConnectReceived, Event, FlowClosed, MessageSeen, RequestHead, ResponseHead
from soth_mitm.record.reader import DumpReader
from tests.e2e.matrix_peers import echoing
from tests.helpers import invariants
from tests.helpers.origins import HOST, Answer, Authority, Nginx, Origin, nginx
from tests.helpers.program import DEADLINE, running

pytestmark = [pytest.mark.outside("chromium", "nginx"), pytest.mark.slow]

FILES = 30
PAGE = """<!doctype html><meta charset="utf-8"><title>all of it</title><body><img src="/hold"><script>
const heard = (source, count) => new Promise((done, failed) => {
  const told = [];
  source.onerror = () => failed("the stream broke");
  source.addEventListener("tick", event => {
    told.push([event.lastEventId, event.data]);
    if (told.length == count) { source.close(); done(told); }
  });
});
const echoed = (url, texts) => new Promise((done, failed) => {
  const socket = new WebSocket(url), told = [];
  socket.onerror = () => failed("the socket broke");
  socket.onopen = () => socket.send(texts[0]);
  socket.onmessage = event => {
    told.push(event.data.length);
    if (told.length == texts.length) socket.close(1000, "enough"); else socket.send(texts[told.length]);
  };
  socket.onclose = event => done([told, socket.extensions, event.code, event.wasClean]);
});
const read = async url => {
  const reader = (await fetch(url)).body.getReader();
  let size = 0;
  for (let piece; !(piece = await reader.read()).done;) size += piece.value.length;
  return size;
};
const sum = async bytes => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map(byte => byte.toString(16).padStart(2, "0")).join("");
};
(async () => {
  const seen = {}, files = [...Array(FILES).keys()];
  try {
    seen.protocol = performance.getEntriesByType("navigation")[0].nextHopProtocol;
    const all = await Promise.all(files.map(n => fetch("/files/" + n).then(answer => answer.arrayBuffer())));
    seen.files = await Promise.all(all.map(sum));
    seen.protocols = [...new Set(performance.getEntriesByType("resource")
      .filter(entry => entry.name.includes("/files/")).map(entry => entry.nextHopProtocol))];
    seen.read = await read("/files/0");
    seen.put = (await fetch("/put.bin", {method: "PUT", body: new Uint8Array(300000)})).status;
    seen.missing = (await fetch("/missing")).status;
    seen.events = await heard(new EventSource("/events"), 5);
    seen.socket = await echoed("wss://" + location.host + "/socket", ["one", "\\u4e00".repeat(50000), ""]);
  } catch (error) { seen.error = String(error); }
  document.body.dataset.seen = JSON.stringify(seen);
  await fetch("/result", {method: "POST", body: JSON.stringify(seen)});
})();
</script>""".replace("FILES", str(FILES))

LOCATIONS = """
location = / {{ default_type text/html; try_files /page.html =404; }}
location /events {{ proxy_pass http://127.0.0.1:{streams}; proxy_buffering off; proxy_http_version 1.1; }}
location /result {{ proxy_pass http://127.0.0.1:{streams}; }}
location /hold {{ proxy_pass http://127.0.0.1:{streams}; }}
location /socket {{
  proxy_pass http://127.0.0.1:{sockets};
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection upgrade;
}}
"""
EVENTS = "".join(
    f"event: tick\nid: {number}\ndata: tick {number} \u2713\n\n" for number in range(1, 6)
).encode()
EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Behind:
    """What nginx passes on: events, and the result that the page waits for."""

    def __init__(self) -> None:
        self.told = threading.Event()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        self.origin = Origin(
            {
                "/events": Answer(head + EVENTS, close=True),
                "/result": self._result,
                "/hold": self._hold,
            }
        )

    def _result(self, sock: socket.socket) -> None:
        sock.sendall(EMPTY)
        self.told.set()

    def _hold(self, sock: socket.socket) -> None:
        assert self.told.wait(2 * DEADLINE)
        sock.sendall(EMPTY)

    def result(self) -> dict[str, Any]:
        """Return what the page has said."""
        (request,) = [each for each in self.origin.requests if each.startswith(b"POST /result ")]
        self.origin.requests.clear()
        self.told.clear()
        found: dict[str, Any] = json.loads(request.partition(b"\r\n\r\n")[2])
        return found


class World(NamedTuple):
    """nginx, and what is behind it."""

    place: Path
    server: Nginx
    behind: Behind
    certificate: Path


@pytest.fixture(scope="module")
def world(place: Path, authority: Authority) -> Iterator[World]:
    behind = Behind()
    with echoing(None) as sockets:
        more = LOCATIONS.format(streams=behind.origin.port, sockets=sockets)
        with nginx(place / "nginx", authority, http2=True, more=more) as server:
            (server.files / "page.html").write_text(PAGE)
            (server.files / "files").mkdir()
            for number in range(FILES):
                (server.files / "files" / str(number)).write_bytes(bytes([number]) * (number + 1) * 5000)
            yield World(place, server, behind, authority.chain)
    behind.origin.close()


def pin_of(certificate: Path) -> str:
    """Return how Chromium names a key."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return base64.b64encode(digest).decode()


def browse(world: World, profile: Path, *options: str, trusting: Path) -> dict[str, Any]:
    """Open the page in a browser of its own, and return what it saw."""
    program = shutil.which("chromium")
    assert program is not None
    (world.server.files / "put.bin").unlink(missing_ok=True)
    arguments = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={profile}", f"--ignore-certificate-errors-spki-list={pin_of(trusting)}", *options,
        "--dump-dom", world.server.url("https", "/"),
    ]  # fmt: skip
    done = subprocess.run([program, *arguments], capture_output=True, timeout=2 * DEADLINE)
    assert b'data-seen="' in done.stdout, (done.stdout, done.stderr)
    return world.behind.result()


def test_the_page_is_what_it_is_without_the_proxy(world: World, tmp_path: Path) -> None:
    direct = browse(world, tmp_path / "direct", "--no-proxy-server", trusting=world.certificate)
    assert "error" not in direct
    assert (direct["protocol"], direct["protocols"]) == ("h2", ["h2"])
    recording = world.place / "browser.soth"
    with running("--dump", "-q", "-k", "-p", "0", "-w", recording, home=world.place) as program:
        through = (f"--proxy-server=http://127.0.0.1:{program.port}", "--proxy-bypass-list=<-loopback>")
        ca = world.place / "config" / "soth-mitm" / "ca.pem"
        assert browse(world, tmp_path / "through", *through, trusting=ca) == direct
        assert program.end().code == 0
    with DumpReader(recording) as reader:
        events = list(reader)
    invariants.check(events)
    check(events)


def check(events: list[Event]) -> None:
    """What the browser did is there: files over one connection, events, messages; and no failure.

    The browser asks for things of its own as well, which are passed over.
    """
    connects = [(event.conn, event.body) for event in events if isinstance(event.body, ConnectReceived)]
    asked = {conn for conn, body in connects if body.host == HOST}
    paths = {event.flow: event.body.path.decode() for event in events if isinstance(event.body, RequestHead)}
    conns = {event.conn for event in events if paths.get(event.flow, "").startswith("/files/")}
    assert len(conns) == 1
    versions = {
        event.body.version for event in events if isinstance(event.body, ResponseHead) and event.conn in conns
    }
    assert versions == {"HTTP/2.0"}
    messages: dict[str, list[tuple[str, int]]] = {}
    for event in events:
        if isinstance(event.body, MessageSeen):
            messages.setdefault(paths[event.flow], []).append((event.body.label, event.body.size))
    assert messages == {
        "/events": [("tick", 10)] * 5,
        "/socket": [("text", size) for size in (3, 3, 150_000, 150_000, 0, 0)] + [("close", 8)] * 2,
    }
    ours = [event for event in events if event.conn in asked]
    reasons = {event.body.reason for event in ours if isinstance(event.body, FlowClosed)}
    assert reasons == {"completed", "websocket_completed"}
