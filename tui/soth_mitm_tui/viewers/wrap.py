"""Where lines break, and which part of a line lies where, in cells and in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, get_character_cell_size

if TYPE_CHECKING:
    from soth_mitm_tui.lines import Span


def break_points(text: str, width: int, indent: int, *, words: bool = False) -> list[int]:
    """Return the index of the first character of each row that `text` takes at `width` cells.

    With `words` a row ends at a blank where there is one in its second half.
    """
    width = max(width, 2)
    rest = max(width - indent, 2)
    if text.isascii() and not words:
        return [0, *range(width, len(text), rest)]
    points, room, blank = [0], width, 0
    for position, char in enumerate(text):
        size = get_character_cell_size(char)
        if size > room:
            start = blank if words and blank > points[-1] + (position - points[-1]) // 2 else position
            points.append(start)
            room = rest - sum(map(get_character_cell_size, text[start:position]))
        room -= size
        if char == " ":
            blank = position + 1
    return points


def cut_spans(spans: tuple[Span, ...], start: int, stop: int) -> list[Span]:
    """Return the part of spans between two character positions."""
    out: list[Span] = []
    offset = 0
    for text, tone in spans:
        low, high = max(start - offset, 0), min(stop - offset, len(text))
        if low < high:
            out.append((text[low:high], tone))
        offset += len(text)
        if offset >= stop:
            break
    return out


def char_at(text: str, cell: int, start: int = 0) -> int:
    """Return the index of the character that lies `cell` cells after the one at `start`; the end at most."""
    if cell <= 0:
        return start
    if text.isascii():
        return min(start + cell, len(text))
    at = 0
    for position in range(start, len(text)):
        at += get_character_cell_size(text[position])
        if at > cell:
            return position
    return len(text)


def cells_before(text: str, char: int) -> int:
    """Return how many cells the characters before `char` take."""
    return min(char, len(text)) if text.isascii() else cell_len(text[:char])
