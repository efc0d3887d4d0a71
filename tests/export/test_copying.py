"""What the menu that copies offers, and what each entry gives."""

from __future__ import annotations

import gzip
import sys
import types
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.export import python, raw
from soth_mitm.export.copying import COPY_KINDS, Copied, copy_text, why_not
from soth_mitm.export.facts import CopyError
from soth_mitm.record.view import FlowView
from soth_mitm.record.viewfold import fold
from tests.export.sent import flow_of, request
from tests.helpers import streams
from tests.helpers.streams import HOSTILE, HOSTILE_BYTES

JSON = b'{"a":\t"\xc3\xbc"}\r\n'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-b: 2\r\nx-B: 1\r\n\r\n"


CLIENTS = ("requests", "httpie", "wget", "fetch")


def exchange(**changes: Any) -> FlowView:  # noqa: ANN401 - as many types as there are settings
    head = request((b"X-Thing", b"1"), method=b"POST", target=b"/v1?q=%20a")
    given_: dict[str, Any] = {"answer": ANSWER, "answer_body": JSON, "answer_type": b"application/json"}
    return flow_of(head, b"a=1&b=2", **(given_ | changes))


def copied(kind: str, flow: FlowView, **changes: Any) -> Copied:  # noqa: ANN401 - likewise
    return copy_text(kind, flow, **({"request_body": b"a=1&b=2", "response_body": JSON} | changes))


def tunnel() -> FlowView:
    stream = streams.Stream()
    flow = streams.tunnel(stream)
    return fold(stream.events, flow)


# --- the menu -------------------------------------------------------------------------------------


def test_keys_and_ids_of_the_menu_are_unique_and_explained() -> None:
    assert len({kind.id for kind in COPY_KINDS}) == len({kind.key for kind in COPY_KINDS}) == len(COPY_KINDS)
    assert "".join(kind.key for kind in COPY_KINDS) == "uchHbBrRpPiwfmv"
    assert all(kind.label and kind.explanation for kind in COPY_KINDS)


def test_every_entry_gives_something_for_an_exchange() -> None:
    for kind in COPY_KINDS:
        assert why_not(kind.id, exchange()) == ""
        given_ = copied(kind.id, exchange(), value="{}")
        assert given_.text
        assert given_.what


@pytest.mark.parametrize(
    "kind", [kind.id for kind in COPY_KINDS if kind.id not in ("json_value", "markdown", "url")]
)
def test_what_a_tunnel_does_not_have_is_refused_in_the_same_words_before_and_after(kind: str) -> None:
    flow = tunnel()
    said = why_not(kind, flow)
    assert said
    with pytest.raises(CopyError) as caught:
        copied(kind, flow)
    assert str(caught.value) == said


def test_of_a_tunnel_the_address_can_be_copied() -> None:
    assert copied("url", tunnel()).text == "pinned.test:443"
    assert copied("markdown", tunnel()).text.startswith("### pinned.test:443 → ")


def test_a_flow_without_an_answer_says_whether_one_may_come() -> None:
    flow = exchange(answer=b"")
    assert why_not("response_body", flow) == "flow 1 ended without a response"
    flow.closed = None
    assert why_not("response_raw", flow) == "flow 1 has no response yet"


def test_a_json_value_is_what_the_app_hands_over_made_safe() -> None:
    assert copied("json_value", exchange(), value='{"a": "\x1b]52;"}').text == '{"a": "\\x1b]52;"}'
    with pytest.raises(CopyError, match="no JSON value under the cursor"):
        copied("json_value", exchange())


@pytest.mark.parametrize("field", [b"Authorization", b"Cookie", b"X-Api-Key"])
def test_a_copy_says_that_it_holds_credentials(field: bytes) -> None:
    flow = flow_of(request((field, b"secret")))
    assert copied("curl", flow).what == "curl command, with credentials"
    assert "secret" in copied("curl", flow).text
    assert copied("url", flow).what == "URL"
    assert copied("url", flow_of(request(target=b"/?access_token=abc"))).what == "URL, with credentials"
    assert copied("response_headers", flow).what == "response headers"


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "http://api.test/v1?q=%20a"),
        ({"scheme": "https", "port": 443}, "https://api.test/v1?q=%20a"),
        ({"scheme": "https", "port": 8443}, "https://api.test:8443/v1?q=%20a"),
        ({"host": "::1"}, "http://[::1]/v1?q=%20a"),
        ({"path": b"*"}, "http://api.test"),
        ({"path": b'/\xff \x1b<"'}, "http://api.test/%FF%20%1B%3C%22"),
    ],
)
def test_a_url_is_what_a_browser_takes(changes: dict[str, Any], expected: str) -> None:
    assert copied("url", exchange(**changes)).text == expected


def test_headers_keep_their_order_and_case() -> None:
    assert copied("response_headers", exchange()).text == "Content-Type: application/json\nX-b: 2\nx-B: 1\n"


def test_a_body_is_decoded_text_with_its_tabs_and_lines() -> None:
    assert copied("response_body", exchange()).text == '{"a":\t"ü"}\n'
    coded = gzip.compress(JSON)
    flow = exchange(answer_body=coded, answer_coding=b"gzip")
    assert copied("response_body", flow, response_body=coded).text == '{"a":\t"ü"}\n'


