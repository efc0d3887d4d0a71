"""The state of a flow as a glyph, a word and a tone: never a colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row


class RowState(NamedTuple):
    """One state that a row can be in."""

    glyph: str
    word: str
    tone: str
    rank: int
    """What deserves a look first has the highest."""
    term: str = ""
    """What asks for it behind `is:` in a filter."""


PLAIN: Final = RowState(" ", "done", "muted", 0)
OPEN: Final = RowState("◌", "waiting for the answer", "accent", 3, "open")
STREAMING: Final = RowState("⇣", "streaming", "accent", 3, "streaming")
WEBSOCKET: Final = RowState("⇄", "WebSocket", "accent", 2, "ws")
TUNNEL: Final = RowState("⇄", "tunnel", "muted", 2, "tunnel")
ANSWERED: Final = RowState("◆", "answered here", "accent", 1, "generated")
CHANGED: Final = RowState("✎", "changed here", "accent", 1, "changed")
GUARD: Final = RowState("▲", "refused by a guard", "warn", 5, "blocked")
FAILED: Final = RowState("✕", "failed", "bad", 6, "error")

REPLAY: Final = RowState("↻", "sent again from here", "accent", 1, "replay")
PAUSED: Final = RowState("‖", "paused at a breakpoint", "warn", 7, "paused")

STATES: Final = (PAUSED, FAILED, GUARD, OPEN, STREAMING, WEBSOCKET, TUNNEL, ANSWERED, CHANGED, REPLAY, PLAIN)
"""All of them, for the help."""


def state_of(row: Row) -> RowState:
    """Return the state of a row; of several that apply, the one that deserves a look first."""
    if row.paused:
        return PAUSED
    if row.error:
        return FAILED
    if row.guard:
        return GUARD
    if row.open:
        if row.kind != "http":
            return TUNNEL
        if row.status == 101:
            return WEBSOCKET
        return STREAMING if row.state == "streaming" else OPEN
    if row.modified:
        return CHANGED
    if row.generated:
        return ANSWERED
    return REPLAY if row.replay_of else PLAIN
