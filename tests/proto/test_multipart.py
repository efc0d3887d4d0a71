"""Parts are found however the body is cut, and as soon as they are whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.multipart import MOST_HEAD, PartSplitter, boundary_of
from soth_mitm.proto.splitting import HELD, SplitError
from tests.proto.splits import check_places, cuts, pieces_of, run

JPEG = bytes(range(256)) * 20


def parts(*pieces: bytes, boundary: bytes = b"frame") -> list[tuple[str, bytes]]:
    found, code = run(lambda: PartSplitter(boundary), pieces, finish=False)
    assert not code
    check_places(found, b"".join(pieces))
    return [(item.label, payload) for item, payload in found]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/x-mixed-replace; boundary=frame", b"frame"),
        (b'multipart/mixed; charset=utf-8;Boundary = "a b\\"c"; x=y', b'a b"c'),
        (b"multipart/mixed;boundary=--x", b"--x"),
        (b"multipart/mixed", b""),
        (b"multipart/mixed; boundary=" + b"x" * 999, b""),
    ],
)
def test_the_boundary_is_read_from_the_content_type(content_type: bytes, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


def test_a_part_is_what_stands_between_delimiters() -> None:
    body = (
        b"preamble\r\n--frame\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>1"
        b"\r\n--frame  \r\n\r\n2\n3\r\n"
        b"--frame\nX: y\n\n\n--frame--\r\nepilogue\r\n--frame\r\n\r\n4\r\n--frame--"
    )
    assert parts(body) == [("text/html", b"<p>1"), ("text/plain", b"2\n3"), ("text/plain", b"")]


def test_a_frame_with_a_length_is_there_before_the_next_begins() -> None:
    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(JPEG)
    splitter = PartSplitter(b"frame")
    assert len(list(splitter.feed(head + JPEG))) == 1
    assert [item.size for item in splitter.feed(b"\r\n" + head + JPEG[:100])] == []  # type: ignore[union-attr]
    assert splitter.begun == len(head) + len(JPEG)
    assert [item.size for item in splitter.feed(JPEG[100:] + head + JPEG)] == [len(JPEG)] * 2  # type: ignore[union-attr]


def test_a_boundary_given_with_its_hyphens_is_understood() -> None:
    assert parts(b"--x\r\n\r\n1\r\n--x\r\n\r\n2\r\n----x", boundary=b"--x") == [("text/plain", b"1")]
    assert parts(b"----x\r\n\r\n1\r\n----x\r\n", boundary=b"--x") == [("text/plain", b"1")]


def test_what_only_looks_like_a_delimiter_is_payload() -> None:
    assert parts(b"--frame\r\n\r\na--frame\r\n--frames\r\n--fram\r\n--frame--") == [
        ("text/plain", b"a--frame\r\n--frames\r\n--fram")
    ]


def test_a_long_part_comes_in_parts() -> None:
    long = b"y" * (2 * HELD + 9)
    assert parts(b"--frame\r\n\r\n" + long, b"\r\n--frame--") == [("text/plain", long)]


def test_a_head_without_end_is_refused() -> None:
    with pytest.raises(SplitError, match="part_head_too_long"):
        list(PartSplitter(b"x").feed(b"--x\r\n" + b"a" * MOST_HEAD))
    with pytest.raises(SplitError, match="part_head_too_long"):
        list(PartSplitter(b"x").feed(b"--x" + b" " * (MOST_HEAD + 1)))


def test_a_body_that_ends_inside_a_part_is_told() -> None:
    assert run(lambda: PartSplitter(b"x"), [b"--x\r\n\r\nabc"]) == ([], "part_cut")


tokens = st.sampled_from(
    [b"--x", b"\r\n", b"\n", b"\r", b"a", b"-", b" ", b"--x--", b"\r\n--x\r\n\r\n", b"Content-Length: 3\r\n"]
)


@given(st.lists(tokens, max_size=14).map(b"".join), cuts)
def test_any_body_gives_the_same_however_it_is_cut(body: bytes, places: list[int]) -> None:
    whole = run(lambda: PartSplitter(b"x"), [body])
    check_places(whole[0], body)
    assert run(lambda: PartSplitter(b"x"), pieces_of(body, places)) == whole
    assert run(lambda: PartSplitter(b"x"), [body[i : i + 1] for i in range(len(body))]) == whole
