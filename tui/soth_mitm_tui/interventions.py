"""What was done to a flow on its way: where it was paused and how that ended, and what changed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.record.resending import PERSON
from soth_mitm.text import human_duration, printable
from soth_mitm_tui.lines import BLANK, Line, Span, fact, heading

if TYPE_CHECKING:
    from soth_mitm.model.events import Outcome, Paused, Resumed
    from soth_mitm.record.view import FlowView

MOST: Final = 20
"""Most pauses that are told, the latest; a conversation may have had thousands."""

_DOT: Final[Span] = (" · ", "muted")
_COMPARE: Final = "D compares what came with what went on"
ENDS: Final[dict[Outcome, tuple[str, str]]] = {
    "sent_as_it_was": ("sent on as it was", "text"),
    "edited": ("sent on, edited", "accent"),
    "answered": ("answered here", "accent"),
    "dropped": ("dropped", "warn"),
    "deadline": ("nobody decided in time, so it went on as it was", "warn"),
    "client_gone": ("the client left meanwhile", "warn"),
    "upstream_gone": ("the upstream left meanwhile", "warn"),
    "killed": ("killed with its flow", "warn"),
    "released": ("went on as nothing was to be paused any more", "text"),
}
"""How a pause ended, in words."""

_HANDS: Final = {PERSON: "hand", "handler": "the handler"}
"""Who changes messages, beside rules, which are named."""


def intervention_lines(view: FlowView) -> list[Line]:
    """Return the lines; none where the flow went its way untouched."""
    lines = [_pause_line(paused, view.resumed) for paused in view.pauses[-MOST:]]
    if len(view.pauses) > MOST:
        lines.insert(0, fact("paused", (f"{len(view.pauses) - MOST:,} times before these", "muted")))
    for change in view.changes[-MOST:]:
        spans: list[Span] = [
            (f"the {change.direction}", "text"),
            _DOT,
            (f"by {_HANDS.get(change.by) or printable(change.by, 60)}", "text"),
        ]
        if change.target:
            spans += [_DOT, (f"goes to {printable(change.target, 200)}", "accent")]
        if change.detail:
            spans += [_DOT, (printable(change.detail, 200), "muted")]
        lines.append(fact("changed", *spans))
    told = [heading("On its way", _COMPARE if view.changes else ""), *lines, BLANK] if lines else []
    return _rule_lines(view) + told


def _rule_lines(view: FlowView) -> list[Line]:
    """Return which rules acted, in their order, and what each did."""
    lines: list[Line] = []
    for each in view.rules[-MOST:]:
        does = f"{each.action} {each.detail}".strip()
        name = "no name" if each.rule == does else printable(each.rule, 24)
        lines.append(fact(name, (printable(does, 300), "text")))
    if len(view.rules) > MOST:
        lines.insert(0, fact("", (f"{len(view.rules) - MOST:,} times before these", "muted")))
    return [heading("Rules"), *lines, BLANK] if lines else []


def _pause_line(paused: Paused, resumed: list[Resumed]) -> Line:
    what = (
        f"message {paused.message:,}" if paused.message else paused.stage.replace("-body", " with its body")
    )
    spans: list[Span] = [
        (printable(what), "text"),
        _DOT,
        (f"at “{printable(paused.breakpoint, 80)}”", "text"),
    ]
    end = next((each for each in resumed if each.number == paused.number), None)
    if end is None:
        return fact("paused", *spans, _DOT, ("waits", "accent"))
    waited = human_duration(end.waited_ns)
    return fact("paused", *spans, _DOT, ENDS[end.how], (f" after {waited}", "muted"))
