"""HAR out and in: sound by the schema, faithful in what it says, and read back as it was."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import haralyzer
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.errors import DumpError
from soth_mitm.export.har import bodies
from soth_mitm.export.har.splitting import Splitter
from soth_mitm.model import events as e
from tests.helpers import streams
from tests.helpers.dumps import byte_stream, convert, events_of, har_of, har_reader, websocket, written
from tests.helpers.streams import Stream

SCHEMA = json.loads(Path(__file__).with_name("har12.schema.json").read_bytes())
BINARY = bytes(range(256)) * 4
TEXT = "wört " * 900


def everything() -> Stream:
    """Return a stream of all that there is."""
    stream = Stream()
    streams.begin(stream)
    streams.everything(stream)
    websocket(stream)
    byte_stream(stream)
    pair = streams.connect(stream)
    coded(pair)
    streams.end(stream)
    return stream


def coded(pair: streams.Pair) -> None:
    """An upload of bytes, an answer in gzip with trailers, cookies on both sides."""
    stream = pair.stream
    fields = b"Cookie: a=1; sid=hush\r\nContent-Type: application/octet-stream\r\nContent-Length: 1024\r\n"
    flow = streams.request(pair, method="POST", path=b"/up?a=%20b&key=hush&c", fields=fields,
                           content_type=b"application/octet-stream")  # fmt: skip
    streams.body(pair, flow, BINARY, direction=e.Direction.REQUEST)
    stream.add(e.RequestEnd(1024, 1024), conn=pair.conn, flow=flow)
    fields = (
        b"Set-Cookie: sid=hush; Path=/; HttpOnly; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n"
        b"Content-Encoding: gzip\r\nLocation: /next\r\n"
    )
    streams.response(pair, flow, content_type=b"text/plain; charset=utf-8", fields=fields, encoding=b"gzip")
    packed = gzip.compress(TEXT.encode(), mtime=0)
    streams.body(pair, flow, packed)
    end = e.ResponseEnd(len(packed), len(packed) + 20, b"X-Sum: 12\r\n")
    stream.add(end, conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    stream.add(e.Annotated("!", "look here"), flow=flow)


def one(tmp_path: Path, *, masks: bool = False) -> dict[str, Any]:
    """Return the entry of `coded`."""
    stream = Stream()
    coded(streams.connect(stream))
    (entry,) = har_of(tmp_path, stream, masks=masks)["log"]["entries"]
    return dict(entry)


def test_whatever_was_recorded_makes_a_har_that_the_schema_and_others_take(tmp_path: Path) -> None:
    har = har_of(tmp_path, everything())
    jsonschema.validate(har, SCHEMA)
    assert har["log"]["comment"].startswith("5 flows that are no HTTP exchange")
    parser = haralyzer.HarParser(har)
    assert parser.version == "1.2"
    entries = [haralyzer.HarEntry(each) for each in har["log"]["entries"]]
    assert {each.request.method for each in entries} >= {"GET", "POST", "PUT"}
    upload = next(each for each in entries if "/up?" in each.request.url)
    assert (upload.response.status, upload.startTime.year) == (200, 2026)


def test_phases_add_up_to_the_time_and_the_connection_lies_before_the_request(tmp_path: Path) -> None:
    for entry in har_of(tmp_path, everything())["log"]["entries"]:
        timings = entry["timings"]
        phases = (timings[name] for name in ("blocked", "dns", "connect", "send", "wait", "receive"))
        assert sum(phase for phase in phases if phase > 0) == pytest.approx(entry["time"], abs=0.002)
        assert timings["ssl"] <= max(timings["connect"], -1)


def test_a_body_has_its_decoded_size_and_bytes_are_base64(tmp_path: Path) -> None:
    entry = one(tmp_path)
    content, data = entry["response"]["content"], entry["request"]["postData"]
    packed = entry["response"]["bodySize"]
    assert (content["size"], content["text"]) == (len(TEXT.encode()), TEXT)
    assert content["compression"] == len(TEXT.encode()) - packed > 0
    assert base64.b64decode(data["text"]) == BINARY
    assert data["_encoding"] == "base64"
    assert entry["response"]["_trailers"] == [{"name": "X-Sum", "value": "12"}]
    assert entry["request"]["queryString"] == [
        {"name": "a", "value": " b"}, {"name": "key", "value": "hush"}, {"name": "c", "value": ""}
    ]  # fmt: skip
    (cookie,) = entry["response"]["cookies"]
    assert cookie["expires"] == "2026-10-21T07:28:00+00:00"
    assert cookie["httpOnly"] is True
    assert entry["response"]["redirectURL"] == "/next"
    assert (entry["_mark"], entry["comment"]) == ("!", "look here")


def test_secrets_are_masked_and_the_file_says_so(tmp_path: Path) -> None:
    stream = Stream()
    coded(streams.connect(stream))
    har = har_of(tmp_path, stream, masks=True)
    assert "hush" not in json.dumps(har)
    assert "masked" in har["log"]["comment"]
    jsonschema.validate(har, SCHEMA)


def test_a_body_too_large_to_be_held_is_written_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = one(tmp_path)
    monkeypatch.setattr(bodies, "HELD", 100)
    (tmp_path / "pieces").mkdir()
    assert one(tmp_path / "pieces") == whole


def test_messages_of_a_websocket_are_those_of_chrome(tmp_path: Path) -> None:
    stream = Stream()
    websocket(stream)
    (entry,) = har_of(tmp_path, stream)["log"]["entries"]
    assert entry["_resourceType"] == "websocket"
    first, second, third, ping, close = entry["_webSocketMessages"]
    assert (first["type"], first["opcode"], first["data"]) == ("send", 1, "grüße")
    assert (second["type"], base64.b64decode(second["data"])) == ("receive", b"\x00\xff\x01")
    assert third["data"] == "long " * 14_000
    assert (ping["opcode"], close["opcode"], close["_note"]) == (9, 8, "1000")
    assert first["time"] < second["time"]


def test_a_har_read_back_and_written_again_is_the_same(tmp_path: Path) -> None:
    har = har_of(tmp_path, everything())
    outcome = convert(tmp_path / "dump.har", tmp_path / "back.soth", "soth")
    assert len(outcome.remarks) == 1, "the one host that no URL can hold"
    convert(tmp_path / "back.soth", tmp_path / "back.har", "har")
    back = json.loads((tmp_path / "back.har").read_bytes())["log"]["entries"]
    kept = [each for each in har["log"]["entries"] if "52;c" not in each["request"]["url"]]
    assert len(back) == len(kept)
    for before, after in zip(kept, back, strict=True):
        del before["request"]["headersSize"], after["request"]["headersSize"]  # absolute form is not told
        for member in ("request", "_webSocketMessages", "_mark", "comment"):
            assert after.get(member) == before.get(member)
        for name in ("status", "statusText", "headers", "cookies"):
            assert after["response"][name] == before["response"][name]
        assert after["response"]["content"].get("text") == before["response"]["content"].get("text")
        started = "startedDateTime"
        assert after[started][:22] == before[started][:22]
        assert after["time"] == pytest.approx(before["time"], abs=0.5)


@pytest.mark.parametrize(("suffix", "packing"), [("zhar", "zlib"), ("har.gz", "gzip")])
def test_compressed_hars_are_written_and_read(suffix: str, packing: str, tmp_path: Path) -> None:
    stream = Stream()
    coded(streams.connect(stream))
    dump = written(tmp_path / "dump.soth", stream)
    convert(dump, tmp_path / f"x.{suffix}", "har", packing=packing)
    assert convert(tmp_path / f"x.{suffix}", tmp_path / "back.soth", "soth").flows == 1
    heads = [event.body for event in events_of(tmp_path / "back.soth")]
    assert any(isinstance(body, e.RequestHead) and body.method == b"POST" for body in heads)


def test_entries_of_other_programs_are_read_with_whatever_they_leave_out() -> None:
    entries: list[object] = [
        {"request": {"url": "https://a.test/x"}, "response": {"status": 204}},
        {"request": {"url": "wss://[2001:db8::1]:8443/s", "method": "GET", "httpVersion": "h2",
                     "headers": [["name", "pair"], {"name": ":path", "value": "/s"}, 7]},
         "response": {"status": 200, "httpVersion": "http/2.0", "content": {"text": "é", "mimeType": "a/b"}},
         "startedDateTime": "2026-01-01T00:00:00Z", "time": 1.5, "timings": None},
        {"request": {"url": "http://b.test", "postData": {"params": [{"name": "q", "value": "1 2"}]}},
         "response": {"status": 0, "_error": "net::ERR"}},
    ]  # fmt: skip
    data = json.dumps({"log": {"pages": [{"entries": "no"}], "entries": entries}}).encode()
    reader = har_reader(b"\xef\xbb\xbf" + data)
    first, second, third = reader
    assert first.request is not None
    assert (first.request.method, first.request.target, first.port) == (b"GET", b"/x", 443)
    assert second.request is not None
    assert second.request.fields[:3] == [
        (b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"[2001:db8::1]:8443")
    ]  # fmt: skip
    assert second.response is not None
    assert second.response.body == "é".encode()
    assert second.response.ended_ns - second.started_ns == 1_500_000
    assert third.request is not None
    assert third.request.body == b"q=1+2"
    assert (third.response, third.reason, third.detail) == (None, "upstream_closed", "net::ERR")


def test_what_cannot_be_read_is_named_with_its_place() -> None:
    good = b'{"request":{"url":"http://a.test/"},"response":{"status":200}}'
    reader = har_reader(b'{"log":{"entries":[' + good + b',{"request":{}},{"request":"\xff"}, ' + good)
    assert len(list(reader)) == 2
    assert reader.bad == 2
    assert reader.remarks[0].startswith("entry 2 at offset 82 was passed over: no request")
    assert reader.remarks[-1] == "the file is cut off; all whole entries are here"
    for data in (b"", b"[]", b"nothing", b'{"log": {"entries": {}}}', b'"\\', b'{"a": "'):
        with pytest.raises(DumpError, match=r"test\.har"):
            list(har_reader(data))


class Dribbling(io.BytesIO):
    """Gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._size)


VALUES = st.recursive(
    st.one_of(st.text(), st.none(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=3), st.integers(1, 40))
def test_entries_come_apart_wherever_the_reads_fall(entries: list[object], size: int) -> None:
    data = json.dumps({"log": {"creator": {"entries": []}, "entries": entries, "comment": "}]"}}).encode()
    found = list(Splitter(Dribbling(data, size), "x"))
    assert [json.loads(each.data) for each in found] == entries
    for each in found:
        assert data[each.offset : each.offset + len(each.data)] == each.data
