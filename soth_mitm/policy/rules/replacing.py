"""Replacing in a body as it streams: pure, with a bounded part of it held back."""

from __future__ import annotations

import re
from typing import Final

LONGEST_MATCH: Final = 4096
"""Bytes of a match; a longer one may be missed."""


class Replacing:
    """Replaces each match of a pattern. What may still be the beginning of a match is held back.

    Where the pieces of a body are cut makes no difference to what comes out.
    """

    def __init__(self, pattern: bytes, replacement: bytes, *, literal: bool = False) -> None:
        self._pattern = re.compile(re.escape(pattern) if literal else pattern)
        self._put = replacement
        self._literal = literal
        self._most = len(pattern) if literal else LONGEST_MATCH
        self._kept = b""
        self._before = b""
        """The byte that went on last, for the border of a word; further back a pattern cannot look."""
        self.count = 0
        """Matches that were replaced."""

    def feed(self, data: bytes) -> bytes:
        """Return what goes on now."""
        return self._replace(self._kept + data, last=False)

    def finish(self) -> bytes:
        """Return the rest."""
        return self._replace(self._kept, last=True)

    def _replace(self, data: bytes, *, last: bool) -> bytes:
        """Replace the matches that no later byte can change: those that begin before the last `_most`."""
        look = self._before + data
        at = done = len(self._before)
        settled = len(look) if last else max(at, len(look) - self._most + 1)
        out: list[bytes] = []
        while (found := self._pattern.search(look, at)) is not None and found.start() < settled:
            # Bounded, so that it is the same match however much of the body is there.
            match = self._pattern.match(look, found.start(), found.start() + self._most)
            if match is None or match.end() == match.start():
                at = found.start() + 1
                continue
            out += (look[done : match.start()], self._put if self._literal else match.expand(self._put))
            at = done = match.end()
            self.count += 1
        settled = max(done, settled)
        out.append(look[done:settled])
        self._kept, self._before = look[settled:], look[:settled][-1:]
        return b"".join(out)
