"""The command palette: every action of the registry, with its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from soth_mitm_tui.actions import DEFAULT, PANES, Action, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm_tui.app import SothApp

_OFFERED = ("list", "flow", "detail", "copy", "app")
_MENU_ONLY = frozenset({"copy.choose", "copy.down", "copy.up", "copy.close"})


def offered(registry: Registry = DEFAULT) -> Iterator[Action]:
    """Yield the actions that the palette offers: those of the panes that are always there."""
    for action in registry.actions:
        if action.pane in _OFFERED and action.id not in _MENU_ONLY and action.id != "app.commands":
            yield action


def title(action: Action) -> str:
    """Return the name of an action in the palette."""
    if action.pane in ("app", "flow", "copy"):
        return f"{action.label[:1].upper()}{action.label[1:]}"
    return f"{PANES[action.pane]}: {action.label}"


class ActionCommands(Provider):
    """Offers every action."""

    def _hits(self) -> Iterator[tuple[Action, str]]:
        for action in offered(cast("SothApp", self.app).registry):
            key = f"  ({action.shown_keys[0]})" if action.shown_keys else ""
            yield action, f"{title(action)}{key}"

    async def discover(self) -> Hits:
        """Offer all, before anything is typed."""
        app = cast("SothApp", self.app)
        for action, text in self._hits():
            yield DiscoveryHit(Text(text), lambda action=action: app.perform(action.id), text, action.help)

    async def search(self, query: str) -> Hits:
        """Offer those whose name is like `query`."""
        app = cast("SothApp", self.app)
        matcher = self.matcher(query)
        for action, text in self._hits():
            score = matcher.match(text)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(text),
                    lambda action=action: app.perform(action.id),
                    text,
                    action.help,
                )
