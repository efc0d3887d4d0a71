"""What the help says of a pane: its own keys by group, then those that work everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm_tui.actions import PANES, Action, Registry
from soth_mitm_tui.lines import BLANK, Line, heading, line

if TYPE_CHECKING:
    from collections.abc import Sequence


AROUND: Final = {"grid": "edit"}
"""Panes within another one, whose keys work there as well."""

SIGNS: tuple[tuple[str, str, str], ...] = (
    ("✕", "bad", "failed: the row says why, and its overview what to do"),
    ("▲", "warn", "refused by a guard of the proxy"),
    ("⇣", "accent", "still streaming"),
    ("⇄", "accent", "switched to another protocol, or passed on without being decrypted"),
    ("···", "accent", "no answer yet"),
)


def help_lines(pane: str, registry: Registry, *, problems: tuple[str, ...] = ()) -> list[Line]:
    """Return the help for a pane, and first what is wrong in the person's own keymap."""
    lines: list[Line] = [BLANK]
    if problems:
        lines.append(heading("Faults in keys.toml", "these entries are left out"))
        lines += [line(("  ▲ ", "warn"), (problem, "text"), indent=4) for problem in problems]
        lines.append(BLANK)
    around = AROUND.get(pane, "")
    for name in dict.fromkeys(each for each in (pane, around, "app") if each):
        lines += _section(PANES[name], registry.of_pane(name))
    lines.append(heading("Signs in the list"))
    lines += [line((f"  {sign:<14}", tone), (words, "text"), indent=16) for sign, tone, words in SIGNS]
    return lines


def _section(title: str, actions: Sequence[Action]) -> list[Line]:
    lines: list[Line] = []
    groups = list(dict.fromkeys(action.group for action in actions))
    for group in groups:
        lines.append(heading(title if len(groups) == 1 else f"{title}: {group.lower()}"))
        for action in actions:
            if action.group == group:
                keys = " ".join(action.shown_keys) or "–"  # noqa: RUF001
                lines.append(line((f"  {keys:<14}", "accent"), (action.help, "text"), indent=16))
        lines.append(BLANK)
    return lines
