"""Writing a HAR, one entry after the other: what has been written is not held."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from soth_mitm.export.har.bodies import json_pieces
from soth_mitm.export.har.entry import EntryMaker, is_entry

if TYPE_CHECKING:
    from soth_mitm.export.har.entry import Large
    from soth_mitm.export.whole import WholeFlow

Write = Callable[[bytes], object]


class HarWriter:
    """Write flows as HAR 1.2; nothing is a HAR until `finish` was called."""

    def __init__(self, write: Write, *, version: str, masks: bool = True) -> None:
        """`version` is that of the program; `masks` has secrets masked, and says so in the file."""
        self.entries = 0
        self.left_out = 0
        """Flows that are no entries: tunnels, streams of bytes, failed attempts."""
        self._write = write
        self._masks = masks
        self._maker = EntryMaker(masks=masks)
        self._encode = msgspec.json.Encoder().encode
        self._marker = f"soth-{secrets.token_hex(16)}"
        creator = self._encode({"name": "soth-mitm", "version": version})
        write(b'{"log":{"version":"1.2","creator":' + creator + b',"pages":[],"entries":[')

    def add(self, flow: WholeFlow) -> bool:
        """Write a flow; False where it is no entry, and is counted."""
        if not is_entry(flow):
            self.left_out += 1
            return False
        made = self._maker.make(flow, self._marker)
        data = self._encode(made.entry)
        self._write(b",\n" if self.entries else b"\n")
        self._fill(data, made.large, flow)
        self.entries += 1
        return True

    def _fill(self, data: bytes, large: list[Large], flow: WholeFlow) -> None:
        if not large:
            self._write(data)
            return
        places = {each.marker.encode(): each for each in large}
        for part in re.split(b"(" + b"|".join(map(re.escape, places)) + b")", data):
            found = places.get(part)
            if found is None:
                self._write(part)
                continue
            direction = found.direction
            for piece in json_pieces(
                lambda direction=direction: flow.pieces(direction),  # type: ignore[misc]
                content_encoding=found.content_encoding,
                charset=found.charset,
            ):
                self._write(piece)

    def finish(self) -> None:
        """Write the end."""
        notes = [
            "Secrets are masked by their names: fields, cookies, parameters, members of JSON."
        ] * self._masks
        if self.left_out:
            what = "1 flow that is" if self.left_out == 1 else f"{self.left_out:,} flows that are"
            notes.append(f"{what} no HTTP exchange (tunnels, bytes, failed attempts) left out.")
        comment = b',"comment":' + self._encode(" ".join(notes)) if notes else b""
        self._write(b"\n]" + comment + b"}}\n")
