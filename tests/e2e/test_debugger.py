"""The debugger as a person drives it: the app in a terminal, a client that waits, an editor of one's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from bench.processes import wait_until
from bench.terminal import Screen, opened
from tests.helpers.client import Answered, ask
from tests.helpers.program import DEADLINE, PROGRAM, surroundings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

EDITOR = """#!/bin/sh
touch "$0.open"
until [ -e "$0.go" ]; do sleep 0.02; done
sed -i 's/"qty": 1/"qty": 7/' "$1"
"""


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent."""

    wbufsize = 65_536

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = self.command.encode() + b" " + self.path.encode() + b" " + body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Stream three events, each a piece of its own, where they are asked for; echo everything else."""
        if not self.path.startswith("/events"):
            self.do_POST()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        for number in range(3):
            self.wfile.write(b'event: order\ndata: {"qty": %d}\n\n' % number)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def socket_url() -> Iterator[str]:
    """Serve WebSockets that tell each what all of them say, and who said it."""
    members: set[ServerConnection] = set()

    def talk(member: ServerConnection) -> None:
        members.add(member)
        assert member.request is not None
        for said in member:
            for each in members:
                each.send(f"{member.request.path} {said!s}")
        members.discard(member)

    with serve(talk, "127.0.0.1", 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


def text(screen: Screen) -> str:
    shown = screen.shown()
    return "\n".join(shown.line(y) for y in range(shown.lines))


until = partial(wait_until, seconds=DEADLINE)


@contextmanager
def app(home: Path, *arguments: str, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], Screen, int]]:
    """Run the app in a terminal of its own; yield it, its screen and its port."""
    with opened(keep=True) as (near, screen):
        program = subprocess.Popen(
            [*PROGRAM, "-p", "0", "--no-state", *arguments],
            stdin=near,
            stdout=near,
            stderr=near,
            env=surroundings(home, TERM="xterm-256color", **environ),
            start_new_session=True,
        )
        try:
            until(lambda: re.search(r"● 127\.0\.0\.1:\d+", text(screen)) is not None, "the app")
            found = re.search(r"● 127\.0\.0\.1:(\d+)", text(screen))
            assert found is not None
            yield program, screen, int(found[1])
        finally:
            program.kill()
            program.wait(DEADLINE)


def test_a_paused_request_is_edited_in_ones_own_editor_while_the_proxy_goes_on(
    tmp_path: Path, url: str
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o700)
    post = {"Content-Type": "application/json"}
    with (
        app(tmp_path, "--break", "request-body:method:POST", EDITOR=str(editor)) as (program, screen, port),
        ThreadPoolExecutor(2) as clients,
    ):

        def send(path: str) -> Answered:
            return ask(port, url + path, method="POST", body=b'{"qty": 1}', fields=post)

        first = clients.submit(send, "/orders")
        until(lambda: "Paused 1" in text(screen), "the pause")
        screen.press("g")
        until(lambda: re.search(r"▸.*/orders", text(screen)) is not None, "the cursor on its row")
        screen.press("e")
        until(lambda: "qty" in text(screen), "the editor of the app")
        screen.press("\x1bOS")  # f4
        until(Path(f"{editor}.open").exists, "an editor of one's own")
        times = []
        for number in range(40):
            began = time.perf_counter()
            assert ask(port, f"{url}/{number}").status == 200
            times.append(time.perf_counter() - began)
        assert median(times) < 0.05, "others go on; some ms where nothing else runs on the machine"
        assert not first.done()
        Path(f"{editor}.go").touch()
        until(lambda: '"qty": 7' in text(screen) or '"qty":7' in text(screen), "what was edited")
        screen.press("\x13")  # ctrl+s
        assert first.result(DEADLINE) == (200, b'POST /orders {"qty": 7}')

        second = clients.submit(send, "/later")
        until(lambda: "Paused 1" in text(screen), "the second pause")
        os.kill(program.pid, signal.SIGTERM)
        assert second.result(DEADLINE) == (200, b'POST /later {"qty": 1}'), "stopping resumes what is paused"
        assert program.wait(DEADLINE) == 0


def replaced(screen: Screen, was: str, becomes: str) -> None:
    """Edit the paused message in the app: put a text in the place of the last digit, and send it on."""
    screen.press("p")
    until(lambda: "a resume" in text(screen), "the queue")
    screen.press("e")
    until(lambda: re.search(rf'"qty": {was}\s', text(screen)) is not None, "the editor")
    screen.press(f"\x1b[B\x1b[F\x7f{becomes}")  # down, end, backspace
    until(lambda: f'"qty": {becomes}' in text(screen), "what was typed")
    screen.press("\x13")  # ctrl+s
    until(lambda: "Paused" not in text(screen) and "^s send on" not in text(screen), "the list")


def test_one_message_and_one_event_of_many_are_edited_while_all_others_flow(
    tmp_path: Path, url: str, socket_url: str
) -> None:
    stops = ("--break", "message-up:body:qty", "--break", "message-down:body:qty body:1")
    with app(tmp_path, *stops) as (_, screen, port), ThreadPoolExecutor(2) as clients:
        proxy = f"http://127.0.0.1:{port}"
        with (
            connect(f"{socket_url}/one", proxy=proxy) as one,
            connect(f"{socket_url}/other", proxy=proxy) as other,
        ):
            one.send("before")
            one.send('{"qty": 5}')
            one.send("after")
            until(lambda: "Paused 1" in text(screen), "the pause")
            other.send("meanwhile")
            for each in (one, other):
                assert [each.recv(DEADLINE), each.recv(DEADLINE)] == ["/one before", "/other meanwhile"]
            replaced(screen, "5", "77")
            for each in (one, other):
                assert [each.recv(DEADLINE), each.recv(DEADLINE)] == ['/one {"qty": 77}', "/one after"]

        stream = clients.submit(ask, port, f"{url}/events")
        until(lambda: "Paused 1" in text(screen), "the second pause")
        assert ask(port, f"{url}/meanwhile").body == b"GET /meanwhile "
        assert not stream.done()
        replaced(screen, "1", "88")
        events = [b'event: order\ndata: {"qty": %d}\n\n' % number for number in (0, 88, 2)]
        assert stream.result(DEADLINE) == (200, b"".join(events))
