"""Messages of gRPC, gRPC-Web and Connect are found however the body is cut, and none is trusted."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.grpc import GrpcSplitter, WebTextSplitter
from soth_mitm.proto.splitting import HELD, Found, Splitter
from tests.proto.splits import check_places, cuts, pieces_of, run

CORPUS = sorted((Path(__file__).parent / "corpora" / "grpc").iterdir())


def frame(payload: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(payload)) + payload


class Gunzip:
    """A decompressor as the tap would give one."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            yield self._inflater.decompress(data)
        except zlib.error as error:
            raise ProtocolError("coding_damaged", str(error)) from None


def messages(body: bytes) -> list[tuple[str, bytes]]:
    found, code = run(GrpcSplitter, [body])
    assert not code
    check_places(found, body)
    return [(item.label, payload) for item, payload in found]


def test_a_message_is_a_prefix_and_its_payload_empty_or_not() -> None:
    assert messages(frame(b"ab") + frame(b"") + frame(b"c")) == [
        ("message", b"ab"),
        ("message", b""),
        ("message", b"c"),
    ]


def test_a_message_larger_than_what_is_kept_comes_in_parts_or_lies_in_the_body() -> None:
    payload = bytes(range(256)) * 1000
    body = frame(payload) + frame(b"x")
    assert messages(body) == [("message", payload), ("message", b"x")]
    found, _ = run(lambda: GrpcSplitter(keep=False), [body[:70_000], body[70_000:]])
    assert [(item.offset, item.size, item.wire, item.data) for item, _ in found] == [
        (5, 256_000, 256_005, b""),
        (256_010, 1, 6, b""),
    ]


def test_a_compressed_message_is_told_decompressed() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(bytes(200_000)) + packer.flush()
    body = frame(packed, 1) + frame(b"plain")
    found, _ = run(lambda: GrpcSplitter(decompressor=Gunzip), [body])
    (packed_one, payload), (plain, _) = found
    assert (packed_one.compressed, packed_one.size, packed_one.offset, payload) == (
        True,
        200_000,
        -1,
        bytes(200_000),
    )
    assert packed_one.wire == 5 + len(packed)
    assert (plain.compressed, plain.offset) == (False, 10 + len(packed))


def test_a_compressed_message_of_an_unknown_kind_is_told_as_it_is() -> None:
    (item, payload), = run(GrpcSplitter, [frame(b"\x00\x01", 1)])[0]  # fmt: skip
    assert (item.compressed, item.offset, payload) == (True, 5, b"\x00\x01")


@pytest.mark.parametrize("flag", [2, 3, 4, 0x80, 0x81, 0xFF])
def test_a_flag_that_means_nothing_ends_it(flag: int) -> None:
    found, code = run(GrpcSplitter, [frame(b"x") + frame(b"y", flag) + frame(b"z")])
    assert ([payload for _, payload in found], code) == ([b"x"], "invalid_flag")


def test_a_body_that_ends_inside_a_message_says_where() -> None:
    assert run(GrpcSplitter, [frame(b"abc")[:4]]) == ([], "truncated_prefix")
    assert run(GrpcSplitter, [frame(b"abc")[:7]]) == ([], "truncated_message")


def test_the_trailers_of_grpc_web_are_the_last_frame() -> None:
    body = frame(b"ab") + frame(b"grpc-status: 5\r\ngrpc-message:no%20such%20order\r\n", 0x80)
    found, code = run(lambda: GrpcSplitter(keep=False, web=True), [body])
    assert ([item.label for item, _ in found], code) == (["message", "trailers"], "")
    assert found[1][0].note == "5 no such order"


def test_the_text_form_of_grpc_web_is_base64_in_chunks_padded_each_on_its_own() -> None:
    body = b"".join(
        map(base64.b64encode, (frame(b"a"), frame(b"bb")[:3], frame(b"bb")[3:], frame(b"", 0x80)))
    )
    found, code = run(lambda: WebTextSplitter(GrpcSplitter(web=True)), [body[:5] + b"\r\n" + body[5:]])
    assert ([(item.label, payload) for item, payload in found], code) == (
        [("message", b"a"), ("message", b"bb"), ("trailers", b"")],
        "",
    )
    assert all(item.offset == -1 for item, _ in found)


@pytest.mark.parametrize(
    ("body", "code"), [(b"AAA*", "bad_base64"), (b"A=AA", "bad_base64"), (b"AAAAAA", "truncated_base64")]
)
def test_text_that_is_not_base64_ends_it(body: bytes, code: str) -> None:
    assert run(lambda: WebTextSplitter(GrpcSplitter(web=True)), [body]) == ([], code)


def test_a_connect_stream_ends_with_a_frame_of_its_own() -> None:
    found, code = run(lambda: GrpcSplitter(connect=True), [frame(b"{}") + frame(b'{"error":{}}', 2)])
    assert ([item.label for item, _ in found], code) == (["message", "end"], "")


def test_a_length_of_four_gigabytes_costs_nothing() -> None:
    splitter = GrpcSplitter()
    items = list(splitter.feed(struct.pack(">BI", 0, 0xFFFF_FFFF) + b"x" * (HELD + 1)))
    assert len(items) == 1
    assert not isinstance(items[0], Found)


SPLITTERS = {
    "grpc": GrpcSplitter,
    "placed": lambda: GrpcSplitter(keep=False),
    "web": lambda: GrpcSplitter(web=True, connect=True),
    "text": lambda: WebTextSplitter(GrpcSplitter(web=True)),
}
makers = pytest.mark.parametrize("make", SPLITTERS.values(), ids=SPLITTERS)
frames = st.builds(frame, st.binary(max_size=20), st.sampled_from([0, 0, 0, 1, 2, 0x80, 0x81, 3]))
bodies = st.one_of(st.lists(frames, max_size=6).map(b"".join), st.binary(max_size=40))


@makers
@given(bodies, cuts)
def test_any_body_gives_the_same_however_it_is_cut(
    make: type[Splitter], body: bytes, places: list[int]
) -> None:
    if make is SPLITTERS["text"]:
        body = base64.b64encode(body[: len(body) // 2]) + base64.b64encode(body[len(body) // 2 :])
    whole = run(make, [body])
    check_places(whole[0], body, framed=make is not SPLITTERS["text"])
    assert run(make, pieces_of(body, places)) == whole
    assert run(make, [body[i : i + 1] for i in range(len(body))]) == whole


@makers
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_kept_corpus_gives_the_same_however_it_is_cut(path: Path, make: type[Splitter]) -> None:
    body = path.read_bytes()
    whole = run(make, [body])
    for step in (1, 2, 7):
        assert run(make, [body[i : i + step] for i in range(0, len(body), step)]) == whole
