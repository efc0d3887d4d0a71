"""What the sites of the demo answer, and what its script asks them."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from itertools import islice
from random import Random

import brotli  # type: ignore[import-untyped]
import pytest

from soth_mitm.cli.demo import content, media
from soth_mitm.cli.demo.client import Ask
from soth_mitm.cli.demo.message import Answer, Request
from soth_mitm.cli.demo.script import Turn, script


def get(host: str, target: str, **fields: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return content.answer(Request("GET", host, target, named))


def field(answer: Answer, name: str) -> str | None:
    return dict(answer.fields).get(name)


def deal(seed: int, count: int = 300) -> list[Turn]:
    return list(islice(script(Random(seed)), count))


def as_request(ask: Ask, turn: Turn) -> Request:
    fields = {name.lower(): value for name, value in (*turn.persona.fields, *ask.fields)}
    return Request(ask.method, ask.site.host, ask.path, fields, ask.body)


def test_the_same_seed_deals_the_same_turns_and_another_seed_others() -> None:
    assert deal(7) == deal(7)
    assert deal(7) != deal(8)


def test_the_script_stays_within_names_that_are_reserved_for_tests() -> None:
    hosts = {ask.site.host for turn in deal(1) for ask in turn.asks}
    assert hosts == {*content.SITES, content.EXPIRED, content.DOWN}
    assert all(host.endswith(".test") for host in hosts)


def test_the_first_deck_has_everything_that_any_later_one_has() -> None:
    def kinds(turns: list[Turn]) -> set[tuple[str, str]]:
        asks = (ask for turn in turns for ask in turn.asks)
        return {(ask.method, ask.site.host) for ask in asks if ask.site.host != content.LLM}

    first = deal(3, 43)  # conversations with models are dealt in turn, some in each
    assert kinds(first) == kinds(deal(3, 600))


def test_every_site_that_is_up_knows_what_it_is_asked() -> None:
    seen = set()
    for turn in deal(2):
        for ask in turn.asks:
            if ask.site.host in (content.EXPIRED, content.DOWN, content.BLOCKED):
                continue
            answer = content.answer(as_request(ask, turn))
            seen.add(answer.status)
            assert answer.status in (101, 200, 201, 202, 204, 206, 301, 304, 404, 500), ask
    assert seen == {101, 200, 201, 202, 204, 206, 301, 304, 404, 500}


def test_an_unknown_path_is_404_and_an_unknown_method_405() -> None:
    assert get(content.API, "/v2/products").status == 404
    assert get("other.test", "/v1/products").status == 404
    assert content.answer(Request("TRACE", content.API, "/v1/products", {})).status == 405


@pytest.mark.parametrize("page", ["1", "12", "nonsense", "-3"])
def test_every_page_of_products_is_json_with_names_of_many_scripts(page: str) -> None:
    listing = json.loads(get(content.API, f"/v1/products?page={page}").body)
    assert len(listing["items"]) == 24
    names = "".join(item["name"] for item in listing["items"])
    assert "抹茶" in names
    assert "🍵" in names


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [("gzip, deflate, br", "br"), ("gzip;q=0.8", "gzip"), ("identity", None), ("", None)],
)
def test_text_is_compressed_as_the_client_prefers(accepts: str, coding: str | None) -> None:
    plain = get(content.CDN, "/app.css").body
    answer = get(content.CDN, "/app.css", accept_encoding=accepts)
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert field(answer, "Content-Encoding") == coding
    assert unpack(answer.body) == plain


def test_a_file_that_the_client_has_is_not_sent_again() -> None:
    answer = get(content.CDN, "/app.js", if_none_match=media.tag_of("app.js"))
    assert (answer.status, answer.body) == (304, b"")
    assert field(answer, "ETag") == media.tag_of("app.js")


def test_a_part_of_a_file_is_that_part() -> None:
    whole = b"".join(get(content.CDN, "/catalogue.bin").pieces)
    part = get(content.CDN, "/catalogue.bin", range="bytes=100-299")
    assert len(whole) == media.LARGE_BYTES
    assert (part.status, part.body) == (206, whole[100:300])
    assert field(part, "Content-Range") == f"bytes 100-299/{len(whole)}"
    end = get(content.CDN, "/catalogue.bin", range=f"bytes={len(whole) - 10}-999999999")
    assert end.body == whole[-10:]
    beyond = get(content.CDN, "/catalogue.bin", range=f"bytes={len(whole)}-999999999")
    assert beyond.status == 416


def test_the_picture_is_a_png() -> None:
    data = media.picture(5, 3)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += length + 12
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", 5, 3, 8, 2, 0, 0, 0)
    assert len(zlib.decompress(chunks[b"IDAT"])) == 3 * (1 + 5 * 3)


def test_a_model_streams_its_text_an_event_each_100_ms_for_some_seconds() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "hello"}]}).encode()
    answer = content.answer(Request("POST", content.LLM, "/v1/messages", {}, body))
    events = [json.loads(piece.split(b"data: ", 1)[1]) for piece in answer.pieces]
    text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    assert len(text.split()) > 10
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    assert answer.gap == 0.1
    assert len(events) * answer.gap > 1


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages": []}', b'{"messages": [{}]}', b"\xff", b"3"])
def test_a_model_that_is_asked_nonsense_says_so(body: bytes) -> None:
    answer = content.answer(Request("POST", content.LLM, "/v1/messages", {}, body))
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["type"] == "invalid_request_error"


def test_lines_of_json_are_one_value_each() -> None:
    pieces = get(content.API, "/v1/stock").pieces
    assert [json.loads(piece)["seq"] for piece in pieces] == list(range(1, 26))
    assert all(piece.endswith(b"\n") and piece.count(b"\n") == 1 for piece in pieces)


def test_an_upload_comes_back() -> None:
    answer = content.answer(
        Request("PUT", content.API, "/v1/uploads/a.bin", {"content-type": "x/y"}, b"\0abc")
    )
    assert (answer.status, answer.body, field(answer, "Content-Type")) == (200, b"\0abc", "x/y")