def test_a_body_that_cannot_be_copied_says_why_and_what_to_do() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    flow = exchange(answer_body=picture, answer_type=b"image/png")
    with pytest.raises(CopyError, match=r"is no text \(image/png, 264 bytes\); save it to a file"):
        copied("response_body", flow, response_body=picture)
    bomb = gzip.compress(b"0" * (raw.COPIED_BODY + 1))
    with pytest.raises(CopyError, match=r"more than 262k bytes; save it to a file"):
        copied("response_body", exchange(answer_body=bomb, answer_coding=b"gzip"), response_body=bomb)
    with pytest.raises(CopyError, match="cannot be decoded"):
        copied("response_body", exchange(answer_coding=b"gzip"))
    with pytest.raises(CopyError, match="the request has no body"):
        copied("request_body", flow_of(request()), request_body=b"")


def test_a_raw_message_is_head_and_body_as_they_came() -> None:
    flow = exchange()
    assert flow.request is not None
    assert raw.message_bytes(flow.request, b"a=1&b=2") == flow.request.raw + b"a=1&b=2"
    assert copied("request_raw", flow).text == (
        "POST /v1?q=%20a HTTP/1.1\nHost: api.test\nX-Thing: 1\n\na=1&b=2"
    )


def test_the_markdown_summary_names_everything_once() -> None:
    flow = exchange()
    flow.annotation = flow.annotation._replace(comment="look *here*\nand there")
    assert copied("markdown", flow).text == (
        "### POST http://api.test/v1?q=%20a → 200 OK\n\n"
        "2026-01-01T00:00:05.000Z · 0.3ms · 7 sent, 13 received · client 127.0.0.1:4000 · "
        "ended: completed\n\n"
        "> look \\*here\\*\n> and there\n\n"
        "**Request**\n\n```http\nPOST /v1?q=%20a HTTP/1.1\nHost: api.test\nX-Thing: 1\n\na=1&b=2\n```\n\n"
        "**Response**\n\n```http\nHTTP/1.1 200 OK\nContent-Type: application/json\nX-b: 2\nx-B: 1\n\n"
        '{"a":\t"ü"}\n```\n'
    )


def test_a_fence_is_longer_than_any_within_and_long_bodies_are_cut() -> None:
    body = b"````\n" + b"x" * 5000
    text = copied("markdown", exchange(answer_body=body, answer_type=b"text/plain"), response_body=body).text
    assert text.count("\n`````") == 1 + text.count("`````http")
    assert "(cut after 4,000 characters of 5.0k bytes)" in text


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_copy_holds_what_a_terminal_acts_upon(body: bytes) -> None:
    body += HOSTILE_BYTES
    head = request((b"X", HOSTILE_BYTES.replace(b"\r", b"")), method=b"POST", target=b"/" + HOSTILE_BYTES)
    flow = flow_of(head, body, answer_body=body, host=HOSTILE)
    for kind in COPY_KINDS:
        try:
            text = copied(kind.id, flow, request_body=body, response_body=body, value=HOSTILE).text
        except CopyError as error:
            text = str(error)
        assert not [
            char for char in text if char not in "\n\t" and (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0)
        ]
        assert "\u202e" not in text


# --- Python ---------------------------------------------------------------------------------------


def run_snippet(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Run a program with an httpx that only remembers the request."""
    made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    fake = types.ModuleType("httpx")

    class Client:
        def __init__(self, **settings: object) -> None:
            assert settings.pop("follow_redirects") is False

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *error: object) -> None: ...

        def send(self, sent: object) -> types.SimpleNamespace:
            return types.SimpleNamespace(status_code=200, reason_phrase="OK", text="")

    fake.Request = lambda *words, **named: made.append((words, named))  # type: ignore[attr-defined]
    fake.Client = Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "httpx", fake)
    exec(compile(text, "snippet", "exec"), {})
    return made[0]


@pytest.mark.parametrize("body", [b"", b"\x00\xff'\"\\\n%s", "ü".encode(), bytes(range(256))])
def test_the_program_sends_the_very_bytes(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = ((b"X-Odd", b'"\xff'), (b"Connection", b"close"), (b"Content-Length", b"%d" % len(body)))
    flow = flow_of(request(*fields, method=b"POST", target=b"/a?b=c"), body)
    text = python.snippet(flow, body)
    assert text.isascii()
    words, named = run_snippet(text, monkeypatch)
    assert words == ("POST", "http://api.test/a?b=c")
    assert named["headers"] == [(b"X-Odd", b'"\xff')]
    assert named.get("content", b"") == body
    assert "extensions" not in named


def test_a_target_that_httpx_would_change_is_handed_over_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    _, named = run_snippet(python.snippet(flow_of(request(target=b"/a/../b<x>")), b""), monkeypatch)
    assert named["extensions"] == {"target": b"/a/../b<x>"}


def test_the_directions_of_the_menu_are_those_that_the_copies_need() -> None:
    for kind in COPY_KINDS:
        needs_request = kind.request_body
        if kind.id in ("request_body", "request_raw", "curl", "python", *CLIENTS):
            assert needs_request
            with pytest.raises(CopyError, match="0 of 7 bytes"):
                copied(kind.id, exchange(), request_body=b"")
        if kind.id in ("response_body", "response_raw"):
            assert kind.response_body
