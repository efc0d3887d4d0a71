"""Feeding a splitter with a body, cut anywhere, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hypothesis import strategies as st

from soth_mitm.proto.splitting import HELD, Found, Item, Part, SplitError, Splitter

Result = tuple[list[tuple[Found, bytes]], str]


def pieces_of(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Return a body cut at these places."""
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


def run(make: Callable[[], Splitter], pieces: Iterable[bytes], *, finish: bool = True) -> Result:
    """Return the messages with their payload, and the code of the defect that ended it."""
    splitter, code = make(), ""
    items: list[Item] = []
    fed = 0
    try:
        for piece in pieces:
            items.extend(splitter.feed(piece))
            fed += len(piece)
            assert 0 <= splitter.begun <= fed
        if finish:
            items.extend(splitter.finish())
    except SplitError as error:
        code = error.code
    return joined(items), code


def joined(items: Iterable[Item]) -> list[tuple[Found, bytes]]:
    """Put parts to the messages they belong to, whose invariants are checked."""
    out, parts = [], b""
    for item in items:
        if isinstance(item, Part):
            assert len(item.data) == HELD
            parts += item.data
            continue
        assert len(item.data) <= HELD
        assert item.in_parts == bool(parts)
        payload, parts = parts + item.data, b""
        assert not payload or len(payload) == item.size
        out.append((item, payload))
    return out


def check_places(found: list[tuple[Found, bytes]], body: bytes, *, framed: bool = True) -> None:
    """Check that what lies in the body lies there, and that messages follow each other."""
    end = 0
    for item, payload in found:
        if item.offset >= 0 and payload:
            assert body[item.offset : item.offset + item.size] == payload
        if framed:
            assert end <= item.start <= item.end <= len(body)
            assert item.offset < 0 or item.start <= item.offset <= item.offset + item.size <= item.end
            end = item.end


cuts = st.lists(st.integers(0, 400), max_size=8)
