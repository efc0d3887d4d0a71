"""A whole message as one text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.policy.editing.rawtext import RawHead, read_raw, write_raw

FIELDS = ((b"Host", b"a.test"), (b"x-y", b"1"), (b"x-y", b"\xff\n"), (b"Empty", b""))
BYTES = st.binary(max_size=6).map(bytes.strip)


def test_a_request_reads_as_on_the_wire() -> None:
    head = RawHead(("POST", "/a?b=1"), FIELDS)
    text = write_raw(head, "HTTP/1.1", response=False, body="{}")
    assert text == "POST /a?b=1 HTTP/1.1\nHost: a.test\nx-y: 1\nx-y: \\xff\\n\nEmpty: \n\n{}"
    assert read_raw(text, response=False) == (head, "{}")


def test_a_response_of_http2_has_no_reason() -> None:
    head = RawHead(("200", ""), ())
    text = write_raw(head, "HTTP/2", response=True, body=None)
    assert text == "HTTP/2 200\n\n"
    assert read_raw(text, response=True) == (head, "")


@settings(max_examples=60)
@given(st.lists(st.tuples(BYTES, BYTES), max_size=3), st.text(alphabet="a\n\\", max_size=6))
def test_fields_of_any_bytes_and_any_body_come_back(fields: list[tuple[bytes, bytes]], body: str) -> None:
    head = RawHead(("GET", "/"), tuple(fields))
    text = write_raw(head, "HTTP/1.1", response=False, body=body)
    assert read_raw(text, response=False, known=head.fields) == (head, body)


@pytest.mark.parametrize(
    ("text", "first", "fields"),
    [
        ("", ("", ""), ()),
        ("GET", ("GET", ""), ()),
        ("GET /", ("GET", "/"), ()),
        ("GET /a b HTTP/1.1", ("GET", "/a b"), ()),
        ("GET / HTTP/9.9\nno colon", ("GET", "/"), ((b"no colon", b""),)),
        ("\n\nbody", ("", ""), ()),
    ],
)
def test_what_is_half_typed_is_read_all_the_same(
    text: str, first: tuple[str, str], fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert read_raw(text, response=False)[0] == RawHead(first, fields)


def test_a_status_that_is_no_number_is_kept_as_it_was_typed() -> None:
    assert read_raw("HTTP/1.1 2xx Fine\n\n", response=True)[0].first == ("2xx", "Fine")
