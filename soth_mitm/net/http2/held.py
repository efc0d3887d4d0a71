"""A held body on its way through a stream: data in, data out, and the sender granted what was looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.held import HeldBody
    from soth_mitm.net.shaping import ShapedBody
    from soth_mitm.proto.http2.hpack import Fields

Section = tuple["Fields", tuple[int, ...], bytes]
"""Trailers: fields, those that go into no table, their lines."""


class HeldStream:
    """One direction. What it is given back it hands to `relay`, and does not take a second time."""

    def __init__(
        self,
        held: HeldBody | ShapedBody,
        *,
        relay: Callable[[bytes, bool], None],
        trailers: Callable[[Section], None],
        credit: Callable[[int], None],
        broken: Callable[[str, str], None],
        failed: Callable[[Exception], None],
        cut: Callable[[str], None],
    ) -> None:
        self._held = held
        self._relay = relay
        self._trailers = trailers
        self._credit = credit
        self._relaying = False
        self._section: Section | None = None
        self._received = 0
        self._granted = 0
        self.broken = broken
        self.failed = failed
        self.cut = cut

    def takes_data(self, data: bytes, *, overhead: int, end: bool) -> bool:
        """Take a piece of the body; False leaves it to the exchange."""
        if self._relaying:
            return False
        if overhead:
            self._credit(overhead)
        self._received += len(data)
        if data:
            self._held.feed(data)
        if end:
            self._held.end()
        return True

    def takes_trailers(self, section: Section) -> bool:
        """Take the fields that end the message likewise."""
        if self._relaying:
            return False
        self._section = section
        self._held.end()
        return True

    def send(self, data: bytes) -> None:
        """Pass payload on; who relays it grants as much as goes."""
        self._granted += len(data)
        self._relaying = True
        try:
            self._relay(data, False)
        finally:
            self._relaying = False

    def finish(self) -> None:
        """Pass the end of the message on, with its trailers."""
        self._relaying = True
        try:
            if self._section is not None:
                self._trailers(self._section)
            else:
                self._relay(b"", True)
        finally:
            self._relaying = False

    def hold(self, hold: bool) -> None:
        """Grant what came and did not go on: it was dropped, or waits for the rest of its message."""
        if not hold:
            if self._received > self._granted:
                self._credit(self._received - self._granted)
            self._granted = self._received
