"""JSON Web Tokens as text: header, claims with their times in words, signature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from soth_mitm.decode import nested
from soth_mitm.decode.about import About
from soth_mitm.decode.jwt import LONGEST, token_of
from soth_mitm.decode.numbers import when_text
from soth_mitm.decode.outline import Outline
from soth_mitm.decode.views import NotThis, Whole

if TYPE_CHECKING:
    from soth_mitm.decode.registry import Given


class JwtView(Whole):
    """A `View` of one token."""

    most = LONGEST

    def __init__(self, given: Given) -> None:
        super().__init__()
        self._given = given
        self._outline = Outline()
        self.folds = self._outline.folds

    def tell(self, data: bytes, *, whole: bool) -> Iterator[str]:
        """See `Whole`."""
        token = token_of(data)
        if token is None:
            raise NotThis("not a JSON Web Token")
        for heading, part in (("header", token.header), ("claims", token.payload)):
            if not part:
                continue
            notes = [f"{name} {when_text(when)}" for name, when in token.times] if heading == "claims" else []
            self._outline.section(f"● {heading}", heading)
            self._outline.note(", ".join(notes))
            about = About(b"application/json", "jwt", heading)
            for _ in nested.tell(self._outline, part, about, self._given):
                yield self._outline.take()
            self._outline.close()
        if token.sealed is None:
            self._bytes("signature", token.signature, "not checked")
        else:
            key, vector, claims = token.sealed
            self._bytes("encrypted key", key)
            self._bytes("initialization vector", vector)
            self._bytes("encrypted claims", claims, "only the header can be read")
            self._bytes("tag", token.signature, "not checked")
        self._outline.finish()
        yield self._outline.take()

    def _bytes(self, heading: str, data: bytes, note: str = "") -> None:
        length = f"{len(data):,} byte{'' if len(data) == 1 else 's'}"
        self._outline.section(f"● {heading}", heading)
        self._outline.note(", ".join(filter(None, (length, note if data else ""))))
        self._outline.block(data.hex(" ") or "none")
        self._outline.close()
