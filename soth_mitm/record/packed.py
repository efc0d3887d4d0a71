"""A closed row in parts: what repeats from row to row (where to, and how it went), and the rest.

A page and the row index of a file keep the first once, and rows hold its number there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row

WHOLE_ADDRESS: Final = 0x1_0000
"""Stands for the port of a client address that is not `host:port`."""


class _Clients(dict[str, tuple[str, int]]):
    """Client addresses, split into what repeats and the port; emptied when full."""

    def __missing__(self, address: str) -> tuple[str, int]:
        host, colon, port = address.rpartition(":")
        number = int(port) if colon and port.isascii() and port.isdigit() and len(port) < 6 else WHOLE_ADDRESS
        if number >= WHOLE_ADDRESS or str(number) != port:
            host, number = address, WHOLE_ADDRESS
        if len(self) >= _CLIENTS_KEPT:
            self.clear()
        self[address] = host, number
        return host, number


_CLIENTS = _Clients()
_CLIENTS_KEPT = 4096

Site = tuple[str, str, str, int, str, str, bool, bool, int, str]
"""Where to, as `bycolumn.SITE` names the parts."""

Result = tuple[
    str, str, int, str, str, str, str, bool, bool, bool, bool, bool, str, str, str, str, str, int, int, str
]
"""How it went, as `bycolumn.RESULT` names the parts."""


class Packed(msgspec.Struct, array_like=True, gc=False):
    """A closed row: what repeats stands in tables beside it. So the row index of a file has it."""

    flow: int
    conn: int
    started_wall_ns: int
    started_mono_ns: int
    duration_ns: int
    ttfb_ns: int
    request_bytes: int
    response_bytes: int
    repeats: int
    path: str
    site: int
    """Place in the table of sites."""
    result: int
    client_port: int
    """65,536 where the address of the client in the site is all of it."""
    last_message_ns: int
    messages: int


def site_of(row: Row) -> tuple[Site, int]:
    """Return where a row went, and the port of the client."""
    host, port = _CLIENTS[row.client]
    return (
        host,
        row.scheme,
        row.host,
        row.port,
        row.sni,
        row.ja4,
        row.intercepted,
        row.metadata_only,
        row.replay_of,
        row.process,
    ), port


def result_of(row: Row) -> Result:
    """Return how a row ended."""
    return (
        row.kind,
        row.method,
        row.status,
        row.version,
        row.content_type,
        row.reason,
        row.outcome,
        row.error,
        row.reused,
        row.generated,
        row.modified,
        row.rewritten,
        row.tls_reason,
        row.tls_peer,
        row.guard,
        row.hint,
        row.form,
        row.messages_skipped,
        row.grpc_status,
        row.rules,
    )


def packed(row: Row, port: int, *, site: int, result: int) -> Packed:
    """Return a closed row with the places of its site and result in tables, and the port of the client."""
    return Packed(
        row.flow,
        row.conn,
        row.started_wall_ns,
        row.started_mono_ns,
        row.duration_ns,
        row.ttfb_ns,
        row.request_bytes,
        row.response_bytes,
        row.repeats,
        row.path,
        site,
        result,
        port,
        row.last_message_ns,
        row.messages,
    )


def client_host(site: Site, port: int) -> str:
    """Return the host of the client."""
    return site[0].rpartition(":")[0] if port == WHOLE_ADDRESS else site[0]
