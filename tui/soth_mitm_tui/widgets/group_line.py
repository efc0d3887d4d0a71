"""The line of a group in the flow list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from soth_mitm.text import human_size
from soth_mitm_tui.columns import fit

if TYPE_CHECKING:
    from soth_mitm_tui.groups import Group
    from soth_mitm_tui.lines import Span


def group_spans(group: Group, width: int) -> list[Span]:
    """Return what a group is, and at the right what it has, in `width` cells."""
    count = len(group.rows)
    facts: list[Span] = []
    if group.errors:
        facts.append((f"✕ {group.errors:,} failed", "bad"))
        facts.append(("  ", "text"))
    facts.append((f"{count:,} flow" if count == 1 else f"{count:,} flows", "text"))
    facts.append((f"{human_size(group.bytes):>6}", "muted"))
    used = sum(cell_len(text) for text, _ in facts)
    if used > width * 2 // 3:
        facts, used = [], 0
    label = fit((("▾ " if not group.folded else "▹ ", "accent"), (group.label, "strong")), width - used - 1)
    return [*label, (" ", "text"), *facts]
