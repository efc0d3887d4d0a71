"""The body that a person edits, and the coded one that goes on the wire (RFC 9110 section 8.4)."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from soth_mitm.decode.coding import MOST_CODINGS, coding_names, undo
from soth_mitm.decode.redoing import KNOWN, redoing
from soth_mitm.policy.editing.draft import FieldLine, RequestDraft, ResponseDraft
from soth_mitm.text import printable

_ENCODING: Final = b"content-encoding"

_HttpDraft = TypeVar("_HttpDraft", RequestDraft, ResponseDraft)


class Content(msgspec.Struct, frozen=True):
    """A body without its codings, as far as they could be undone."""

    data: bytes
    codings: tuple[str, ...] = ()
    """Those that were undone, the one applied last first."""
    why: str = ""
    """Why `data` is the coded body still; empty where it is not."""


class Recoded(msgspec.Struct, frozen=True):
    """What an edited body became for the wire."""

    body: bytes | None
    fields: tuple[FieldLine, ...]
    note: str = ""
    """What else followed, for the person; empty where nothing did."""


def content(draft: RequestDraft | ResponseDraft, *, most: int) -> Content:
    """Undo a body's codings, all or none. Never raises.

    Beyond `most` bytes, where a coding is not known and where the body is damaged or cut off it stays
    coded: what was edited then would not be what the sender meant.
    """
    body = draft.body or b""
    value = _codings_of(draft.fields)
    names = coding_names(value)
    if not names or not body:
        return Content(body)
    done = undo(body, value, limit=most)
    why: str
    if done.error:
        why = printable(done.error, 120)
    elif done.truncated:
        why = f"decoded it is larger than {most:,} bytes"
    elif not done.ended:
        why = f"the {names[0]} data is cut off"
    else:
        return Content(done.data, done.codings)
    return Content(body, why=why)


def recoded(original: _HttpDraft, draft: _HttpDraft, data: bytes, *, was: Content) -> Recoded:
    """Return body and fields of `draft` for the edited content `data`; `was` is the original's.

    An untouched body keeps the bytes of its coding. Another is coded as the draft's Content-Encoding
    now says; where that cannot be done the field goes. A body that was edited coded, and one that is
    sent `as_typed`, go as they are. Takes some 10 ms for 256 KiB.
    """
    same_codings = _codings_of(draft.fields) == _codings_of(original.fields)
    if data == was.data and (same_codings or draft.as_typed or was.why):
        return Recoded(original.body, draft.fields)
    names = coding_names(_codings_of(draft.fields))
    if draft.as_typed or not names or was.why:
        return Recoded(data, draft.fields)
    unknown = next((name for name in names if name not in KNOWN), "")
    if unknown or len(names) > MOST_CODINGS:
        reason = (
            f"{printable(unknown, 40)!r} is not known here"
            if unknown
            else f"{len(names)} codings are too many"
        )
        note = f"Content-Encoding will go: {reason}, and the body is sent uncoded"
        return Recoded(data, _without_codings(draft.fields), note)
    if not data:
        return Recoded(b"", _without_codings(draft.fields), "Content-Encoding will go: the body is empty")
    coder = redoing(", ".join(reversed(names)).encode("ascii"))
    if coder is None:
        return Recoded(data, draft.fields)
    return Recoded(coder.feed(data) + coder.finish(), draft.fields)


def _codings_of(fields: tuple[FieldLine, ...]) -> bytes:
    return b", ".join(value for name, value in fields if name.lower() == _ENCODING)


def _without_codings(fields: tuple[FieldLine, ...]) -> tuple[FieldLine, ...]:
    return tuple(pair for pair in fields if pair[0].lower() != _ENCODING)
