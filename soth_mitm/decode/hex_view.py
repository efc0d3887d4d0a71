"""Bytes as the hex dump that everybody knows: offset, 16 bytes, and the same as ASCII."""

from __future__ import annotations

from soth_mitm.text import SafeText

WIDTH = 16

_ASCII = bytes(code if 0x20 <= code < 0x7F else 0x2E for code in range(256))
_COLUMNS = WIDTH * 3 + 1


def hex_lines(data: bytes, first: int = 0) -> list[SafeText]:
    """Return one line per 16 bytes, numbered from `first` on; about five characters a byte."""
    shown = data.translate(_ASCII).decode("ascii")
    lines: list[SafeText] = []
    for offset in range(0, len(data), WIDTH):
        row = data[offset : offset + WIDTH]
        columns = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"
        lines.append(
            SafeText(f"{first + offset:08x}  {columns:<{_COLUMNS}} |{shown[offset : offset + WIDTH]}|")
        )
    return lines
