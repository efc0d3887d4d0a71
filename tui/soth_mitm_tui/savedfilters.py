"""Filters that a person has given names, and what was typed before: both kept from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm_tui.state import State

HISTORY: Final = 50
"""Most filters of the history."""
SAVED: Final = 100
"""Most filters with names."""
NAME_LIMIT: Final = 40
_SECTION: Final = "filter"


class Saved(msgspec.Struct, frozen=True):
    """A filter with a name."""

    name: str
    text: str


class SavedFilters:
    """Reads and writes them in the state of the app."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.saved: list[Saved] = state.get_as(_SECTION, "saved", list[Saved], [])
        self.history: list[str] = state.get_as(_SECTION, "history", list[str], [])
        on: list[str] = state.get_as(_SECTION, "on", list[str], [])
        self.on = [name for name in on if self.named(name) is not None]
        """Names of those that are on, in the order in which they were put on."""

    def named(self, name: str) -> Saved | None:
        """Return the filter with a name; None where there is none."""
        return next((each for each in self.saved if each.name == name), None)

    @property
    def texts(self) -> list[str]:
        """The expressions of those that are on."""
        return [each.text for name in self.on if (each := self.named(name)) is not None]

    def add(self, name: str, text: str) -> str:
        """Keep a filter under a name, in the place of one that has it; return the name as it is kept.

        Raises:
            ValueError: there is no name, or there are too many filters.
        """
        name = _checked(name)
        others = [each for each in self.saved if each.name != name]
        if len(others) >= SAVED:
            raise ValueError(f"there are {SAVED} filters already; F lists them, d deletes one")
        self.saved = [*others, Saved(name, text)]
        self._keep()
        return name

    def rename(self, before: str, name: str) -> None:
        """Give a filter another name.

        Raises:
            ValueError: there is no name, or another filter has it.
        """
        name = _checked(name)
        if name != before and self.named(name) is not None:
            raise ValueError(f"another filter has the name {name} already")
        self.saved = [Saved(name, each.text) if each.name == before else each for each in self.saved]
        self.on = [name if each == before else each for each in self.on]
        self._keep()

    def delete(self, name: str) -> None:
        """Forget a filter."""
        self.saved = [each for each in self.saved if each.name != name]
        self.on = [each for each in self.on if each != name]
        self._keep()

    def toggle(self, name: str) -> None:
        """Put a filter on, or off."""
        self.on = [each for each in self.on if each != name] if name in self.on else [*self.on, name]
        self._keep()

    def all_off(self) -> None:
        """Put every filter off."""
        self.on = []
        self._keep()

    def remember(self, text: str) -> None:
        """Put a text at the end of the history."""
        self.history = [*(each for each in self.history if each != text), text][-HISTORY:]
        self._state.set(_SECTION, "history", self.history)

    @property
    def last(self) -> str:
        """What was typed when the app was left."""
        return self._state.get(_SECTION, "text", "")

    @last.setter
    def last(self, text: str) -> None:
        self._state.set(_SECTION, "text", text or None)

    def _keep(self) -> None:
        self._state.set(_SECTION, "saved", self.saved or None)
        self._state.set(_SECTION, "on", self.on or None)


def _checked(name: str) -> str:
    name = printable(name.strip())
    if not name:
        raise ValueError("type a name")
    if len(name) > NAME_LIMIT:
        raise ValueError(f"the name has {len(name)} characters and may have {NAME_LIMIT}")
    return name
