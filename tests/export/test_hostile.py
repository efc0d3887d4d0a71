"""Whatever peers send, nothing that a terminal acts upon comes out of a printer."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model import events as e
from tests.export.printing import json_of, text_of
from tests.helpers import streams
from tests.helpers.streams import HOSTILE_BYTES, Stream


def unsafe(text: str) -> list[str]:
    """Return the characters that control or hide, but for the line end."""
    return [
        char for char in text if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


@pytest.mark.parametrize("detail", [0, 1, 2])
@pytest.mark.parametrize("redact", [True, False])
def test_hostile_events_are_shown_and_not_obeyed(detail: int, redact: bool) -> None:
    stream = Stream()
    streams.hostile(stream)
    text = text_of(stream, detail=detail, redact=redact)
    assert unsafe(text) == []
    assert "\\x1b]52;" in text
    assert "[@click=app.quit]" in text
    assert unsafe(json_of(stream, detail=detail, redact=redact)) == []


@given(
    st.binary(max_size=300), st.binary(max_size=60), st.sampled_from([b"gzip", b"br", b"zstd, deflate", b""])
)
def test_no_bytes_make_a_printer_raise_or_write_a_control(data: bytes, odd: bytes, coding: bytes) -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = stream.new_flow()
    name = odd.decode("utf-8", "surrogateescape")
    opened = e.FlowOpened(e.FlowKind.HTTP, name, name, 1, name)
    stream.add(opened, conn=pair.conn, flow=flow)
    head = e.RequestHead(odd, odd, name, odd + b"\r\n" + data, odd, odd)
    stream.add(head, conn=pair.conn, flow=flow)
    stream.add(e.Noted(name, name), conn=pair.conn, flow=flow)
    found = e.ResponseHead(200, odd, name, HOSTILE_BYTES + data, odd, coding)
    stream.add(found, conn=pair.conn, flow=flow)
    stream.add(e.Upgraded(name), conn=pair.conn, flow=flow)
    streams.body(pair, flow, data)
    stream.add(e.ResponseEnd(len(data), len(data), data), conn=pair.conn, flow=flow)
    streams.close(pair, flow, reason=name, detail=name)
    assert unsafe(text_of(stream, detail=2)) == []
    lines = json_of(stream, detail=2)
    assert unsafe(lines) == []
    assert lines.count("\n") == 1
