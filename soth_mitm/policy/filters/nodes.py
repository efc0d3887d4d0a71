"""What an expression is, once it has been read."""

from __future__ import annotations

import re

import msgspec

from soth_mitm.policy.filters.deep import DeepTerm


class All(msgspec.Struct, frozen=True):
    """Every part must hold; without parts it always does."""

    parts: tuple[Node, ...] = ()


class Any(msgspec.Struct, frozen=True):
    """One part must hold."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True):
    """The part must not hold."""

    part: Node


class Word(msgspec.Struct, frozen=True):
    """The row's line holds this text, whatever its case."""

    text: str


class Pattern(msgspec.Struct, frozen=True):
    """The row's line matches this regular expression."""

    source: str
    pattern: re.Pattern[str]


class Text(msgspec.Struct, frozen=True):
    """A field of text holds, is, or matches something."""

    field: str
    how: str
    """`has`, `is`, or `like` for a regular expression."""
    value: str
    pattern: re.Pattern[str] | None = None


class Range(msgspec.Struct, frozen=True):
    """A number lies between two others, both included."""

    field: str
    low: float
    high: float
    written: str
    """As the person wrote it."""


class State(msgspec.Struct, frozen=True):
    """A flow is in a state, as `is:` names it."""

    name: str


class Deep(msgspec.Struct, frozen=True):
    """A message holds something that only its recording can tell."""

    term: DeepTerm


class Never(msgspec.Struct, frozen=True):
    """No flow of this version can be meant."""

    words: str
    """What was asked for."""
    why: str


Node = All | Any | Not | Word | Pattern | Text | Range | State | Deep | Never
