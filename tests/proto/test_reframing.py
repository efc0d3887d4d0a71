"""A message of a handler's own reads back as what was meant, and leaves the rest of its frame alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.reframing import Events, Frames, Lines
from soth_mitm.proto.splitting import Found
from soth_mitm.proto.sse import SseSplitter

names = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8)


def read(raw: bytes) -> list[tuple[str, bytes, str]]:
    return [(item.label, item.data, item.note) for item in SseSplitter().feed(raw) if isinstance(item, Found)]


@given(st.binary(max_size=40), names, names)
def test_any_event_reads_back_as_it_was_meant(data: bytes, label: str, note: str) -> None:
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    raw = Events().new(data, label=label, note=note)
    assert read(raw) == [(label or "message", lines, note)]
    again = Events().changed(raw, b"other", label=None, note=None)
    assert read(again) == [(label or "message", b"other", note)]


def test_what_else_an_event_has_stays() -> None:
    raw = b"\xef\xbb\xbf: hi\r\nretry: 5\r\ndata: a\rid: 1\nevent: e\ndata: b\n\n"
    assert Events().changed(raw, b"c", label=None, note=None) == (
        b"\xef\xbb\xbf: hi\nretry: 5\nid: 1\nevent: e\ndata: c\n\n"
    )
    assert Events().changed(raw, b"c", label="", note="") == b"\xef\xbb\xbf: hi\nretry: 5\ndata: c\n\n"


@pytest.mark.parametrize(("label", "note"), [("a\nb", ""), ("", "a\rb"), ("", "a\0b")])
def test_a_name_that_would_break_the_lines_is_refused(label: str, note: str) -> None:
    with pytest.raises(ValueError, match="no line end"):
        Events().new(b"", label=label, note=note)


@pytest.mark.parametrize("data", [b"", b" \r", b"a\nb", b"\n"])
def test_a_line_of_json_is_one_line(data: bytes) -> None:
    with pytest.raises(ValueError, match="a line"):
        Lines().new(data, label="", note="")


def test_a_line_gets_an_end_where_another_follows() -> None:
    assert Lines().ended(b"1") == b"1\n"
    assert Lines().ended(b"1\r\n") == b"1\r\n"


def test_a_changed_frame_is_not_compressed_and_stays_what_it_was() -> None:
    assert Frames().changed(b"\x01\0\0\0\x01x", b"abc", label=None, note=None) == b"\0\0\0\0\x03abc"
    assert Frames().changed(b"\x81\0\0\0\x01x", b"a", label=None, note=None) == b"\x80\0\0\0\x01a"
