"""What a check of the installation found."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Health(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True):
    """One check and what it found. All text is printable."""

    name: str
    health: Health
    found: str
    """What is so, in a sentence."""
    advice: str = ""
    """What to do about it; empty where nothing is."""
