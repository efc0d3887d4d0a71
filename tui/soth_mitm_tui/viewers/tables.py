"""What is written inside the fields and the address: credentials, cookies, the parameters of a query."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from soth_mitm.decode.credentials import challenges, credentials
from soth_mitm.decode.numbers import when_text
from soth_mitm.export import redact
from soth_mitm.text import printable
from soth_mitm_tui.columns import DOTS
from soth_mitm_tui.lines import Line, Span, Subject
from soth_mitm_tui.viewers.fields import NAME_LIMIT, section

if TYPE_CHECKING:
    from soth_mitm.model.fields import Fields
    from soth_mitm.record.view import MessageView
    from soth_mitm_tui.viewers.choices import Choices

MOST_ENTRIES: Final = 500
"""Most entries of a table; a line says how many more there are."""

OPEN_UP_TO: Final = 8
"""A table of more entries is folded until it is opened."""


class Entry(NamedTuple):
    """A name, its value, and what is said about both."""

    name: str
    value: str
    secret: bool = False
    note: tuple[Span, ...] = ()


def table(title: str, entries: list[Entry], choices: Choices, *, fold: str) -> list[Line]:
    """Return a section of entries; nothing where there are none."""
    if not entries:
        return []
    is_open = choices.is_open(f"section:{fold}", usually=len(entries) <= OPEN_UP_TO)
    lines = [section(title, f"{len(entries):,}", fold, is_open=is_open)]
    if not is_open:
        return lines
    shown = entries[:MOST_ENTRIES]
    width = min(max(len(entry.name) for entry in shown), NAME_LIMIT)
    lines += [_entry(entry, width, choices) for entry in shown]
    if len(entries) > len(shown):
        lines.append(Line(((f"  … and {len(entries) - len(shown):,} more", "muted"),), 2))
    return lines


def _entry(entry: Entry, width: int, choices: Choices) -> Line:
    value: Span = (entry.value, "text")
    if entry.secret and not choices.secrets and entry.value:
        value = (DOTS, "muted")
    spans: tuple[Span, ...] = ((f"  {entry.name:<{width}}  ", "key"), value, *entry.note)
    return Line(spans, width + 4, Subject(entry.name, entry.value))


# --- query --------------------------------------------------------------------------------------


def query_of(target: bytes) -> list[Entry]:
    """Return the parameters of an address, with their escapes undone."""
    _, mark, query = target.partition(b"?")
    if not mark:
        return []
    return [_parameter(piece) for piece in query.partition(b"#")[0].split(b"&") if piece]


def _parameter(piece: bytes) -> Entry:
    name, equals, value = piece.partition(b"=")
    shown = printable(unquote_to_bytes(name.replace(b"+", b" ")), 200)
    if not equals:
        return Entry(shown, "", note=(("no value", "muted"),))
    return Entry(shown, printable(unquote_to_bytes(value.replace(b"+", b" "))), redact.is_secret(shown))


# --- credentials --------------------------------------------------------------------------------


def credentials_of(message: MessageView, now_wall_ns: int) -> list[Entry]:
    """Return what a request shows who it is by, or what a response asks for, in its parts."""
    request = message.direction == "request"
    names = (
        (b"authorization", b"proxy-authorization")
        if request
        else (b"www-authenticate", b"proxy-authenticate")
    )
    read = credentials if request else challenges
    pieces = (piece for name in names for value in message.fields.get_all(name) for piece in read(value))
    return [Entry(each.name, each.value, each.secret, _moment(each.moment, now_wall_ns)) for each in pieces]


def _moment(seconds: int, now_wall_ns: int) -> tuple[Span, ...]:
    if not seconds:
        return ()
    left = seconds - now_wall_ns / 1e9
    when = f"in {span(left)}" if left > 0 else f"{span(-left)} ago"
    return ((f"  {when_text(seconds)} ({when})", "muted"),)


# --- cookies ------------------------------------------------------------------------------------


def cookies_of(message: MessageView, now_wall_ns: int) -> list[Entry]:
    """Return the cookies of a message: those that are sent, or those that are set."""
    if message.direction == "request":
        return _sent(message.fields)
    return [_set(value, now_wall_ns) for value in message.fields.get_all(b"set-cookie")]


def _sent(fields: Fields) -> list[Entry]:
    entries: list[Entry] = []
    for value in fields.get_all(b"cookie"):
        for piece in value.split(b";"):
            if piece.strip():
                name, _, content = piece.strip().partition(b"=")
                entries.append(Entry(printable(name, 200), printable(content), secret=True))
    return entries


def _set(value: bytes, now_wall_ns: int) -> Entry:
    cookie, *attributes = value.split(b";")
    name, _, content = cookie.strip().partition(b"=")
    note: list[Span] = []
    for attribute in attributes:
        word, equals, text = attribute.strip().partition(b"=")
        if not word:
            continue
        shown = printable(word, 40) + (f"={printable(text, 120)}" if equals else "")
        note.append((f"  {shown}", "muted"))
        end = _end(word, text, now_wall_ns)
        if end:
            note.append((f" ({end})", "muted"))
    return Entry(printable(name, 200), printable(content), secret=True, note=tuple(note))


def _end(word: bytes, text: bytes, now_wall_ns: int) -> str:
    """Say in words when a cookie ends."""
    try:
        if word.lower() == b"max-age":
            seconds = float(int(text))
        elif word.lower() == b"expires":
            when = parsedate_to_datetime(text.decode("ascii"))
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
            seconds = (when - datetime.fromtimestamp(now_wall_ns / 1e9, UTC)).total_seconds()
        else:
            return ""
    except (ValueError, TypeError, OverflowError, UnicodeDecodeError):
        return "not understood"
    return "deletes it" if seconds <= 0 else f"in {span(seconds)}"


def span(seconds: float) -> str:
    """Return a length of time in one number and a word."""
    for length, word in ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count:,} {word}{'' if count == 1 else 's'}"
    return f"{int(seconds)} s"
