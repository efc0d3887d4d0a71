"""Lines are found however the body is cut; blank ones are none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.ndjson import LineSplitter
from soth_mitm.proto.splitting import HELD
from tests.proto.splits import check_places, cuts, pieces_of, run


def lines(body: bytes) -> list[bytes]:
    found, code = run(LineSplitter, [body])
    assert not code
    check_places(found, body)
    return [payload for _, payload in found]


def test_a_line_is_a_message_and_a_blank_one_is_none() -> None:
    assert lines(b'{"a":1}\n\n  \r\n {"b":2} \r\n\r\n3\n') == [b'{"a":1}', b'{"b":2} ', b"3"]


def test_the_last_line_counts_without_a_line_end_once_the_body_has_ended() -> None:
    assert lines(b"1\n2") == [b"1", b"2"]
    assert [payload for _, payload in run(LineSplitter, [b"1\n2"], finish=False)[0]] == [b"1"]


def test_a_cr_within_a_line_stays() -> None:
    assert lines(b"a\rb\r\r\n") == [b"a\rb\r"]


def test_a_long_line_comes_in_parts_or_lies_in_the_body() -> None:
    body = b"x" * (3 * HELD + 5) + b"\r\n" + b"y\n"
    assert lines(body) == [b"x" * (3 * HELD + 5), b"y"]
    found, _ = run(lambda: LineSplitter(keep=False), [body[:1000], body[1000:]])
    assert [(item.offset, item.size, item.wire) for item, _ in found] == [
        (0, 3 * HELD + 5, 3 * HELD + 7),
        (3 * HELD + 7, 1, 2),
    ]


bodies = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b" ", b"a", b'{"a": 1}', b"\t"])).map(b"".join)


@given(bodies, cuts)
def test_any_body_gives_its_lines_however_it_is_cut(body: bytes, places: list[int]) -> None:
    whole = run(LineSplitter, [body])
    expected = [line.removesuffix(b"\r").lstrip(b" \t\r") for line in body.split(b"\n")]
    assert [payload for _, payload in whole[0]] == [line for line in expected if line]
    check_places(whole[0], body)
    assert run(LineSplitter, pieces_of(body, places)) == whole
    placed = run(lambda: LineSplitter(keep=False), pieces_of(body, places))[0]
    assert [(i.start, i.offset, i.size) for i, _ in placed] == [
        (i.start, i.offset, i.size) for i, _ in whole[0]
    ]
