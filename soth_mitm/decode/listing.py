"""Listings: what is in an archive, one entry a line."""

from __future__ import annotations

from typing import Final

from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import Stepped
from soth_mitm.text import printable

MOST_ENTRIES: Final = 100_000
"""Entries that are listed."""

_NAME: Final = 1000


class Listing(Stepped):
    """A view of lines: a heading, entries, what is to be said at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.outline = Outline()
        self.entries = 0

    def entry(self, size: int, when: str, name: bytes | str, notes: str = "") -> None:
        """Add an entry."""
        self.entries += 1
        if self.entries == MOST_ENTRIES + 1:
            self.outline.say("# … more entries are not listed")
        if self.entries <= MOST_ENTRIES:
            shown = printable(name, _NAME)
            self.outline.say(f"{size:>13,}  {when:<20}  {shown}{f'  ({notes})' if notes else ''}")

    def end(self) -> str:
        """Return the text so far; nothing comes behind."""
        self.outline.finish()
        return self.outline.take()


def counted(entries: int) -> str:
    """Return how many entries there are, in words."""
    return "1 entry" if entries == 1 else f"{entries:,} entries"
