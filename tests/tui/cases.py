"""What the checks of the actions share: their registry, scenes, and ways to get somewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from soth_mitm_tui.actions import Action
from tests.tui.script import Script
from tests.tui.stage import Stage

Check = Callable[[Stage, Action, str], Awaitable[None]]
CASES: dict[str, Check] = {}
SCENES: dict[str, Callable[[Script], object]] = {}


def case(action_id: str) -> Callable[[Check], Check]:
    """Register the check of an action."""

    def keep(check: Check) -> Check:
        CASES[action_id] = check
        return check

    return keep


def many(script: Script) -> None:
    """Play sixty exchanges on one connection."""
    conn = script.connect("api.shop.test")
    for number in range(60):
        script.exchange("api.shop.test", "GET", f"/item/{number}", 200, "OK", conn=conn, body=b"x" * 100)


def long_body(script: Script) -> None:
    """Play one exchange with more text than a page."""
    body = b"\n".join(b"line %d" % number for number in range(500))
    script.exchange("api.shop.test", "GET", "/long", 200, "OK", body=body, content_type="text/plain")
    script.exchange("api.shop.test", "GET", "/other", 200, "OK")


def toasts(staged: Stage) -> str:
    """Return what the app has told the person."""
    return "\n".join(notice.message for notice in staged.app._notifications)


async def in_detail(staged: Stage) -> None:
    """Go into the detail."""
    await staged.press("g", "enter")
    assert staged.main.detail.text.has_focus
