"""URL-encoded forms as one field a line."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from soth_mitm.text import SafeText, printable

MOST_FIELDS = 10_000


def form_lines(data: bytes) -> list[SafeText]:
    """Return `name = value` lines of `application/x-www-form-urlencoded` bytes, in their order."""
    fields = data.split(b"&", MOST_FIELDS)
    rest = len(fields) > MOST_FIELDS
    lines = [form_line(field) for field in fields[:MOST_FIELDS] if field]
    if rest:
        lines.append(SafeText(f"… more than {MOST_FIELDS:,} fields"))
    return lines


def form_line(field: bytes) -> SafeText:
    """Return one field as `name = value`."""
    name, equals, value = field.partition(b"=")
    if not equals:
        return _plain(name)
    return SafeText(f"{_plain(name)} = {_plain(value)}")


def _plain(part: bytes) -> SafeText:
    return printable(unquote_to_bytes(part.replace(b"+", b" ")))
