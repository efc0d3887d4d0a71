r"""The only door from network bytes to display text.

A terminal obeys control sequences wherever they come from: a field value could retitle the window,
write the clipboard (OSC 52) or reorder what is read (bidirectional controls). `printable` makes
every such character visible (`\x1b`, `\u202e`) instead of active. Whatever shows network data, on a
screen, in a line of output or in a log, passes it through here first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NewType

if TYPE_CHECKING:
    SafeText = NewType("SafeText", str)
else:
    SafeText = str  # calling a NewType costs more than all else that `printable` does
"""Text that holds no character a terminal acts upon or hides."""

# C0, DEL, C1, soft hyphen, Arabic letter mark, zero-width and bidi controls, line separators,
# invisible operators, BOM, interlinear annotations, surrogates, tag characters.
_ACTIVE = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f"
    "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb"
    "\\ud800-\\udfff\\U000e0000-\\U000e0fff"
)
_BEHIND_LF = _ACTIVE.removeprefix("\\x00-")
_UNSAFE = re.compile(f"[{_ACTIVE}]+")
_UNSAFE_IN_LINES = re.compile(f"[\\x00-\\x09\\x0b-{_BEHIND_LF}]+")
_UNSAFE_IN_TEXT = re.compile(f"[\\x00-\\x08\\x0b-{_BEHIND_LF}]+")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class _Escapes(dict[int, str]):
    """What stands for a character, made when it is met first: no more entries than `_ACTIVE` has."""

    def __missing__(self, code: int) -> str:
        if code <= 0xFF:
            text = _SHORT.get(chr(code)) or f"\\x{code:02x}"
        else:
            text = f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
        self[code] = text
        return text


class _JsonEscapes(dict[int, str]):
    """The same, as JSON writes it."""

    def __missing__(self, code: int) -> str:
        text = self[code] = "".join(f"\\u{unit:04x}" for unit in _utf16(code))
        return text


_ESCAPES: Final = _Escapes()
_JSON_ESCAPES: Final = _JsonEscapes()


def _escape(run: re.Match[str]) -> str:
    return run[0].translate(_ESCAPES)


def _escape_json(run: re.Match[str]) -> str:
    return run[0].translate(_JSON_ESCAPES)


def printable(value: bytes | str, limit: int | None = None) -> SafeText:
    """Return `value` as one line of text that a terminal shows and never obeys.

    Bytes are read as UTF-8; a byte that is not UTF-8 shows as `\\xNN`. With `limit`, at most that
    many characters are returned, the last of them an ellipsis when something was cut.
    """
    if limit is not None:
        value = value[: limit * 4 + 4] if isinstance(value, bytes) else value[: limit + 1]
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    if not (text.isascii() and text.isprintable()):
        text = _UNSAFE.sub(_escape, text)
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    return SafeText(text)


def printable_lines(text: str, *, tab: int = 4) -> list[SafeText]:
    """Split decoded body text at LF, CRLF or CR and make each line safe; tabs become `tab` spaces."""
    whole = printable_block(text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(tab))
    return [SafeText(line) for line in whole.split("\n")]


def printable_block(text: str, *, as_json: bool = False) -> SafeText:
    """Return text of many lines that a terminal shows and never obeys: of controls, only LF is left.

    With `as_json`, escapes are those of JSON, so that a string in it means what it meant before.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return SafeText(text)
    return SafeText(_UNSAFE_IN_LINES.sub(_escape_json if as_json else _escape, text))


def _utf16(code: int) -> tuple[int, ...]:
    if code <= 0xFFFF:
        return (code,)
    return 0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code - 0x10000 & 0x3FF)


def printable_text(text: str) -> str:
    """Return decoded text with its tabs and line ends, as LF, and all else that acts made visible."""
    whole = text.replace("\r\n", "\n")
    return _UNSAFE_IN_TEXT.sub(_escape, whole)


def human_size(count: int) -> str:
    """Return a byte count in at most 4 characters: `0`, `999`, `1.2k`, `84k`, `1.0M`."""
    if count < 1000:
        return str(count)
    value = float(count)
    for unit in "kMGTP":
        value /= 1000
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return f"{value:.0f}E"


def human_duration(nanoseconds: int) -> str:
    """Return a duration in at most 5 characters: `0ms`, `38ms`, `4.1s`, `58s`, `12m`, `3.5h`, `9d`."""
    milliseconds = nanoseconds / 1e6
    if milliseconds < 9.95:
        return f"{milliseconds:.1f}ms" if milliseconds >= 0.05 else "0ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 99.5:
        return f"{seconds:.0f}s"
    minutes = seconds / 60
    if minutes < 99.5:
        return f"{minutes:.0f}m"
    hours = minutes / 60
    if hours < 99.5:
        return f"{hours:.0f}h"
    return f"{hours / 24:.0f}d"
