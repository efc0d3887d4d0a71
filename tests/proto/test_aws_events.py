"""Messages of an AWS event stream are found however the body is cut, and no length is trusted."""

from __future__ import annotations

import struct
import zlib
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.aws_events import AwsSplitter, Header, changed, event, headers_of, message
from soth_mitm.proto.aws_prelude import LONGEST
from soth_mitm.proto.reframing import REFRAMING
from soth_mitm.proto.splitting import Found, SplitError
from tests.proto.splits import check_places, cuts, pieces_of, run

CORPUS = sorted((Path(__file__).parents[1] / "fuzz" / "corpora" / "aws_events").iterdir())

values = st.one_of(
    st.tuples(st.sampled_from([0, 1]), st.just(b"")),
    st.tuples(st.just(2), st.binary(min_size=1, max_size=1)),
    st.tuples(st.sampled_from([5, 8]), st.binary(min_size=8, max_size=8)),
    st.tuples(st.sampled_from([6, 7]), st.binary(max_size=40)),
)
headers = st.lists(
    st.tuples(st.binary(min_size=1, max_size=20), values).map(lambda each: Header(each[0], *each[1])),
    max_size=5,
)


@given(st.lists(st.tuples(headers, st.binary(max_size=80)), max_size=4), cuts)
def test_what_was_made_is_found_wherever_it_is_cut(
    said: list[tuple[list[Header], bytes]], places: list[int]
) -> None:
    body = b"".join(message(head, payload) for head, payload in said)
    whole, code = run(AwsSplitter, pieces_of(body, places))
    assert not code
    assert [payload for _, payload in whole] == [payload for _, payload in said]
    check_places(whole, body)
    lying, _ = run(partial(AwsSplitter, keep=False), pieces_of(body, places))
    assert [body[item.offset : item.offset + item.size] for item, _ in lying] == [each for _, each in said]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_no_cut_changes_what_is_found(path: Path) -> None:
    body = path.read_bytes()
    assert run(AwsSplitter, [body[at : at + 1] for at in range(len(body))]) == run(AwsSplitter, [body])


def test_a_long_payload_comes_in_parts_and_its_checksum_still_counts() -> None:
    body = event("chunk", bytes(200_000))
    found, code = run(AwsSplitter, [body[:70_001], body[70_001:]])
    assert not code
    assert [(item.label, item.in_parts, item.size) for item, _ in found] == [("chunk", True, 200_000)]
    wrong = bytearray(body)
    wrong[100_000] ^= 1
    ((damaged, _),), code = run(AwsSplitter, [bytes(wrong)])
    assert (damaged.damaged, damaged.note, code) == (True, "the checksum of the message is wrong", "")


@pytest.mark.parametrize(("total", "head"), [(15, 0), (100, 90)])
def test_lengths_that_cannot_be_are_a_wrong_prelude(total: int, head: int) -> None:
    prelude = struct.pack(">II", total, head)
    assert run(AwsSplitter, [prelude + zlib.crc32(prelude).to_bytes(4, "big")]) == ([], "bad_checksum")


@given(st.binary(max_size=60))
def test_headers_that_are_none_are_an_error_and_nothing_else(data: bytes) -> None:
    try:
        found = headers_of(data)
    except SplitError:
        return
    assert sum(len(header.name) + len(header.value) + 2 for header in found) <= len(data)


def test_a_changed_event_keeps_its_other_headers_and_gets_new_sums() -> None:
    own = Header(b"x-own", 7, b"1")
    raw = message([own, Header(b":event-type", 7, b"chunk"), Header(b":message-type", 7, b"event")], b"old")
    frames = REFRAMING[MessageForm.AWS]
    renamed = frames.changed(raw, b"new", label="other", note=None)
    body = changed(raw, b"new", label=None) + renamed + frames.new(b"own", label="mine", note="")
    found, code = run(AwsSplitter, [body])
    assert not code
    assert [(item.label, payload) for item, payload in found] == [
        ("chunk", b"new"), ("other", b"new"), ("mine", b"own"),
    ]  # fmt: skip
    assert own in headers_of(renamed[12 : 12 + struct.unpack_from(">I", renamed, 4)[0]])
    with pytest.raises(ValueError, match="at most"):
        frames.new(bytes(LONGEST), label="x", note="")


# --- what is damaged


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def told(body: bytes, places: list[int] | None = None) -> list[tuple[str, bytes, bool]]:
    found, code = run(AwsSplitter, pieces_of(body, places or []))
    assert not code
    check_places(found, body)
    return [(item.label, payload, item.damaged) for item, payload in found]


@given(cuts)
def test_a_message_with_a_wrong_sum_is_told_as_damaged_and_the_next_is_read(places: list[int]) -> None:
    first, second = event("chunk", b"one"), event("chunk", b"two")
    body = flipped(first, len(first) - 5) + second
    assert told(body, places) == [("damaged", b"ond", True), ("chunk", b"two", False)]


@given(cuts, st.integers(0, 11))
def test_behind_a_prelude_that_is_wrong_the_next_message_is_looked_for(places: list[int], bit: int) -> None:
    first, middle, last = (event("chunk", text) for text in (b"one", b"\x00" * 60, b"two"))
    body = first + flipped(middle, bit) + last + flipped(last, bit)
    found, code = run(AwsSplitter, pieces_of(body, places))
    assert not code
    assert [(item.label, item.damaged, item.size) for item, _ in found] == [
        ("chunk", False, 3), ("damaged", True, len(middle)),
        ("chunk", False, 3), ("damaged", True, len(last)),
    ]  # fmt: skip
    assert found[1][0].note == f"the checksum of a prelude is wrong: {len(middle):,} bytes are passed over"
    check_places(found, body)


@pytest.mark.parametrize(("total", "head"), [(LONGEST + 1, 0), (200_020, 200_000)])
def test_a_message_that_is_too_long_is_passed_over_and_nothing_of_it_is_kept(total: int, head: int) -> None:
    prelude = struct.pack(">II", total, head)
    prelude += zlib.crc32(prelude).to_bytes(4, "big")
    splitter = AwsSplitter()
    assert list(splitter.feed(prelude)) == []
    left, piece = total - len(prelude), bytes(1 << 20)
    while left > len(piece):
        assert list(splitter.feed(piece)) == []
        left -= len(piece)
    assert len(splitter._head) == len(prelude)
    long, short = splitter.feed(bytes(left) + event("chunk", b"two"))
    assert isinstance(long, Found)
    assert isinstance(short, Found)
    assert (long.damaged, long.size, long.end, short.data) == (True, total - 16, total, b"two")


def test_headers_that_cannot_be_read_are_damage() -> None:
    head = b"\x03abc\x63"
    begin = struct.pack(">II", 16 + len(head), len(head))
    begin += zlib.crc32(begin).to_bytes(4, "big") + head
    body = begin + zlib.crc32(begin).to_bytes(4, "big") + event("chunk", b"two")
    assert told(body) == [("damaged", b"", True), ("chunk", b"two", False)]


@pytest.mark.parametrize("body", [b'{"message": "no stream"}', b"x" * 100_000, bytes(100_000)])
def test_what_never_begins_with_a_message_is_no_stream_of_them(body: bytes) -> None:
    assert run(AwsSplitter, [body[:50_000], body[50_000:]]) == ([], "bad_checksum")
