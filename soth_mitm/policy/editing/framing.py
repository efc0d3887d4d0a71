"""What follows from a change: the fields that say how long a body is and how it is framed."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from soth_mitm.policy.editing.draft import FieldLine, RequestDraft, ResponseDraft

FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"trailer"))
"""Fields that follow from the body (RFC 9112 section 6)."""

_HttpDraft = TypeVar("_HttpDraft", RequestDraft, ResponseDraft)


def consistent(original: _HttpDraft, draft: _HttpDraft) -> _HttpDraft:
    """Return a draft whose framing fields fit its body.

    With a body of its own it gets a Content-Length, where the old framing stood or at the end. Without
    one the original's streams on, so that its framing fields come back as they were. What is `as_typed`
    stays.
    """
    if draft.as_typed:
        return draft
    if draft.body is None:
        fields = _with(draft.fields, _framing_of(original.fields))
    elif draft.body == original.body and _framing_of(draft.fields) == _framing_of(original.fields):
        return draft
    else:
        needs = bool(draft.body) or bool(_framing_of(original.fields)) or isinstance(draft, ResponseDraft)
        length = ((b"Content-Length", b"%d" % len(draft.body)),) if needs else ()
        fields = _with(draft.fields, length)
    return msgspec.structs.replace(draft, fields=fields)


def _framing_of(fields: tuple[FieldLine, ...]) -> tuple[FieldLine, ...]:
    return tuple(pair for pair in fields if pair[0].lower() in FRAMING)


def _with(fields: tuple[FieldLine, ...], framing: tuple[FieldLine, ...]) -> tuple[FieldLine, ...]:
    """Put framing fields where the first of those of the head stand."""
    at = next((i for i, pair in enumerate(fields) if pair[0].lower() in FRAMING), len(fields))
    kept_before = fields[:at]
    kept_after = tuple(pair for pair in fields[at:] if pair[0].lower() not in FRAMING)
    if len(framing) == 1 and at < len(fields) and fields[at][0].lower() == framing[0][0].lower():
        framing = ((fields[at][0], framing[0][1]),)  # in the case in which it was written
    return (*kept_before, *framing, *kept_after)
