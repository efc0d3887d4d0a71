"""Whole streams with their secrets masked."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from soth_mitm.cli.demo import dialects
from soth_mitm.cli.demo.dialects import FIRST, WAYS
from soth_mitm.decode.llm.turns import answer_of
from soth_mitm.errors import ConfigError
from soth_mitm.export import redacting
from soth_mitm.export.masking import Masks, Rules, path_of, rules_of
from soth_mitm.export.redact import SHAPES
from soth_mitm.export.redacting import Redactor
from soth_mitm.model import events as e
from soth_mitm.proto import streams as kinds
from soth_mitm.proto.splitting import Found
from soth_mitm.record.viewfold import fold
from tests.helpers import streams
from tests.helpers.dumps import events_of, websocket, written
from tests.helpers.program import soth_mitm
from tests.helpers.streams import Stream

SECRET = "hush-hush"
PART = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
BEGUN = b'name="a"\r\n\r\n'
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"


def stream_of(*, kind: bytes, sent: bytes, coding: bytes = b"", answer: bytes = b'{"ok": 1}') -> Stream:
    """An upload with secrets in its head, and an answer with trailers."""
    stream = Stream()
    streams.begin(stream)
    pair = streams.connect(stream)
    secret = SECRET.encode()
    fields = b"Authorization: Bearer %b\r\nX-Api-Key:  %b\r\nCookie: sid=%b; a=%b\r\n" % (
        secret, secret, secret, secret,
    )  # fmt: skip
    fields += b"Content-Length: %d\r\n" % len(sent)
    path = b"/up?q=1&token=" + SECRET.encode()
    flow = streams.request(pair, method="POST", path=path, fields=fields, content_type=kind)
    streams.body(pair, flow, sent, direction=e.Direction.REQUEST)
    stream.add(e.RequestEnd(len(sent), len(sent)), conn=pair.conn, flow=flow)
    encoding = b"Content-Encoding: %b\r\n" % coding if coding else b""
    streams.response(pair, flow, fields=encoding + b"Content-Length: %d\r\n" % len(answer), encoding=coding)
    streams.body(pair, flow, answer)
    trailers = b"X-Token: %b\r\n" % SECRET.encode()
    stream.add(e.ResponseEnd(len(answer), len(answer), trailers), conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    streams.end(stream)
    return stream


def masked(stream: Stream, rules: Rules = Rules()) -> tuple[list[e.Event], Masks, Redactor]:  # noqa: B008
    """Return what a redactor makes of a stream."""
    masks = Masks(rules)
    redactor = Redactor(masks)
    out = [ready for event in stream.events for ready in redactor(event)]
    return [*out, *redactor.finish()], masks, redactor


def body_of(events: list[e.Event], direction: e.Direction) -> bytes:
    """Return a body."""
    bodies = (event.body for event in events)
    return b"".join(
        body.data for body in bodies if isinstance(body, e.BodyChunk) and body.direction == direction
    )


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        (b"application/json", b'{"password": "hush-hush", "n": [1]}', b'{"password": "***", "n": [1]}'),
        (b"application/x-www-form-urlencoded", b"a=1&token=hush-hush&b=2", b"a=1&token=***&b=2"),
        (b"multipart/form-data; boundary=x", PART + b"hush-hush\r\n--x--\r\n", PART + b"***\r\n--x--\r\n"),
        (b"multipart/form-data; boundary=x", PART + b"hush-hush\r\n-", PART + b"***"),
        (b"multipart/form-data; boundary=x", BEGUN * 20_000, BEGUN * 20_000),
        (b"text/plain", JWT.encode(), b"***"),
        (b"application/octet-stream", b"\xff\x00" + JWT.encode(), b"\xff\x00" + b"*" * len(JWT)),
        (b"application/octet-stream", b"\xff" * 100_000, b"\xff" * 100_000),
    ],
    ids=["json", "form", "multipart", "cut multipart", "endless multipart", "shape", "binary", "untouched"],
)  # fmt: skip
def test_secrets_leave_heads_bodies_and_trailers_and_lengths_fit(
    kind: bytes, sent: bytes, expected: bytes
) -> None:
    events, masks, redactor = masked(stream_of(kind=kind, sent=sent))
    assert SECRET.encode() not in repr(events).encode()
    assert body_of(events, e.Direction.REQUEST) == expected
    view = fold(events, 1)
    assert view.request is not None
    assert view.request.complete
    assert int(view.request.fields.get(b"content-length")) == view.request.body_bytes == len(expected)
    assert view.request.fields.get(b"authorization") == b"Bearer ***"
    assert view.request.path == b"/up?q=1&token=***"
    assert b"\r\nX-Api-Key:  ***\r\n" in view.request.raw
    assert masks.counts["field x-api-key"] == 1
    assert masks.counts["cookie sid"] == 1
    assert not redactor.left_out


def test_a_coded_body_is_looked_into_and_coded_anew() -> None:
    answer = gzip.compress(b'{"access_token": "hush-hush"}', mtime=0)
    events, _, _ = masked(stream_of(kind=b"text/plain", sent=b"x", coding=b"gzip", answer=answer))
    view = fold(events, 1)
    assert view.response is not None
    data = body_of(events, e.Direction.RESPONSE)
    assert gzip.decompress(data) == b'{"access_token": "***"}'
    assert int(view.response.fields.get(b"content-length")) == len(data) == view.response.body_bytes


def test_what_cannot_be_looked_through_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = gzip.compress(b"hush-hush" * 500, mtime=0)
    damaged = damaged[:20] + b"\xff\xff" + damaged[22:]
    events, _, redactor = masked(stream_of(kind=b"a/b", sent=b"x", coding=b"gzip", answer=damaged))
    assert (body_of(events, e.Direction.RESPONSE), redactor.left_out) == (b"", 1)
    monkeypatch.setattr(redacting, "HELD", 100_000)
    events, _, redactor = masked(stream_of(kind=b"text/plain", sent=b"x" * 200_000))
    assert (body_of(events, e.Direction.REQUEST), redactor.left_out) == (b"", 1)
    view = fold(events, 1)
    assert view.request is not None
    assert view.request.body_bytes == 200_000
    assert view.closed is not None


def test_nothing_to_mask_leaves_every_event_as_it_was() -> None:
    stream = Stream()
    streams.begin(stream)
    streams.https_exchange(stream)
    streams.told_sse(stream)
    streams.tunnel(stream)
    events, masks, _ = masked(stream)
    assert sorted(event.seq for event in events) == [event.seq for event in stream.events]
    assert {event.seq: event for event in events} == {event.seq: event for event in stream.events}
    assert not masks.counts


def test_messages_are_masked_wherever_their_payload_lies() -> None:
    stream = Stream()
    websocket(stream)
    streams.told_sse(stream)
    events, masks, _ = masked(stream, rules_of(patterns=["long", '"n": \\d']))
    seen = [event.body for event in events if isinstance(event.body, e.MessageSeen)]
    assert seen[2].size == 14_000 * len("*** ")
    assert all(b"long" not in body.data and b'"n": 1' not in body.data for body in seen)
    assert any(body.data.startswith(b"{***}") or b"***" in body.data for body in seen[5:])
    assert masks.counts["match of long"] == 14_000


KEY = "sk-ant-" + "a" * 40


@pytest.mark.parametrize("name", WAYS)
def test_a_key_in_an_event_of_any_dialect_is_masked_and_the_stream_stays_whole(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialects, "THOUGHT", f"The key is {KEY} so I look it up. ")
    way = WAYS[name]
    answer = b"".join(way.says(False))
    sent = json.dumps({"tools": [{"api_key": SECRET}], "messages": []}).encode()
    stream, kind = Stream(), way.kind.encode()
    pair = streams.connect(stream)
    flow = streams.request(
        pair, method="POST", path=b"/v1?key=" + SECRET.encode(), content_type=b"application/json",
    )  # fmt: skip
    streams.body(pair, flow, sent, direction=e.Direction.REQUEST)
    streams.response(pair, flow, content_type=kind)
    streams.body(pair, flow, answer)
    known = kinds.stream_of(kind, path=b"", streamed=True)
    assert known is not None
    splitter = kinds.splitter_of(known, kind, keep=True)
    found = [item for item in splitter.feed(answer) if isinstance(item, Found)]
    for number, item in enumerate(found, 1):
        seen = e.MessageSeen(e.Direction.RESPONSE, number, item.label, item.size, offset=item.offset)
        stream.add(seen, conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    events, masks, redactor = masked(stream)
    assert SECRET.encode() not in repr(events).encode()
    data = body_of(events, e.Direction.RESPONSE)
    talk = answer_of(way.path.encode(), data, kind)
    assert talk is not None
    assert "The key is *** so" in talk.blocks[0].text
    assert (talk.unknown, talk.usage.output, redactor.left_out) == ({}, FIRST.output, 0)
    assert masks.counts["key that begins with sk-"] >= 1
    packed = base64.b64encode(KEY.encode())[4:-6]
    assert all(KEY.encode() not in event.body.data for event in events if hasattr(event.body, "data"))
    assert packed not in data


def test_a_message_as_it_came_is_masked_as_well() -> None:
    stream = stream_of(kind=b"text/plain", sent=b"x")
    flow, up = stream.events[-1].flow + 1, e.Direction.REQUEST
    came = b"a long way " * 7000
    opened = e.FlowOpened(e.FlowKind.HTTP, "https", "talk.test", 443, stream.new_client())
    stream.add(opened, conn=1, flow=flow)
    for start in (0, 65536):
        piece = came[start : start + 65536]
        stream.add(e.OriginalMessage(up, 9, "text", len(came), start, piece), conn=1, flow=flow)
    stream.add(e.MessageSeen(up, 9, "text", 2, b"ok", origin="changed"), conn=1, flow=flow)
    events, _, _ = masked(stream, rules_of(patterns=["long"]))
    told = [event.body for event in events if isinstance(event.body, e.OriginalMessage)]
    assert b"".join(body.data for body in told) == came.replace(b"long", b"***")
    assert {body.size for body in told} == {len(came) - 7000}


def test_rules_of_ones_own_add_keep_and_replace() -> None:
    stream = stream_of(
        kind=b"application/json", sent=b'{"user": {"mail": ["a@b", 2]}, "password": "hush-hush"}'
    )
    rules = rules_of(paths=["$.user.mail[*]"], kept=["password", "x-api-key"], fields=["Host"])
    events, masks, _ = masked(stream, rules)
    assert body_of(events, e.Direction.REQUEST) == (
        b'{"user": {"mail": ["***", "***"]}, "password": "hush-hush"}'
    )
    assert masks.counts["JSON $.user.mail.*"] == 1
    assert masks.counts["field host"] == 2, "that of CONNECT too"
    assert b"X-Api-Key:  hush-hush" in repr(events).encode()
    events, masks, _ = masked(stream, rules_of(queries=["q"], defaults=False))
    assert list(masks.counts) == ["parameter q"]


@pytest.mark.parametrize("text", ["", "$", "a.b", "$.a[", "$.a[x]", "$a"])
def test_a_path_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no path"):
        path_of(text)


@pytest.mark.parametrize("text", ["(", "x*", "x{99999999999}"])
def test_a_pattern_that_is_wrong_or_matches_everywhere_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--match"):
        rules_of(patterns=[text])


EXAMPLES = {
    "AWS access key": "AKIA" + "Q" * 16,
    "GitHub token": "ghp_" + "a1" * 18,
    "GitLab token": "glpat-" + "x" * 20,
    "Slack token": "xoxb-" + "1" * 12,
    "Stripe key": "sk_live_" + "a" * 24,
    "key that begins with sk-": "sk-ant-" + "a" * 40,
    "Google API key": "AIza" + "b" * 35,
    "OpenAI ephemeral key": "ek_" + "5f" * 16,
    "npm token": "npm_" + "c" * 36,
    "PyPI token": "pypi-" + "d" * 60,
    "JSON web token": JWT,
    "private key": "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", SHAPES)
def test_keys_are_known_by_their_looks(name: str) -> None:
    masks = Masks()
    assert masks.body(f"before {EXAMPLES[name]} behind", "") == "before *** behind"
    assert masks.counts == {name: 1}
    assert masks.binary(EXAMPLES[name].encode()) == b"*" * len(EXAMPLES[name])


def test_the_command_writes_a_dump_that_says_what_was_masked(tmp_path: Path) -> None:
    dump = written(tmp_path / "in.soth", stream_of(kind=b"a/b", sent=b"x"))
    result = soth_mitm("redact", dump, tmp_path / "out.soth", home=tmp_path)
    assert (result.code, result.out) == (0, "")
    assert "masked " in result.err
    assert "field authorization" in result.err
    assert SECRET.encode() not in (tmp_path / "out.soth").read_bytes()
    notices = [event.body for event in events_of(tmp_path / "out.soth") if isinstance(event.body, e.Notice)]
    assert "1 of field x-api-key" in notices[-1].text
