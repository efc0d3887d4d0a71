"""What the doctor has found so far."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from soth_mitm.model.checks import Check, Health
from soth_mitm_tui.lines import BLANK, line
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIGNS: Final = {Health.OK: ("✓", "good"), Health.WARNING: ("▲", "warn"), Health.FAILED: ("✕", "bad")}
_INDENT: Final = 29


def check_entries(checks: Sequence[Check], width: int, *, done: bool) -> Iterator[Entry]:
    """Yield every check so far, and a last line that says how it went."""
    room = max(width - _INDENT - 2, 20)
    yield Entry(BLANK)
    for check in checks:
        sign, tone = SIGNS[check.health]
        found = textwrap.wrap(check.found, room) or [""]
        yield Entry(
            line((f"  {sign} {check.health:<8} ", tone), (f"{check.name:<16}", "strong"), (found[0], "text"))
        )
        for rest in found[1:]:
            yield Entry(line((" " * _INDENT, "text"), (rest, "text")))
        for number, rest in enumerate(textwrap.wrap(check.advice, room - 2)):
            yield Entry(line((" " * _INDENT + ("→ " if number == 0 else "  "), "accent"), (rest, "muted")))
    yield Entry(BLANK)
    if not done:
        yield Entry(line(("  ◌ ", "accent"), ("checking…", "text")))
        return
    failed = sum(check.health == Health.FAILED for check in checks)
    warned = sum(check.health == Health.WARNING for check in checks)
    if failed:
        yield Entry(line(("  ✕ ", "bad"), (f"{failed} of {len(checks)} checks failed", "strong")))
    else:
        note = f", {warned} with a warning" if warned else ""
        yield Entry(line(("  ✓ ", "good"), (f"{len(checks)} checks went well{note}", "strong")))
