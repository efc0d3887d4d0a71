"""Edited bodies and their codings."""

from __future__ import annotations

import gzip

import msgspec
import pytest

from soth_mitm.decode.coding import undo
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from soth_mitm.policy.editing.coded import content, recoded

_PLAIN = b'{"sku": "A-7", "qty": 3}'
_MOST = 1 << 20


def _coded(body: bytes | None, *encodings: bytes) -> ResponseDraft:
    fields = tuple((b"Content-Encoding", encoding) for encoding in encodings)
    return ResponseDraft(status=200, fields=fields, body=body)


def _stacked(encoding: bytes) -> ResponseDraft:
    plain = _coded(_PLAIN)
    made = recoded(plain, _coded(_PLAIN, encoding), _PLAIN, was=content(plain, most=_MOST))
    return ResponseDraft(status=200, fields=made.fields, body=made.body)


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"deflate", b"br", b"zstd", b"gzip, br"])
def test_an_edited_body_is_coded_again_as_it_was(encoding: bytes) -> None:
    original = _stacked(encoding)
    was = content(original, most=_MOST)
    assert was.data == _PLAIN
    made = recoded(original, original, _PLAIN + b"\n", was=was)
    assert made.fields == original.fields
    assert made.note == ""
    assert undo(made.body or b"", encoding, limit=_MOST).data == _PLAIN + b"\n"


def test_an_untouched_body_keeps_the_bytes_of_its_coding() -> None:
    original = _coded(gzip.compress(_PLAIN, 1, mtime=7), b"gzip")
    assert recoded(original, original, _PLAIN, was=content(original, most=_MOST)).body == original.body


def test_a_body_is_coded_as_the_edited_field_says() -> None:
    original = _coded(gzip.compress(_PLAIN), b"gzip")
    was = content(original, most=_MOST)
    assert recoded(original, _coded(b""), _PLAIN, was=was).body == _PLAIN
    brotli = recoded(original, _coded(b"", b"br"), _PLAIN, was=was).body
    assert undo(brotli or b"", b"br", limit=_MOST).data == _PLAIN


def test_a_coding_that_nobody_knows_here_goes_with_its_field() -> None:
    original = _coded(gzip.compress(_PLAIN), b"gzip")
    made = recoded(original, _coded(b"", b"compress"), b"new", was=content(original, most=_MOST))
    assert (made.body, made.fields) == (b"new", ())
    assert made.note == "Content-Encoding will go: 'compress' is not known here, and the body is sent uncoded"


def test_an_empty_body_has_no_coding() -> None:
    original = _coded(gzip.compress(_PLAIN), b"gzip")
    made = recoded(original, original, b"", was=content(original, most=_MOST))
    assert (made.body, made.fields) == (b"", ())


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (b"abc", b"compress", "content coding 'compress' is not known here"),
        (b"abc", b"gzip", "not gzip"),
        (gzip.compress(_PLAIN)[:-9], b"gzip", "the gzip data is cut off"),
        (gzip.compress(bytes(_MOST + 1)), b"gzip", "decoded it is larger than 1,048,576 bytes"),
    ],
    ids=["unknown", "other", "cut", "bomb"],
)
def test_a_body_that_cannot_be_decoded_is_edited_and_sent_as_it_is(
    body: bytes, encoding: bytes, why: str
) -> None:
    original = _coded(body, encoding)
    was = content(original, most=_MOST)
    assert why in was.why
    assert was.data == body
    made = recoded(original, original, b"other", was=was)
    assert (made.body, made.fields, made.note) == (b"other", original.fields, "")


def test_as_typed_leaves_body_and_fields() -> None:
    original = RequestDraft(
        scheme="https",
        host="a.test",
        port=443,
        method=b"POST",
        target=b"/",
        fields=((b"content-encoding", b"gzip"),),
        body=gzip.compress(_PLAIN),
    )
    was = content(original, most=_MOST)
    typed = msgspec.structs.replace(original, as_typed=True)
    assert recoded(original, typed, b"plain", was=was).body == b"plain"
    assert recoded(original, typed, _PLAIN, was=was).body == original.body


def test_a_body_that_streams_is_left_to_stream() -> None:
    original = _coded(None, b"gzip")
    assert recoded(original, original, b"", was=content(original, most=_MOST)).body is None
