"""What is coded anew can be read after every piece, and ends as its coding ends."""

from __future__ import annotations

import pytest

from soth_mitm.decode.coding import undo
from soth_mitm.decode.redoing import redoing
from soth_mitm.decode.undoing import undoing

PIECES = [b"data: 1\n\n", b"", b"x" * 100_000, b"data: 2\n\n"]


@pytest.mark.parametrize(
    "coding", [b"gzip", b"X-GZip", b"deflate", b"br", b"zstd", b"gzip, br", b"zstd, gzip"]
)
def test_each_piece_can_be_read_as_it_comes(coding: bytes) -> None:
    there, back = redoing(coding), undoing(coding)
    assert there is not None
    assert back is not None
    coded = b""
    for piece in PIECES:
        out = there.feed(piece)
        assert b"".join(back.feed(out)) == piece
        coded += out
    coded += there.finish()
    decoded = undo(coded, coding, limit=1_000_000)
    assert (decoded.data, decoded.ended, decoded.error) == (b"".join(PIECES), True, "")


def test_no_coding_is_nothing_to_redo() -> None:
    assert redoing(b"") is None
    assert redoing(b"identity") is None
