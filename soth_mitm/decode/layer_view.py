"""Layers of text around a payload, peeled when a person asks for it: base64, and percent escapes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote_to_bytes

from soth_mitm.decode import nested
from soth_mitm.decode.about import About
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Whole

if TYPE_CHECKING:
    from soth_mitm.decode.registry import Given

Layer = Literal["base64", "percent"]

_DATA_URL: Final = re.compile(rb"data:[^,\s]{0,200};base64,")
_SPACE: Final = re.compile(rb"\s+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]*={0,2}")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")


class LayerView(Whole):
    """A `View` of what is inside a layer, which is shown by its looks."""

    def __init__(self, given: Given, layer: Layer) -> None:
        super().__init__()
        self._given = given
        self._layer = layer
        self._outline = Outline()
        self.folds = self._outline.folds

    def tell(self, data: bytes, *, whole: bool) -> Iterator[str]:
        """See `Whole`."""
        inside = _unbased(data, whole=whole) if self._layer == "base64" else _unescaped(data)
        outline, outer = self._outline, self._given.about
        words = "base64" if self._layer == "base64" else "percent escapes"
        outline.section(f"● inside {words} · {len(data):,} → {len(inside):,} bytes", "inside")
        about = About(b"", outer.form, outer.label, outer.path, outer.response)
        for _ in nested.tell(outline, inside, about, self._given, whole=whole):
            yield outline.take()
        outline.close()
        if not whole:
            self.error = "only the beginning of it is there"
        outline.finish()
        yield outline.take()


def _unbased(data: bytes, *, whole: bool) -> bytes:
    """Undo base64 in either alphabet, in lines or not, padded or not, also in a `data:` URL."""
    text = data.strip()
    url = _DATA_URL.match(text)
    text = _SPACE.sub(b"", text[url.end() :] if url is not None else text.strip(b'"'))
    match = _BASE64.match(text)
    end = match.end() if match is not None else 0
    if not text or end < len(text):
        raise NotThis(f"not base64 from character {end:,} on")
    text = text.rstrip(b"=").translate(_URL_SAFE)
    if not whole:
        text = text[: len(text) // 4 * 4]
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise NotThis("not base64: a character too many or too few") from None


def _unescaped(data: bytes) -> bytes:
    """Undo one layer of percent escapes; a plus sign stays one, as outside of forms."""
    if _ESCAPE.search(data) is None:
        raise NotThis("no percent escape in it")
    return unquote_to_bytes(data)
