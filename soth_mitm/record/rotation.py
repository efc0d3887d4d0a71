"""When a recording goes on in a new file, and which of its files are kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.errors import ConfigError
from soth_mitm.model.events import FlowClosed

if TYPE_CHECKING:
    from soth_mitm.clock import Clock
    from soth_mitm.model.events import Event

SMALLEST: Final = 1_000_000
LARGEST: Final = 1024**3
"""Bytes of a file: below, little but repetition would be in it; above, its table is slow to read."""

MOST_FILES: Final = 100_000
"""Files whose age is known."""

_AMOUNT = re.compile(r"(\d{1,12})\s*([A-Za-z]*)")
_SIZES: Final = ("k", "m", "g", "t")
_TIMES: Final = {"s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Amounts(msgspec.Struct, frozen=True):
    """Amounts of three sorts; 0 where there is none."""

    bytes: int = 0
    seconds: int = 0
    count: int = 0
    """Flows of a file, or files."""

    def __bool__(self) -> bool:
        return bool(self.bytes or self.seconds or self.count)


def amounts_of(texts: list[str], option: str, what: str) -> Amounts:
    """Return amounts of texts such as `100MB`, `10min` and `5000`; `what` is what a plain number counts.

    Raises:
        ConfigError: a text is no amount, or one sort is given twice.
    """
    found: dict[str, int] = {}
    for text in texts:
        kind, number = _amount(text, option, what)
        if kind in found:
            raise ConfigError(f"{option} {text}: give each of size, time and {what} once")
        found[kind] = number
    return Amounts(**found)


def _amount(text: str, option: str, what: str) -> tuple[str, int]:
    match = _AMOUNT.fullmatch(text.strip())
    unit = match[2].lower() if match is not None else ""
    if match is not None and int(match[1]):
        number = int(match[1])
        size = unit.removesuffix("ib").removesuffix("b")
        if not unit:
            return "count", number
        if size in _SIZES:
            base = 1024 if "ib" in unit else 1000
            for _ in range(_SIZES.index(size) + 1):
                number *= base
            return "bytes", number
        if unit in _TIMES:
            return "seconds", number * _TIMES[unit]
    raise ConfigError(f"{option} {text}: give a size (100MB), a time (10min, 1h, 7d) or a number of {what}")


def rotation_of(texts: list[str]) -> Amounts:
    """Return when to go on in a new file.

    Raises:
        ConfigError: as `amounts_of`, or a file would be too small or too large.
    """
    found = amounts_of(texts, "--rotate", "flows")
    if found.bytes and not SMALLEST <= found.bytes <= LARGEST:
        raise ConfigError(f"--rotate: a file may have {SMALLEST:,} to {LARGEST:,} bytes")
    return found


class Wheel:
    """Says when the file is full by a person's measure, and when the oldest is one too many."""

    def __init__(self, rotation: Amounts, keep: Amounts, clock: Clock) -> None:
        self._rotation = rotation
        self._keep = keep
        self._clock = clock
        self._flows = 0
        self._begun: dict[int, int] = {}

    def begin(self, segment: int) -> None:
        """A file begins."""
        self._flows = 0
        self._begun[segment] = self._clock.monotonic_ns()
        if len(self._begun) > MOST_FILES:
            del self._begun[next(iter(self._begun))]

    def count(self, events: list[Event]) -> None:
        """Take note of what was put into it."""
        if self._rotation.count:
            self._flows += sum(type(event.body) is FlowClosed for event in events)

    @property
    def due(self) -> bool:
        """Whether the next file is to begin; its size is not asked here."""
        rotation = self._rotation
        if rotation.count and self._flows >= rotation.count:
            return True
        if not rotation.seconds:
            return False
        begun = max(self._begun.values(), default=0)
        return self._clock.monotonic_ns() - begun >= rotation.seconds * 1_000_000_000

    def too_much(self, ended: list[int], size: int) -> bool:
        """Say whether the oldest of the files that have ended has to go, for the next one to begin."""
        keep = self._keep
        if not ended:
            return False
        if (keep.count and len(ended) + 1 > keep.count) or (keep.bytes and size > keep.bytes):
            return True
        # What was written last in a file came before the next one began.
        follows = self._begun.get(ended[0] + 1, self._clock.monotonic_ns())
        return bool(keep.seconds) and self._clock.monotonic_ns() - follows >= keep.seconds * 1_000_000_000
