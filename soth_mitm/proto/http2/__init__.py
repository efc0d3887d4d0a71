"""HTTP/2 without I/O (RFC 9113): an engine for either role, its header compression, and translation.

`engine` is the door: bytes in, events out, and frames out for what is to be sent. Behind it: `control`
and `sending` (its halves), `stream`, `events`, `codes`, `settings`, `bounds` (budgets, floods), `hpack`
with `static_table` (header compression), `heads` (what a message may look like, and its lines) and
`translate` (to HTTP/1 and back). Package `h2` is the oracle of the tests and speaks for their peers.

The engine is one of our own because a relay needs what `h2` does not give: a fault in one stream must
not end the others, streams must go on after a GOAWAY, floods must be counted frame by frame, and what
was read before an error must still be told.
"""

from __future__ import annotations

from soth_mitm.proto.http2.bounds import Bounds
from soth_mitm.proto.http2.codes import PREFACE, VERSION, ErrorCode, error_name
from soth_mitm.proto.http2.engine import Engine
from soth_mitm.proto.http2.stream import Stream

__all__ = ["PREFACE", "VERSION", "Bounds", "Engine", "ErrorCode", "Stream", "error_name"]
