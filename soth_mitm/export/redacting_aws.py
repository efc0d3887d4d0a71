"""An AWS event stream with its secrets masked: each payload looked through, with lengths and sums anew."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from soth_mitm.proto import aws_events
from soth_mitm.proto.aws_events import AwsSplitter
from soth_mitm.proto.splitting import Found, SplitError

if TYPE_CHECKING:
    from collections.abc import Callable

MEDIA_TYPE: Final = b"application/vnd.amazon.eventstream"

_WRAPPED: Final = re.compile(r'(\{"bytes"\s*:\s*")([A-Za-z0-9+/]{8,}={0,2})(?=")')
"""How Bedrock has what a model says in its own words inside of an event."""


def masked_stream(data: bytes, mask: Callable[[bytes], bytes]) -> bytes | None:
    """Return a body with the payload of each message masked; None where it is no such stream."""
    out: list[bytes] = []
    splitter = AwsSplitter(keep=False)
    end = 0
    try:
        for item in splitter.feed(data):
            if isinstance(item, Found):
                out.append(_message(data, item, mask))
                end = item.end
    except SplitError:
        return None
    out.append(mask(data[end:]))  # which is cut off, or damaged
    return b"".join(out)


def _message(data: bytes, item: Found, mask: Callable[[bytes], bytes]) -> bytes:
    raw, payload = data[item.start : item.end], data[item.offset : item.offset + item.size]
    masked = mask(payload)
    if masked == payload:
        return raw
    if item.damaged:
        return raw.replace(payload, masked.ljust(len(payload), b"*")[: len(payload)])
    return aws_events.changed(raw, masked, label=None)


def wrapped(text: str, mask: Callable[[str], str]) -> str:
    """Return JSON in which what is wrapped in base64, as Bedrock does with `bytes`, is masked."""

    def inside(match: re.Match[str]) -> str:
        try:
            old = base64.b64decode(match[2], validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return match[0]
        new = mask(old)
        return f"{match[1]}{base64.b64encode(new.encode()).decode()}" if new != old else match[0]

    return _WRAPPED.sub(inside, text)
