"""Origins for whole-program tests: one that answers by script, byte for byte, and a real nginx."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import trustme

from tests.helpers.program import DEADLINE

HOST = "localhost"


class Authority:
    """Issues the certificates of origins; `roots` is what a client has to trust."""

    def __init__(self, directory: Path) -> None:
        self.ca = trustme.CA()
        self.roots = directory / "roots.pem"
        self.ca.cert_pem.write_to_path(self.roots)
        self.chain = directory / "origin.pem"
        self.key = directory / "origin-key.pem"
        issued = self.ca.issue_cert(HOST, "127.0.0.1")
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(self.chain, append=number > 0)
        issued.private_key_pem.write_to_path(self.key)

    def server_context(self, *alpn: str) -> ssl.SSLContext:
        """Return a server's context with a certificate for `HOST` that `roots` vouches for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


class Answer(NamedTuple):
    """What the scripted origin sends once it has a whole request."""

    data: bytes
    close: bool = False
    """End the connection after it, as the end of a body without a length."""


Stream = Callable[[socket.socket], None]
"""Answers a request by writing to its connection as it likes."""


class Origin:
    """Answers by script, and keeps the bytes of every request. Each connection has a thread."""

    def __init__(
        self,
        answers: Mapping[str, Answer | Stream],
        context: ssl.SSLContext | None = None,
        *,
        listener: socket.socket | None = None,
    ) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._context = context
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self._context is None else "https"

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return f"{self.scheme}://{HOST}:{self.port}{path}"

    def close(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        # A peer that leaves or refuses our certificate ends its connection, and nothing else.
        with contextlib.suppress(OSError, EOFError), sock:
            sock.settimeout(DEADLINE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is None:
                self._exchange(sock)
                return
            with self._context.wrap_socket(sock, server_side=True) as tls:
                self._exchange(tls)

    def _exchange(self, sock: socket.socket) -> None:
        reader = _Reader(sock)
        while True:
            request = reader.request()
            self.requests.append(request)
            path = request.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1")
            answer = self._answers[path]
            if not isinstance(answer, Answer):
                answer(sock)
                continue
            sock.sendall(answer.data)
            if answer.close:
                if isinstance(sock, ssl.SSLSocket):
                    sock.unwrap()
                return


class _Reader:
    """Cuts requests out of a connection, and answers `Expect: 100-continue`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._data = bytearray()

    def _more(self) -> None:
        part = self._sock.recv(262_144)
        if not part:
            raise EOFError
        self._data += part

    def _until(self, mark: bytes, start: int) -> int:
        """Return the offset behind the next `mark`."""
        while (at := self._data.find(mark, start)) < 0:
            self._more()
        return at + len(mark)

    def request(self) -> bytes:
        """Return the next request, framing included."""
        end = self._until(b"\r\n\r\n", 0)
        head = bytes(self._data[:end]).lower()
        if b"\r\nexpect: 100-continue\r\n" in head:
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *([0-9]+)", head)
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            end = self._chunked(end)
        elif length is not None:
            end += int(length[1])
            while len(self._data) < end:
                self._more()
        request = bytes(self._data[:end])
        del self._data[:end]
        return request

    def _chunked(self, at: int) -> int:
        while True:
            line = self._until(b"\r\n", at)
            size = int(bytes(self._data[at:line]).partition(b";")[0], 16)
            if not size:
                break
            at = line + size + 2
            while len(self._data) < at:
                self._more()
        # The last chunk's line ends where trailers begin, if there are any.
        return self._until(b"\r\n\r\n", line - 2)


class Nginx(NamedTuple):
    """A real nginx, with what it wrote down of each request."""

    directory: Path
    http_port: int
    https_port: int

    @property
    def files(self) -> Path:
        """What it serves, and where a PUT lands."""
        return self.directory / "files"

    def url(self, scheme: str, path: str) -> str:
        """Return the URL of a path."""
        return f"{scheme}://{HOST}:{self.http_port if scheme == 'http' else self.https_port}{path}"

    def log(self, token: str) -> str:
        """Return the line about the one request whose URL has `token`, once it is written; forget it."""
        path = self.directory / "access.log"
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            lines = [line for line in path.read_text().splitlines(keepends=True) if token in line]
            if lines and lines[-1].endswith("\n"):
                (line,) = lines
                path.write_text("")
                return line
            threading.Event().wait(0.01)
        raise AssertionError(f"nginx has not logged {token}")


_NGINX = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {directory}/temp-body;
  proxy_temp_path {directory}/temp-proxy;
  fastcgi_temp_path {directory}/temp-fastcgi;
  uwsgi_temp_path {directory}/temp-uwsgi;
  scgi_temp_path {directory}/temp-scgi;
  log_format all '$request|$request_length|$http_host|$http_user_agent|$http_accept|$http_expect|'
    '$http_range|$http_if_none_match|$http_accept_encoding|$http_transfer_encoding|$http_content_length|'
    '$http_content_type|$http_connection|$http_proxy_connection|$http_via|$http_x_forwarded_for|$status|'
    '$body_bytes_sent';
  access_log {directory}/access.log all;
  default_type application/octet-stream;
  sendfile on;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{http_port};
    listen 127.0.0.1:{https_port} ssl{http2};
    ssl_certificate {chain};
    ssl_certificate_key {key};
    root {directory}/files;
    location / {{ dav_methods PUT; create_full_put_path on; dav_access user:rw; }}
    location /text/ {{ gzip on; gzip_types *; gzip_min_length 1; }}
    {more}
  }}
}}
"""


@contextlib.contextmanager
def nginx(directory: Path, authority: Authority, *, http2: bool = False, more: str = "") -> Iterator[Nginx]:
    """Run nginx on two free ports; another pair is taken where somebody was faster.

    `http2` has it offered over TLS; `more` goes into the configuration of the server.
    """
    program = shutil.which("nginx")
    assert program is not None
    (directory / "files" / "text").mkdir(parents=True)
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
            ports = one.getsockname()[1], two.getsockname()[1]
        server = Nginx(directory, *ports)
        config = _NGINX.format(
            user="user root;" if os.geteuid() == 0 else "",
            directory=directory,
            http_port=server.http_port,
            https_port=server.https_port,
            chain=authority.chain,
            key=authority.key,
            http2=" http2" if http2 else "",
            more=more,
        )
        (directory / "nginx.conf").write_text(config)
        process = subprocess.Popen(
            [program, "-p", directory, "-c", directory / "nginx.conf"], stderr=subprocess.DEVNULL
        )
        try:
            if _listens(server.https_port, process):
                yield server
                return
        finally:
            process.terminate()
            process.wait(DEADLINE)
    raise AssertionError((directory / "error.log").read_text())


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), DEADLINE):
            return True
        threading.Event().wait(0.01)
    return False
