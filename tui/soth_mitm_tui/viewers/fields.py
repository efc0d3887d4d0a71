"""The fields of a message: in the order and the case in which they came, or sorted; duplicates folded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.export import redact
from soth_mitm.text import printable
from soth_mitm_tui.columns import DOTS, TIMES
from soth_mitm_tui.lines import Line, Span, Subject, heading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soth_mitm_tui.viewers.choices import Choices

NAME_LIMIT: Final = 28

MOST_FIELDS: Final = 1000
"""Most fields of a head that are laid out; a head of 64 KiB can hold 16,000."""

SHUT, OPEN, NONE = "▸ ", "▾ ", "  "


def masked(name: str, value: str) -> tuple[Span, ...] | None:
    """Return a value with its secrets masked, by the name of its field; None where it has none."""
    kept = redact.field(name, value)
    return None if kept == value else dotted(kept)


def masked_url(text: str) -> tuple[Span, ...]:
    """Return an address, or a line with one in it, with its secret parameters masked."""
    kept = redact.url(text)
    return ((text, "text"),) if kept == text else dotted(kept)


def dotted(text: str) -> tuple[Span, ...]:
    """Return masked text with dots in the place of its masks."""
    spans: list[Span] = []
    for number, piece in enumerate(text.split(redact.MASK)):
        if number:
            spans.append((DOTS, "muted"))
        if piece:
            spans.append((piece, "text"))
    return tuple(spans)


def field_lines(fields: Iterable[tuple[bytes, bytes]], choices: Choices, *, where: str) -> list[Line]:
    """Return fields as an aligned list; long values go on under their beginning.

    `where` names the list, so that its folds are not those of another one.
    """
    every = list(fields)
    shown = [(printable(name, 200), printable(value)) for name, value in every[:MOST_FIELDS]]
    if choices.sorted_fields:
        shown.sort(key=lambda field: field[0].lower())
    groups: dict[str, list[str]] = {}
    for name, value in shown:
        groups.setdefault(name.lower(), []).append(value)
    width = min(max((_width(name, groups) for name, _ in shown), default=0), NAME_LIMIT)
    lines: list[Line] = []
    met: set[str] = set()
    for name, value in shown:
        key = name.lower()
        values = groups[key]
        fold = f"{where}:{key}" if len(values) > 1 else ""
        is_open = not fold or choices.is_open(fold, usually=False)
        first = key not in met
        if not is_open and not first:
            continue
        met.add(key)
        sign = NONE if not fold or not first else OPEN if is_open else SHUT
        count = f" {TIMES}{len(values)}" if sign != NONE else ""
        lead = sign + f"{name + count:<{width}}  "
        lines.append(_field(name, [value] if is_open else values, lead, choices, fold))
    if len(every) > MOST_FIELDS:
        lines.append(Line(((f"  … and {len(every) - MOST_FIELDS:,} more; Raw has all", "muted"),), 2))
    return lines


def _width(name: str, groups: dict[str, list[str]]) -> int:
    count = len(groups[name.lower()])
    return len(name) + (len(f" {TIMES}{count}") if count > 1 else 0)


def _field(name: str, values: Sequence[str], lead: str, choices: Choices, fold: str) -> Line:
    spans: tuple[Span, ...] = ((values[0], "text"),)
    if not choices.secrets:
        spans = masked(name, values[0]) or spans
    if len(values) > 1:
        same = all(value == values[0] for value in values)
        spans += ((" · all the same" if same else f" · and {len(values) - 1} more", "muted"),)
    about = Subject(name, "\n".join(values), _filter(name, values[0]), fold)
    return Line(((lead, "key"), *spans), len(lead), about)


def _filter(name: str, value: str) -> str:
    """Return the filter for the flows with the same field."""
    text = f"{name}: {value}"
    return "" if '"' in text or "\\" in text else f'header:"{text}"'


def secret_count(fields: Iterable[tuple[bytes, bytes]]) -> int:
    """Return how many fields hold something that is masked."""
    return sum(masked(printable(name, 200), printable(value)) is not None for name, value in fields)


def section(title: str, note: str, fold: str, *, is_open: bool) -> Line:
    """Return the heading of a section that can be folded away."""
    line = heading(title, note)
    sign = "" if is_open else " ▸"
    return line._replace(
        spans=(*line.spans, (sign, "accent")), subject=Subject(title, "", fold=f"section:{fold}")
    )
