"""What a person has chosen about how messages are shown; it holds for every flow until changed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Choices:
    """How heads and their parts are shown."""

    sorted_fields: bool = False
    """Fields by name; otherwise in the order in which they came."""
    secrets: bool = False
    """Secrets in the open; otherwise masked."""
    turned: set[str] = field(default_factory=set)
    """Names of the folds that are not as they are by themselves."""

    def is_open(self, fold: str, *, usually: bool) -> bool:
        """Say whether a fold is open, where it is `usually` so."""
        return usually != (fold in self.turned)

    def turn(self, fold: str) -> None:
        """Open what is closed, close what is open."""
        self.turned ^= {fold}
