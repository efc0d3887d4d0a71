"""The last door before the terminal: no control character leaves in a text segment.

Network text has come through `soth_mitm.text.printable` long before. This filter holds for what was
forgotten, and for texts of libraries: it works on finished segments, so it needs no co-operation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color

_ACTIVE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ud800-\udfff]"
)
MARK = "\N{REPLACEMENT CHARACTER}"


class ControlFilter(LineFilter):
    """Replace C0, C1, bidirectional and invisible controls by a visible mark."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments without active characters; the same list where there were none."""
        del background
        if not any(
            _ACTIVE.search(segment.text)
            for segment in segments
            if not segment.text.isascii() or not segment.text.isprintable()
        ):
            return segments
        return [
            segment if segment.control else Segment(_ACTIVE.sub(MARK, segment.text), segment.style)
            for segment in segments
        ]
