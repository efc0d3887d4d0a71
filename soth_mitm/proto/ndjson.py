"""JSON lines: one message a line that is not blank, whatever is in it (application/x-ndjson, jsonl)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from soth_mitm.proto.splitting import Found, Item, Payload

LABEL: Final = "line"

_BLANK: Final = b" \t\r"


class LineSplitter:
    """Finds the lines of a body. The last one counts without a line end, once the body has ended."""

    over = False

    def __init__(self, *, keep: bool = True) -> None:
        self._payload = Payload(keep=keep)
        self._at = 0
        self._start = 0
        """Where the line begins."""
        self._blank = True
        """Nothing but white space in it so far."""
        self._held_cr = b""
        """A CR that may belong to the line's end."""

    @property
    def begun(self) -> int:
        """See `Splitter`."""
        return self._at if self._blank else self._start

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`."""
        base, start = self._at, 0
        self._at = base + len(data)
        while (stop := data.find(b"\n", start)) >= 0:
            yield from self._part(data[start:stop], base + start)
            yield from self._end(base + stop + 1)
            start = stop + 1
        if start < len(data):
            yield from self._part(data[start:], base + start)

    def pause(self) -> Iterator[Item]:
        """See `Splitter`."""
        return iter(())

    def finish(self) -> Iterator[Item]:
        """See `Splitter`."""
        return self._end(self._at)

    def _part(self, data: bytes, at: int) -> Iterator[Item]:
        if self._blank:
            stripped = data.lstrip(_BLANK)
            if not stripped:
                return
            at += len(data) - len(stripped)
            data = stripped
            self._blank, self._start = False, at
        if self._held_cr:
            data, at = self._held_cr + data, at - 1
            self._held_cr = b""
        if data.endswith(b"\r"):
            data, self._held_cr = data[:-1], b"\r"
        yield from self._payload.add(data, at)

    def _end(self, end: int) -> Iterator[Item]:
        self._held_cr = b""
        if not self._blank:
            payload = self._payload
            yield Found(
                label=LABEL,
                size=payload.size,
                data=payload.take(),
                offset=payload.offset,
                start=self._start,
                end=end,
                wire=end - self._start,
                in_parts=payload.in_parts,
            )
            payload.clear()
            self._blank = True
