"""How a message of an AWS event stream begins: its length, that of its headers, and the sum of both.

The sum is what lets a reader that is lost find where the next message begins.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final, NamedTuple

LONGEST: Final = 32 * 1024 * 1024
"""Bytes of a message; the services send 24 MiB at most."""

MOST_HEADERS: Final = 128 * 1024
"""Bytes of the headers of a message, as the format allows; as many are kept of one that is arriving."""

SIZE: Final = 12
AROUND: Final = 16
"""Bytes of a message that are neither headers nor payload: the prelude, and the sum at the end."""

_PRELUDE: Final = struct.Struct(">III")
_LIKELY: Final = re.compile(rb"(?=(?!\x00{3}[\x00-\x0f])[\x00-\x02]...\x00[\x00-\x02]..)", re.DOTALL)
"""Lengths that are allowed; of other bytes, such as a run of zeros, no sum has to be made."""


class Prelude(NamedTuple):
    """What a prelude says."""

    total: int
    headers: int
    true: bool
    """Its sum is that of its bytes, and such lengths can be."""


def prelude_of(data: bytes | bytearray, at: int = 0) -> Prelude:
    """Read the twelve bytes at a place."""
    total, headers, crc = _PRELUDE.unpack_from(data, at)
    true = zlib.crc32(data[at : at + 8]) == crc and total >= AROUND + headers
    return Prelude(total, headers, true)


def next_prelude(data: bytes) -> int:
    """Return where the first true prelude of a message begins that is not too long; -1 where none does."""
    last = len(data) - SIZE
    for match in _LIKELY.finditer(data):
        at = match.start()
        if at > last:
            break
        found = prelude_of(data, at)
        if found.true and found.total <= LONGEST and found.headers <= MOST_HEADERS:
            return at
    return -1
