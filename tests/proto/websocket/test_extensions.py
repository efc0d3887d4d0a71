"""The Sec-WebSocket-Extensions field, and what permessage-deflate's parameters mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.websocket.extensions import Agreed, DeflateParams, Extension, agreed, parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", []),
        (b"a", [Extension("a")]),
        (b"A; B=2 ;c", [Extension("a", (("b", "2"), ("c", "")))]),
        (b"a, b;x", [Extension("a"), Extension("b", (("x", ""),))]),
        (b'a; x="1,2;3", b', [Extension("a", (("x", "1,2;3"),)), Extension("b")]),
        (b" , ;x, a", [Extension("a")]),
    ],
)
def test_a_list_of_extensions_is_read(value: bytes, expected: list[Extension]) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (b"", DeflateParams()),
        (b"; client_no_context_takeover", DeflateParams(client_takeover=False)),
        (b"; server_no_context_takeover", DeflateParams(server_takeover=False)),
        (
            b'; client_max_window_bits=9; server_max_window_bits="8"',
            DeflateParams(client_bits=9, server_bits=8),
        ),
    ],
)
def test_the_parameters_of_compression_are_read(params: bytes, expected: DeflateParams) -> None:
    assert agreed(b"permessage-deflate" + params) == Agreed(expected)


@pytest.mark.parametrize(
    "value",
    [
        b"permessage-deflate; client_max_window_bits",
        b"permessage-deflate; server_max_window_bits=16",
        b"permessage-deflate; server_max_window_bits=08",
        b"permessage-deflate; server_no_context_takeover=1",
        b"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        b"permessage-deflate; fast",
        b"permessage-deflate, permessage-deflate",
    ],
)
def test_compression_that_is_not_understood_counts_as_an_unknown_extension(value: bytes) -> None:
    found = agreed(value)
    assert found.deflate is None
    assert found.unknown == ("permessage-deflate",)
    assert found.problem


def test_unknown_extensions_are_named() -> None:
    assert agreed(b"x-shout, permessage-deflate, x-whisper") == Agreed(
        DeflateParams(), ("x-shout", "x-whisper")
    )


@given(st.binary(max_size=80))
def test_no_field_value_raises(value: bytes) -> None:
    agreed(value)
