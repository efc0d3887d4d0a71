"""A small client that asks through a proxy, for tests of the whole program."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.helpers.program import DEADLINE


class Answered(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes


def ask(
    port: int,
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    ca: Path | None = None,
) -> Answered:
    """Ask for a URL through the proxy at `port`; `ca` is what to trust for `https`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    target = url
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE, context=context)
        connection.set_tunnel(parts.hostname or "", parts.port)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    with closing(connection):
        connection.request(method, target, body, dict(fields or {}))
        response = connection.getresponse()
        return Answered(response.status, response.read())
