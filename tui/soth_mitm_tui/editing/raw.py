"""The parts of a sheet as one text, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.policy.editing.rawtext import RawHead, read_raw, write_raw

if TYPE_CHECKING:
    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm.policy.editing.wording import Wording


def raw_of(sheet: Sheet, *, most: int) -> tuple[str, Wording | None]:
    """Return a message as one text, and how its body is written; None where the text ends with the head."""
    parts = sheet.parts
    first = (parts.method, parts.target) if sheet.is_request else (parts.status, parts.reason)
    fits = sheet.has_body and len(parts.data) <= most
    text = sheet.text if fits else None
    head = RawHead(first, parts.fields)
    raw = write_raw(
        head, sheet.version, response=sheet.is_response, body=text.text if text is not None else None
    )
    return raw, text.wording if text is not None else None


def take_raw(sheet: Sheet, text: str, wording: Wording | None) -> dict[str, object]:
    """Return the parts that a text means.

    Raises:
        ValueError: the body cannot be written in its character set.
    """
    head, body = read_raw(text, response=sheet.is_response, known=sheet.parts.fields)
    one, two = head.first
    parts: dict[str, object] = {"fields": head.fields}
    parts |= {"method": one, "target": two} if sheet.is_request else {"status": one, "reason": two}
    if wording is not None:
        parts["data"] = wording.write(body)
    return parts
