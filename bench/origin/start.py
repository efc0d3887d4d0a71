"""Start the origins of a run."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.origin.certificate import CertificateFiles, make_certificate
from bench.origin.server import BULK, SIZES, TYPED
from bench.processes import child, free_ports, wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = "our own (bench/origin/server.py)"


@dataclass(frozen=True)
class Origin:
    """Where to ask. The event stream and the gigabyte come from our own origin in any case.

    nginx has no event stream, and encrypts one large file slower than a tunnel can carry it.
    """

    name: str
    http_port: int
    https_port: int
    own_http_port: int
    own_https_port: int
    own_grpc_port: int
    http2_port: int = 0
    """HTTP/2 over TLS; 0 where nginx is not there."""


def find_nginx() -> str | None:
    """Return nginx, also where only root's shell looks for it."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
    return shutil.which("nginx", path=path)


def nginx_version(nginx: str) -> str:
    """Return `nginx/1.2.3`."""
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"nginx/\S+", said.stderr + said.stdout)
    return found.group() if found else "nginx"


def nginx_config(
    folder: Path, files: CertificateFiles, *, http_port: int, https_port: int, http2_port: int
) -> str:
    """Return the text of an nginx configuration that keeps everything it writes in `folder`."""
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/temp-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    types = "\n".join(
        f"    location = {path.decode()} {{ default_type {kind}; }}" for path, (kind, _) in TYPED.items()
    )
    # Workers of a root nginx change to another user, who may not look into our folder.
    user = f"user {getpass.getuser()};" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    return f"""{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 4096; }}
http {{
{temporary}
  access_log off;
  sendfile on;
  tcp_nodelay on;
  default_type application/octet-stream;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  server {{
    listen 127.0.0.1:{http_port} backlog=1024;
    listen 127.0.0.1:{https_port} ssl backlog=1024;
    listen 127.0.0.1:{http2_port} ssl http2 backlog=1024;
    ssl_certificate {files.chain};
    ssl_certificate_key {files.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:bench:1m;
    root {folder}/files;
{types}
  }}
}}
"""


def _write_files(folder: Path) -> None:
    """Write random files, which no compression can shorten, and those that have a type."""
    folder.mkdir()
    for path, (_, body) in TYPED.items():
        (folder / path.decode().lstrip("/")).write_bytes(body)
    piece = os.urandom(1_000_000)
    for path, size in SIZES.items():
        if path == BULK:
            continue
        with (folder / path.decode().lstrip("/")).open("wb") as file:
            for start in range(0, size, len(piece)):
                file.write(piece[: size - start])


@contextlib.contextmanager
def _own(folder: Path, files: CertificateFiles) -> Iterator[tuple[int, int, int]]:
    ports, log = free_ports(3), folder / "origin.log"
    argv = [sys.executable, "-m", "bench.origin.server", str(files.chain), str(files.key)]
    with child([*argv, *map(str, ports)], log=log) as process:
        for port in ports:
            wait_for_port(port, process, log)
        http_port, https_port, grpc_port = ports
        yield http_port, https_port, grpc_port


@contextlib.contextmanager
def running_origin(folder: Path, *, own: bool = False) -> Iterator[Origin]:
    """Run the origins below `folder`; `own` leaves nginx out even where it is installed."""
    files = make_certificate(folder)
    nginx = None if own else find_nginx()
    with contextlib.ExitStack() as stack:
        ports = stack.enter_context(_own(folder, files))
        if nginx is None:
            yield Origin(OWN, *ports[:2], *ports)
            return
        _write_files(folder / "files")
        (http_port, https_port, http2_port), log = free_ports(3), folder / "nginx.log"
        config = folder / "nginx.conf"
        text = nginx_config(folder, files, http_port=http_port, https_port=https_port, http2_port=http2_port)
        config.write_text(text)
        process = stack.enter_context(child([nginx, "-p", str(folder), "-c", str(config)], log=log))
        wait_for_port(https_port, process, log)
        name = nginx_version(nginx)
        yield Origin(name, http_port, https_port, *ports, http2_port)
