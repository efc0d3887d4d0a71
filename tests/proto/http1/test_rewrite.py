"""Byte edits of a head: what is not asked for stays as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.http1.rewrite import (
    drop_fields,
    field_lines,
    fields,
    replace_fields,
    set_target,
    to_origin_form,
)
from tests.proto.http1.driving import one_request

ODD = b"GET  /x HTTP/1.1\r\nhOST:a\r\nX-Fold: one\r\n\t two \r\nLf: v\njunk\r\nX-Fold : three\r\n\r\n"


def test_fields_are_in_order_as_sent_with_outer_whitespace_trimmed() -> None:
    assert fields(ODD) == [
        (b"hOST", b"a"),
        (b"X-Fold", b"one two"),
        (b"Lf", b"v"),
        (b"junk", b""),
        (b"X-Fold", b"three"),
    ]


def test_field_lines_are_the_exact_bytes_between_first_line_and_empty_line() -> None:
    assert b"".join(field_lines(ODD)) == ODD.removeprefix(b"GET  /x HTTP/1.1\r\n").removesuffix(b"\r\n")
    assert field_lines(ODD)[1] == b"X-Fold: one\r\n\t two \r\n"
    assert field_lines(b"GET / HTTP/1.1\r\n\r\n") == []


def test_dropping_a_field_takes_its_folds_along_and_nothing_else() -> None:
    assert drop_fields(ODD, [b"x-fold"]) == b"GET  /x HTTP/1.1\r\nhOST:a\r\nLf: v\njunk\r\n\r\n"
    assert drop_fields(ODD, [b"absent"]) == ODD
    assert drop_fields(b"GET / HTTP/1.1\nA: b\n\n", [b"a"]) == b"GET / HTTP/1.1\n\n"


def test_replacing_a_field_keeps_name_and_place_and_drops_repeats() -> None:
    raw = b"GET / HTTP/1.1\r\nA: 1\r\ncontent-LENGTH:5\r\nB: 2\r\nContent-Length: 5\r\n\r\n"
    wanted = b"GET / HTTP/1.1\r\nA: 1\r\ncontent-LENGTH: 7\r\nB: 2\r\nNew: v\r\n\r\n"
    assert replace_fields(raw, [(b"Content-Length", b"7"), (b"New", b"v")]) == wanted


@pytest.mark.parametrize(
    "field", [(b"", b"v"), (b"a b", b"v"), (b"a:", b"v"), (b"a", b"v\r\nb: c"), (b"a", b"\0")]
)
def test_a_field_that_would_break_the_lines_is_not_written(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="cannot write the field"):
        replace_fields(ODD, [field])


def test_a_target_is_replaced_in_its_place() -> None:
    assert set_target(ODD, b"/y") == ODD.replace(b"/x", b"/y", 1)
    assert set_target(b"G G HTTP/1.1\r\n\r\n", b"/") == b"G / HTTP/1.1\r\n\r\n"
    with pytest.raises(ValueError, match="cannot write the target"):
        set_target(ODD, b"/a b")


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        (b"GET", b"http://a/x?y", b"/x?y"),
        (b"GET", b"http://a", b"/"),
        (b"GET", b"http://a?q", b"/?q"),
        (b"GET", b"HTTP://A:80/x//y", b"/x//y"),
        (b"OPTIONS", b"http://a", b"*"),
        (b"OPTIONS", b"http://a/", b"/"),
        (b"OPTIONS", b"http://a?q", b"/?q"),
        (b"GET", b"/http://b/", b"/http://b/"),
        (b"OPTIONS", b"*", b"*"),
    ],
)
def test_an_absolute_target_becomes_its_path(method: bytes, target: bytes, expected: bytes) -> None:
    rest = b" HTTP/1.1\r\nhOsT:  a \r\nX-B: 1\r\nConnection: keep-alive\r\n\r\n"
    head = one_request(method + b" " + target + rest)
    assert to_origin_form(head) == method + b" " + expected + rest


def test_fields_for_the_proxy_go_and_those_that_only_look_so_stay() -> None:
    head = one_request(
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\nproxy-CONNECTION: keep-alive\r\n"
        b"Proxy-Authorization: Basic eA==\r\n"
        b"Proxy-Authenticate: x\r\nX-Proxy-Connection: y\r\n\r\n"
    )
    assert to_origin_form(head) == (
        b"GET / HTTP/1.1\r\nHost: a\r\nProxy-Authenticate: x\r\nX-Proxy-Connection: y\r\n\r\n"
    )


LINES = st.lists(
    st.sampled_from(
        [b"A: 1\r\n", b"b:2\n", b" fold\r\n", b"junk\r\n", b" \r\n", b"C : \xff\r\n", b"a:\t3\r\n"]
    ),
    max_size=8,
)


@given(LINES, st.sampled_from([b"\r\n", b"\n"]))
def test_edits_that_concern_nothing_change_nothing(lines: list[bytes], end: bytes) -> None:
    raw = b"GET / HTTP/1.1" + end + b"".join(lines) + end
    assert drop_fields(raw, [b"nobody"]) == raw
    assert replace_fields(raw, []) == raw
    assert set_target(raw, b"/") == raw
    kept = [name for name, _ in fields(raw) if name.lower() != b"a"]
    assert [name for name, _ in fields(drop_fields(raw, [b"a"]))] == kept
