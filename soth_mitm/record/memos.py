"""Printable forms of what comes again and again in a stream: hosts, methods, media types, short words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from soth_mitm.text import printable

HOST_LIMIT = 255
WORD_LIMIT = 80
_METHOD_LIMIT = 24
_ENTRIES = 4096
_LONGEST_KEY = 256

_CONNS = 65_536

_Key = TypeVar("_Key", bytes, str)
_Value = TypeVar("_Value")


class Memo(dict[_Key, str]):
    """Printable forms of values that come again and again; emptied when full."""

    def __init__(self, make: Callable[[_Key], str]) -> None:
        super().__init__()
        self._make: Callable[[_Key], str] = make

    def __missing__(self, key: _Key) -> str:
        text = self._make(key)
        if len(key) <= _LONGEST_KEY:
            if len(self) >= _ENTRIES:
                self.clear()
            self[key] = text
        return text


def _essence(value: bytes) -> str:
    return printable(value.partition(b";")[0].strip().lower(), WORD_LIMIT)


def _short(value: str) -> str:
    return printable(value, WORD_LIMIT)


def _name(value: str) -> str:
    return printable(value, HOST_LIMIT)


def _method(value: bytes) -> str:
    return printable(value, _METHOD_LIMIT)


HOSTS = Memo(_name)
SHORTS = Memo(_short)
TYPES = Memo(_essence)
METHODS = Memo(_method)


def bounded(table: dict[int, _Value], conn: int, value: _Value) -> None:
    """Keep what is known of a conn in a table, which lets go of the oldest entry where it is full."""
    if len(table) >= _CONNS:
        del table[next(iter(table))]
    table[conn] = value
