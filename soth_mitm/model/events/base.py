"""What every body of an event has."""

from __future__ import annotations

from typing import ClassVar

import msgspec

SCHEMA = 1
"""Version of the event schema; raised when a reader of the old one would misread a new stream."""


class Body(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Base of all event bodies."""

    KIND: ClassVar[int]
