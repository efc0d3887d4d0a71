"""What was made of values that come again and again: hosts, media types, short words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

LONGEST_KEY: Final = 256
"""Of longer values nothing is kept: peers could fill the memory with them."""

_Key = TypeVar("_Key", bytes, str)
_Value = TypeVar("_Value")


class Memo(dict[_Key, _Value]):
    """What `make` makes of values, kept for the next time; emptied when full.

    A dict, and not a cache of functools: in Python 3.11 a look into it costs half as much.
    """

    def __init__(self, make: Callable[[_Key], _Value], *, entries: int = 4096) -> None:
        super().__init__()
        self._make: Callable[[_Key], _Value] = make
        self._entries = entries

    def __missing__(self, key: _Key) -> _Value:
        value = self._make(key)
        if len(key) <= LONGEST_KEY:
            if len(self) >= self._entries:
                self.clear()
            self[key] = value
        return value
