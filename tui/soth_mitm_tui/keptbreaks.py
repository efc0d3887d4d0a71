"""Breakpoints that were kept and cannot work: left out, shown with the reason, kept as they are; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from soth_mitm.errors import in_words
from soth_mitm.policy.breakpoints import Breakpoint
from soth_mitm.policy.breakpoints.breakpoint import fault_of


class Broken(NamedTuple):
    """A kept breakpoint that is not set."""

    kept: object
    """What stands in the state."""
    fault: str
    made: Breakpoint | None = None
    """What can be changed in its form; None where it has not even the form of a breakpoint."""

    @property
    def title(self) -> str:
        """What it is called."""
        if self.made is not None:
            return self.made.title
        table = self.kept if isinstance(self.kept, dict) else {}
        return str(table.get("name") or table.get("expression") or "no breakpoint")


def sorted_out(kept: Sequence[object]) -> tuple[list[Breakpoint], list[Broken]]:
    """Return the kept breakpoints that can work, and those that cannot, each in its order."""
    good: list[Breakpoint] = []
    broken: list[Broken] = []
    for each in kept:
        try:
            read = msgspec.convert(each, Breakpoint)
        except msgspec.ValidationError as error:
            broken.append(Broken(each, f"it cannot be read: {in_words(str(error), Breakpoint)}"))
            continue
        made = msgspec.structs.replace(read, id=0, given=False)
        fault = fault_of(made)
        if fault:
            broken.append(Broken(each, fault, made))
        else:
            good.append(made)
    return good, broken
