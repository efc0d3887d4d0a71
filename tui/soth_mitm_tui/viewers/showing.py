"""Which decoder shows a body where the person has chosen one: for a flow, or for all of a media type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.registry import DECODERS, OFFERED
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.decode.about import About
    from soth_mitm_tui.state import State

KEPT_FLOWS: Final = 1000
"""Most choices for single flows; the oldest is forgotten."""

KEPT_TYPES: Final = 200
"""Most choices for media types; the oldest is forgotten."""

AUTO: Final = "auto"
"""The choice to go by type and looks."""

_SECTION: Final = "bodies"
_KEY: Final = "decoders"

_Key = tuple[int, bool, str]


class Showing:
    """Keeps the choices: those for flows as long as the run, those for types in the state of the app."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._flows: dict[_Key, str] = {}
        kept: dict[str, str] = state.get_as(_SECTION, _KEY, dict[str, str], {})
        self._types = {kind: name for kind, name in kept.items() if DECODERS.get(name) in OFFERED}

    @staticmethod
    def kind_of(about: About) -> str:
        """Return what a choice for a type is for: a media type, or messages of a form."""
        if about.media_type:
            return printable(about.media_type, 100)
        return f"{about.form} {about.label}".strip() or "no type"

    def for_flow(self, flow: int, about: About) -> str:
        """Return the decoder that was chosen for a body of a flow; empty for none."""
        return self._flows.get((flow, about.response, about.form), "")

    def for_kind(self, about: About) -> str:
        """Return the decoder that was chosen for its type; empty for none."""
        return self._types.get(self.kind_of(about), "")

    def decoder(self, flow: int, about: About) -> str:
        """Return the decoder that was chosen for a body in one way or the other; empty for none."""
        chosen = self.for_flow(flow, about) or self.for_kind(about)
        return "" if chosen == AUTO else chosen

    def choose(self, flow: int, about: About, name: str) -> None:
        """Show a body of a flow by a decoder, or as its type and its looks say with `AUTO`."""
        key = flow, about.response, about.form
        self._flows.pop(key, None)
        self._flows[key] = name
        if len(self._flows) > KEPT_FLOWS:
            del self._flows[next(iter(self._flows))]

    def choose_for_kind(self, about: About, name: str) -> None:
        """Show all of a type by a decoder; an empty name forgets the choice."""
        kind = self.kind_of(about)
        self._types.pop(kind, None)
        if name:
            self._types[kind] = name
            if len(self._types) > KEPT_TYPES:
                del self._types[next(iter(self._types))]
        self._state.set(_SECTION, _KEY, dict(self._types) or None)
