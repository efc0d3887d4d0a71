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
from soth_mitm.proto.aws_events import LONGEST, AwsSplitter, Header, changed, event, headers_of, message
from soth_mitm.proto.reframing import REFRAMING
from soth_mitm.proto.splitting import SplitError
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
    assert run(AwsSplitter, [bytes(wrong)]) == ([], "bad_checksum")


@pytest.mark.parametrize(("total", "head"), [(15, 0), (LONGEST + 1, 0), (100, 90), (1_000_000, 200_000)])
def test_a_length_that_cannot_be_is_refused_before_anything_is_kept(total: int, head: int) -> None:
    prelude = struct.pack(">II", total, head)
    assert run(AwsSplitter, [prelude + zlib.crc32(prelude).to_bytes(4, "big")]) == ([], "bad_length")


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
