"""A body of a binary format made a text to be edited: what a process does, with schemas read from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.policy.editing.binary.codec import Texted, texted
from soth_mitm.record.schemas import load

if TYPE_CHECKING:
    from soth_mitm.decode.about import About


def retyped(data: bytes, about: About, kind: str, protos: tuple[str, ...]) -> Texted:
    """Return a body of the format `kind` as a text; `protos` are prepared descriptor sets. Never raises."""
    schema = load(protos) if kind != "msgpack" else None
    return texted(data, about, kind=kind, schema=schema)
