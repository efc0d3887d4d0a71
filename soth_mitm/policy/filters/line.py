"""The line of a row: the one text that plain words and `/regex/` are looked for in."""

from __future__ import annotations

from typing import Protocol


class Lined(Protocol):
    """What of a row is in its line."""

    @property
    def method(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def outcome(self) -> str: ...


_DEFAULT_PORTS = {("http", 80), ("https", 443)}


def authority(scheme: str, host: str, port: int) -> str:
    """Return `scheme://host`, with the port where it is not the scheme's own."""
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if (scheme, port) in _DEFAULT_PORTS else f"{scheme}://{name}:{port}"


def before_path(method: str, status: int, scheme: str, host: str, port: int) -> str:
    """Return the part of a row's line that stands before the path, in lower case."""
    name = f"[{host}]" if ":" in host else host
    return f"{method} {status or ''} {name}:{port} {authority(scheme, host, port)}".lower()


def after_path(content_type: str, outcome: str) -> str:
    """Return the part of a row's line that stands after the path, in lower case."""
    return f" {content_type} {outcome}".lower()


def line_of(row: Lined) -> str:
    """Return the line that terms are looked for in, in lower case."""
    before = before_path(row.method, row.status, row.scheme, row.host, row.port)
    return before + row.path.lower() + after_path(row.content_type, row.outcome)
