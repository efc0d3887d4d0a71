"""A held body as expressions are asked about it: without its codings, in slices of time, and bounded."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from soth_mitm.decode.undoing import CodingError, undoing
from soth_mitm.net.slices import SLICE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.policy.editing.draft import FieldLine


async def decoded(body: bytes, fields: Iterable[FieldLine], *, most: int) -> bytes:
    """Undo the codings that a head tells of; return at most `most` bytes of what they hide.

    What is damaged counts up to there. A body whose coding is not known, or that is damaged from its
    first byte on, is returned as it came. Other traffic goes on between slices of work.
    """
    codings = b", ".join(value for name, value in fields if name.lower() == b"content-encoding")
    found = bytearray()
    try:
        undo = undoing(codings) if codings and body else None
        if undo is None:
            return body
        began = perf_counter()
        for piece in undo.feed(body):
            found += piece
            if len(found) >= most:
                break
            if perf_counter() - began > SLICE:
                await asyncio.sleep(0)
                began = perf_counter()
    except CodingError:
        return bytes(found) or body
    return bytes(found[:most])
