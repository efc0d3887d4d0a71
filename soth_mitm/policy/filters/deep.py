"""Terms that no row can answer: they ask for the fields of a head, or for the bytes of a body."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

import msgspec

from soth_mitm.model.fields import after_start
from soth_mitm.policy.filters.patterns import compiled


class Scope(StrEnum):
    """What is searched."""

    HEADER = "header"
    """Each field line of a head, `name: value`, one a line."""
    BODY = "body"
    """A body, content codings removed."""


class SideOf(StrEnum):
    """Whose message is searched."""

    REQUEST = "request"
    RESPONSE = "response"
    EITHER = "either"


# A look at a member through its class takes Python 3.11 as long as a call.
_EITHER = SideOf.EITHER
_RESPONSE = SideOf.RESPONSE


class DeepTerm(msgspec.Struct, frozen=True):
    """A pattern to look for in heads or bodies. Can be handed to another process."""

    scope: Scope
    side: SideOf
    pattern: bytes
    """Source of a regular expression over bytes."""
    flags: int = re.IGNORECASE
    words: str = ""
    """What is looked for, as the person wrote it."""
    is_pattern: bool = False
    """Whether that was a regular expression."""
    field: str = ""
    """The one field, in lower case, whose values are searched instead of whole lines; empty for all."""

    def wants(self, *, response: bool) -> bool:
        """Whether the request's, or the response's, message is one to search."""
        return self.side is _EITHER or (self.side is _RESPONSE) == response

    @property
    def needle(self) -> bytes:
        """What has to be in a head, in lower case, for the term to hold; empty where that is not known."""
        return b"" if self.is_pattern else _literal(self.words)

    def matches_head(self, raw: bytes) -> bool:
        """Whether one of the fields of a head as it came is meant; the start line is none of them,
        and neither is what stands for it in HTTP/2.

        The ends of lines are taken for single newlines, so that `$` means the end of a field.
        """
        lines, lower = _lines(raw)
        if self.needle not in lower:
            return False  # most heads, without the slow search that knows no case
        pattern = _compiled(self.pattern, self.flags)
        if not self.field:
            return pattern.search(lines) is not None
        named = (line.partition(b":") for line in lines.split(b"\n"))
        wanted = self.field.encode()
        return any(
            pattern.search(value.strip()) for name, _, value in named if name.strip().lower() == wanted
        )

    def matches_body(self, decoded: bytes) -> bool:
        """Whether the pattern is in a body, or a part of one."""
        return _compiled(self.pattern, self.flags).search(decoded) is not None


@lru_cache(maxsize=8)
def _lines(raw: bytes) -> tuple[bytes, bytes]:
    """Return the fields of a head, and those in lower case; kept for the next term that is looked for."""
    lines = after_start(raw).replace(b"\r\n", b"\n")
    return lines, lines.lower()


@lru_cache(maxsize=64)
def _literal(words: str) -> bytes:
    """Return what has to be in a head, in lower case, for `words` to be in it in any case."""
    return words.encode("utf-8", "replace").lower()


@lru_cache(maxsize=64)
def _compiled(pattern: bytes, flags: int) -> re.Pattern[bytes]:
    return compiled(pattern, flags)
