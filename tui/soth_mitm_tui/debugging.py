"""What the app needs of the debugger, and how a paused message is put into words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm.model.terms import Direction
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.editing import MessageDraft, RequestDraft
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.control import Lapsed, PausedMessage
    from soth_mitm.policy.breakpoints import Breakpoint, BreakpointState
    from soth_mitm.policy.editing import Draft, ResponseDraft
    from soth_mitm.policy.rules import Rule, RuleState
    from soth_mitm_tui.lines import Span

SECOND: Final = 1_000_000_000
HURRY: Final = 15
"""Seconds before the end of a pause from which on it is urgent."""

STAGES: Final[dict[Stage, tuple[str, str]]] = {
    Stage.REQUEST: ("request", "its head; the body streams on"),
    Stage.REQUEST_BODY: ("request with its body", "held whole, within hook_body_bytes"),
    Stage.RESPONSE: ("response", "its head; the body streams on"),
    Stage.RESPONSE_BODY: ("response with its body", "held whole; a stream at each message"),
    Stage.MESSAGE_UP: ("messages from the client", "of WebSockets, gRPC and other streams"),
    Stage.MESSAGE_DOWN: ("messages to the client", "of WebSockets, events, gRPC, streams"),
}
"""What a stage stops, and what that means."""

SHORT: Final[dict[Stage, str]] = {
    Stage.REQUEST: "req",
    Stage.REQUEST_BODY: "req+body",
    Stage.RESPONSE: "res",
    Stage.RESPONSE_BODY: "res+body",
    Stage.MESSAGE_UP: "msg↑",
    Stage.MESSAGE_DOWN: "msg↓",
}


class Debugger(Protocol):
    """What the app may do to messages on their way; see `soth_mitm.control.Debugger`."""

    @property
    def revision(self) -> int: ...
    @property
    def breakpoints(self) -> tuple[BreakpointState, ...]: ...
    @property
    def pauses_everything(self) -> bool: ...
    @property
    def paused(self) -> tuple[PausedMessage, ...]: ...
    @property
    def lapsed(self) -> tuple[Lapsed, ...]: ...
    def now(self) -> int: ...
    async def attach(self) -> None: ...
    async def detach(self) -> None: ...
    async def set_breakpoints(self, breakpoints: Sequence[Breakpoint], /) -> tuple[BreakpointState, ...]: ...
    @property
    def rules(self) -> tuple[RuleState, ...]: ...
    @property
    def rules_revision(self) -> int: ...
    async def set_rules(self, rules: Sequence[Rule], /) -> tuple[RuleState, ...]: ...
    async def pause_everything(self, on: bool, /) -> None: ...
    async def resume(self, number: int, /) -> bool: ...
    async def resume_original(self, number: int, /) -> bool: ...
    async def resume_all(self) -> int: ...
    async def drop(self, number: int, /) -> bool: ...
    async def respond(self, number: int, answer: ResponseDraft, /) -> bool: ...
    async def edit(self, number: int, draft: Draft, /) -> bool: ...
    async def undo(self, number: int, /) -> bool: ...
    async def editing(self, number: int, on: bool, /) -> None: ...
    async def unfinished(self, number: int, on: bool, /) -> None: ...
    async def more_time(self, number: int, seconds: float = 60.0, /) -> None: ...


def named(paused: PausedMessage) -> str:
    """Return what is paused in a few words."""
    draft = paused.draft
    if isinstance(draft, RequestDraft):
        default = {"https": 443, "http": 80}.get(draft.scheme)
        port = "" if draft.port == default else f":{draft.port}"
        return printable(b"%s %s" % (draft.method, f"{draft.host}{port}".encode() + draft.target), 300)
    if isinstance(draft, MessageDraft):
        way = "from the client" if draft.direction is Direction.REQUEST else "to the client"
        return f"{draft.label or draft.form} {way}  {printable(draft.data[:120], 120)}"
    return f"{draft.status} {printable(draft.reason, 40)}"


def clock(seconds: int) -> str:
    """Return a time left as a clock shows it."""
    return f"{seconds // 60}:{seconds % 60:02}"


def countdown(paused: PausedMessage, now: int) -> Span:
    """Say what happens to a paused message by itself, and when."""
    if paused.editing:
        return ("its editor is open", "accent")
    if paused.deadline_ns is None:
        return ("waits for you", "muted")
    left = max(0, -(-(paused.deadline_ns - now) // SECOND))
    return (f"goes on as it was in {clock(left)}", "warn" if left <= HURRY else "muted")


def stages_text(breakpoint_stages: tuple[Stage, ...]) -> str:
    """Return stages in short."""
    return " ".join(SHORT[stage] for stage in STAGES if stage in breakpoint_stages)
