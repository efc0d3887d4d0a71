"""Small plots out of block characters, as toned text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from soth_mitm_tui.lines import Span

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_PARTS: Final = " ▏▎▍▌▋▊▉█"


def squeezed(values: Sequence[float], width: int) -> list[float]:
    """Return the values as `width` means, so that a plot of any width shows all of them."""
    if width <= 0:
        return []
    if len(values) <= width:
        return [0.0] * (width - len(values)) + list(values)
    out = []
    for column in range(width):
        start, stop = column * len(values) // width, (column + 1) * len(values) // width
        out.append(sum(values[start:stop]) / (stop - start))
    return out


def columns(values: Sequence[float], width: int, height: int) -> list[str]:
    """Return `height` lines of a column plot, the top one first; the largest value fills it."""
    means = squeezed(values, width)
    top = max(means, default=0.0)
    steps = height * 8
    levels = [round(value / top * steps) if top else 0 for value in means]
    levels = [max(level, 1) if value > 0 else 0 for level, value in zip(levels, means, strict=True)]
    return [
        "".join(_EIGHTHS[max(0, min(8, level - row * 8))] for level in levels)
        for row in reversed(range(height))
    ]


def stretched(values: Sequence[float], width: int) -> Sequence[float]:
    """Return at least `width` values, each as often as it takes to fill a plot."""
    count = len(values)
    return values if not 0 < count < width else [values[at * count // width] for at in range(width)]


def bar(part: float, width: int) -> str:
    """Return a bar that fills a `part` (0 to 1) of `width` cells, to an eighth of a cell, padded."""
    if width <= 0:
        return ""
    eighths = round(max(0.0, min(1.0, part)) * width * 8)
    if part > 0:
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (_PARTS[rest] if rest else "")
    return text + " " * (width - len(text))


def stacked(parts: Sequence[tuple[float, str]], width: int) -> list[Span]:
    """Return one bar of several parts, each in its tone; every part that is something is seen."""
    total = sum(value for value, _ in parts)
    if not total:
        return [(" " * width, "text")]
    cells = [max(1, round(value / total * width)) if value else 0 for value, _ in parts]
    while sum(cells) > width and max(cells) > 1:
        cells[cells.index(max(cells))] -= 1
    while sum(cells) < width:
        cells[cells.index(max(cells))] += 1
    return [("█" * count, tone) for count, (_, tone) in zip(cells, parts, strict=True) if count]
