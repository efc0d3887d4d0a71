"""What counts as a secret, and what of it stays readable."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soth_mitm.export import redact


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abc.def", "Bearer ***"),
        ("AUTHORIZATION", "abc", "***"),
        ("Proxy-Authorization", "Basic dXNlcjpwYXNz", "Basic ***"),
        ("Cookie", "sid=1234; theme=dark", "sid=***; theme=***"),
        ("Cookie", "bare", "***"),
        ("Set-Cookie", "sid=1234; Path=/; HttpOnly", "sid=***; Path=/; HttpOnly"),
        ("X-Api-Key", "k-123", "***"),
        ("x-goog-api-key", "k-123", "***"),
        ("X-Amz-Security-Token", "t", "***"),
        ("X-CSRF-Token", "t", "***"),
        ("Referer", "https://a.test/?access_token=t&x=1", "https://a.test/?access_token=***&x=1"),
        ("Location", "https://ada:pw@a.test/", "https://***@a.test/"),
        ("Mcp-Session-Id", "1868a90c-5f2e", "***"),
        ("api-key", "azure", "***"),
        (
            "Referer",
            "https://g.test/v1beta/models/m:generateContent?key=k-1",
            "https://g.test/v1beta/models/m:generateContent?key=***",
        ),
        (
            "Sec-WebSocket-Protocol",
            "realtime, openai-insecure-api-key.own-key, openai-beta.realtime-v1",
            "realtime, openai-insecure-api-key.***, openai-beta.realtime-v1",
        ),
        (
            "Sec-WebSocket-Protocol",
            "base64url.bearer.authorization.k8s.io.dG9rZW4, x",
            "base64url.bearer.authorization.k8s.io.***, x",
        ),
        ("Sec-WebSocket-Protocol", "graphql-transport-ws", "graphql-transport-ws"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Content-Type", "text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("Idempotency-Key", "42", "42"),
    ],
)
def test_a_field_keeps_what_is_no_secret(name: str, value: str, shown: str) -> None:
    assert redact.field(name, value) == shown


@pytest.mark.parametrize(
    "name",
    ["access_token", "api_key", "apiKey", "key", "sig", "signature", "password", "client_secret",
     "X-Amz-Signature", "access%5Ftoken", "id_token", "jwt", "ACCESS-TOKEN"],
)  # fmt: skip
def test_a_secret_parameter_is_masked_whatever_is_in_it(name: str) -> None:
    assert redact.url(f"/a?q=1&{name}=s3'cr;et&z=2") == f"/a?q=1&{name}=***&z=2"


@pytest.mark.parametrize(
    "name", ["page", "monkey", "keyboard", "page_token", "nextPageToken", "max_tokens", "design"]
)
def test_a_harmless_parameter_stays(name: str) -> None:
    assert redact.url(f"/a?{name}=value") == f"/a?{name}=value"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("curl -u ada:pw https://a.test/", "curl -u ada:*** https://a.test/"),
        ("curl --user=ada:pw -v", "curl --user=ada:*** -v"),
        ("curl -H Authorization: Bearer abc -v", "curl -H Authorization: Bearer *** -v"),
        ("curl -H x-api-key:abc", "curl -H x-api-key:***"),
        ("tool --api-key abc --verbose", "tool --api-key *** --verbose"),
        ("tool --password=abc", "tool --password=***"),
        ("curl https://ada:pw@a.test/?token=t", "curl https://***@a.test/?token=***"),
        ("node --token --verbose", "node --token --verbose"),
        ("python -m http.server 8000", "python -m http.server 8000"),
    ],
)
def test_a_command_line_keeps_what_is_no_secret(command: str, shown: str) -> None:
    assert redact.command(command) == shown


def test_a_form_is_masked_in_both_of_its_shapes() -> None:
    assert redact.body("user=ada&password=a b;c", "form") == "user=ada&password=***"
    assert redact.lines(["user = ada", "password = a = b"], "form") == ["user = ada", "password = ***"]


def test_members_of_json_are_masked_wherever_they_stand() -> None:
    source = 'data: {"access_token": "a\\"b", "n": 1, "password":"x", "note": "y"}'
    masked = 'data: {"access_token": "***", "n": 1, "password":"***", "note": "y"}'
    assert redact.body(source, "text") == masked
    assert redact.lines(['  "secret": "cut of'], "json") == ['  "secret": "***"']


BEGIN = "-----BEGIN RSA PRIVATE KEY-----"
END = "-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("source", "masked"),
    [
        (
            '{"client_secret": {"value": "hush", "expires_at": 1}}',
            '{"client_secret": {"value": "***", "expires_at": 1}}',
        ),
        ('{"key": {"other": "x"}, "a": {"value": "x"}}', '{"key": {"other": "x"}, "a": {"value": "x"}}'),
        ('{"value":"ek_68af296e8e408191a1120ab6383263c2"}', '{"value":"***"}'),
        (
            r'{"arguments":"{\"api_key\": \"hu\\\"sh\\n\", \"n\":\"y\"}"}',
            r'{"arguments":"{\"api_key\": \"***\", \"n\":\"y\"}"}',
        ),
        (
            r'{"arguments":"{\"password\":\"a\u0026b\\\\\",\"n\":\"y\"}"}',
            r'{"arguments":"{\"password\":\"***\",\"n\":\"y\"}"}',
        ),
        (r'{"a":"{\"password\":\"cut of"}', r'{"a":"{\"password\":\"cut of"}'),
        (
            "event: endpoint\ndata: /messages?sessionId=hush&x=1\n\n",
            "event: endpoint\ndata: /messages?sessionId=***&x=1\n\n",
        ),
        ('{"url": "https://g.test/v1?key=hush\\u0026x=1"}', '{"url": "https://g.test/v1?key=***\\u0026x=1"}'),
        ("let a = b ? c : d; e = f?g=1:2", "let a = b ? c : d; e = f?g=1:2"),
        (f"{BEGIN} cut off\n{BEGIN}\nDEK-Info: AES-128-CBC,0A--\n\nMII-\n{END} b", f"{BEGIN} cut off\n*** b"),
    ],
)
def test_secrets_of_models_and_of_mcp_are_masked_in_texts(source: str, masked: str) -> None:
    assert redact.body(source, "") == masked


def test_texts_that_begin_like_secrets_without_end_take_no_more_time_than_others() -> None:
    for text in ('\\"a\\":\\"' + "\\" * 1001 + "x", BEGIN * 10_000):
        assert redact.body(text, "") == text


def test_members_of_trees_and_parts_are_masked_by_their_names() -> None:
    tree = ['  password: "x",', "  api_key: h'00 01'  # 2 bytes", '  "token": 7,', '  note: "y"', "  key: {"]
    masked = ['  password: "***",', '  api_key: "***"', '  "token": "***",', '  note: "y"', "  key: {"]
    assert redact.lines(tree, "protobuf") == masked
    head = '● part 2 · name "password" · 3 bytes'
    parts = ['● part 1 · name "user"', "  ada", head, "  abc", "  d"]
    assert redact.lines(parts, "multipart") == ['● part 1 · name "user"', "  ada", head, "  ***", "  ***"]
    event = ["● event 1", '  "access_token": "x"']
    assert redact.lines(event, "sse") == ["● event 1", '  "access_token": "***"']
    address = ["● endpoint", "  /messages?session_id=abc"]
    assert redact.lines(address, "mcp") == ["● endpoint", "  /messages?session_id=***"]


@given(st.text(alphabet='"\\: =&?;#@/ab{}\n', max_size=200))
def test_no_text_makes_masking_raise(text: str) -> None:
    redact.url(text)
    redact.field("x", text)
    redact.body(text, "json")
    redact.body(text, "form")
    redact.lines(text.split("\n"), "protobuf")


@pytest.mark.parametrize("piece", ['"a', '"a":', '"\\', "?a", "?a=", "x://", "=", ";", '": "', " "])
def test_masking_takes_time_in_proportion_to_the_text(piece: str) -> None:
    def cost(size: int) -> float:
        text = piece * (size // len(piece))
        best = 9e9
        for _ in range(3):
            start = time.perf_counter()
            redact.url(text)
            redact.body(text, "json")
            best = min(best, time.perf_counter() - start)
        return best

    assert cost(160_000) < 40 * cost(10_000) + 0.05


pieces = st.sampled_from(
    [
        '"',
        ":",
        ",",
        " ",
        "\\",
        "k",
        "token",
        '"key"',
        "sk-",
        "a" * 20,
        "eyJ",
        "\t",
        "?",
        "=",
        "&",
        "{",
        '"value"',
        '\\"',
    ]
)


@given(st.lists(st.lists(pieces).map("".join)))
@example(['  "a\\"token": "v"', '"'])
@example(['"', '"token": "v"'])
@example(["sk-", "a" * 20])
def test_a_body_is_masked_as_each_of_its_lines_is(texts: list[str]) -> None:
    assert redact.lines(texts, "json") == [redact.body(text, "json") for text in texts]
