"""Rules as parts of the chain: each that is enabled is asked in its place, before the program's handler."""

from __future__ import annotations

from soth_mitm.net.ruling.ruling import Ruling

__all__ = ["Ruling"]
