"""Printable forms of what comes again and again in a stream: hosts, methods, media types, short words."""

from __future__ import annotations

from typing import TypeVar

from soth_mitm.model.memo import Memo
from soth_mitm.text import printable

HOST_LIMIT = 255
WORD_LIMIT = 80
_METHOD_LIMIT = 24

_CONNS = 65_536

_Value = TypeVar("_Value")


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
