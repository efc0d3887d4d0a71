"""A pasted curl command becomes the request that curl would send; what cannot be is said in words."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.export.curl import command
from soth_mitm.export.shell import quoted
from soth_mitm.model.fields import Fields
from soth_mitm.policy.composing import PasteError, from_curl
from soth_mitm.policy.composing.words import split
from soth_mitm.policy.editing.draft import RequestDraft
from soth_mitm.text import printable
from tests.export.sent import flow_of, request

BASH = shutil.which("bash") or ""


def draft(text: str) -> RequestDraft:
    return from_curl(text).draft


def test_what_curl_adds_by_itself_is_added_in_its_order() -> None:
    made = draft("curl -s 'http://user:p%40ss@api.test:81/a/../v1/./x?y=1#frag' -d a=1 -d 'b=2 3'")
    assert made == RequestDraft(
        scheme="http",
        host="api.test",
        port=81,
        method=b"POST",
        target=b"/v1/x?y=1",
        fields=(
            (b"Host", b"api.test:81"),
            (b"Authorization", b"Basic dXNlcjpwQHNz"),
            (b"User-Agent", b"curl/8.5.0"),
            (b"Accept", b"*/*"),
            (b"Content-Length", b"9"),
            (b"Content-Type", b"application/x-www-form-urlencoded"),
        ),
        body=b"a=1&b=2 3",
    )
    assert draft("curl https://a.test").version == "HTTP/2.0"


CHROME = r"""curl 'https://api.test/graphql' \
  -H 'accept: */*' \
  -H 'content-type: application/json' \
  -b 'sid=1; theme=dark' \
  -H 'user-agent: Mozilla/5.0 (X11)' \
  --data-raw $'{"q":"it\'s \u0021 \ud83d\ude00"}' \
  --compressed ;
curl 'https://second.test/'"""
FIREFOX = (
    "curl 'https://api.test/graphql' --compressed -X POST -H 'User-Agent: Mozilla/5.0' "
    "-H 'Accept: */*' -H 'Cookie: sid=1' --data-raw '{}'"
)
PROMPT = (
    'curl ^"https://api.test/p?a=1^&b=2^" ^\r\n  -H ^"accept: */*^" ^\r\n'
    '  -H ^"x-quote: say ^\\^"hi^\\^"^" ^\r\n  --data-raw ^"^{^\\^"a^\\^":1^}^"'
)


def test_what_chrome_copies_is_read() -> None:
    pasted = from_curl(CHROME)
    made = pasted.draft
    assert made.body == '{"q":"it\'s ! 😀"}'.encode()
    assert (made.method, made.scheme, made.port) == (b"POST", "https", 443)
    assert [name for name, _ in made.fields] == [
        b"Host", b"Accept-Encoding", b"Cookie", b"accept", b"content-type", b"user-agent", b"Content-Length",
    ]  # fmt: skip
    assert Fields(made.fields).get(b"cookie") == b"sid=1; theme=dark"
    assert pasted.notes == ("what comes after the command is left out: ;\\ncurl 'https://second.test/'",)


def test_what_firefox_copies_is_read() -> None:
    made = draft(FIREFOX)
    assert (made.method, made.body) == (b"POST", b"{}")
    assert Fields(made.fields).get(b"Accept-Encoding") == b"deflate, gzip, br, zstd"


def test_what_browsers_copy_for_the_windows_prompt_is_read() -> None:
    made = draft(PROMPT)
    assert made.target == b"/p?a=1&b=2"
    assert Fields(made.fields).get(b"x-quote") == b'say "hi"'
    assert made.body == b'{"a":1}'


def test_options_say_method_query_form_and_version() -> None:
    assert (
        draft("curl -G https://a.test/s?x=1 -d q=a --data-urlencode 'r=b c'").target == b"/s?x=1&q=a&r=b%20c"
    )
    assert draft("curl -I a.test").method == b"HEAD"
    assert draft("curl -XDELETE a.test/1").method == b"DELETE"
    assert draft("curl -0 a.test").version == "HTTP/1.0"
    assert draft("curl --http1.1 https://a.test").version == "HTTP/1.1"
    assert from_curl("curl --http2-prior-knowledge a.test").h2c
    made = draft("""curl a.test --json '{"a":' --json '1}'""")
    assert made.body == b'{"a":1}'
    assert (
        Fields(made.fields).get(b"Content-Type") == Fields(made.fields).get(b"Accept") == b"application/json"
    )
    made = draft('curl a.test -F \'a=1;type=text/x\' -F "b=\\"x;y\\"" --form-string c=@d')
    boundary = Fields(made.fields).get(b"content-type").partition(b"boundary=")[2]
    assert made.body == (
        b'--%b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/x\r\n\r\n1\r\n'
        b'--%b\r\nContent-Disposition: form-data; name="b"\r\n\r\nx;y\r\n'
        b'--%b\r\nContent-Disposition: form-data; name="c"\r\n\r\n@d\r\n--%b--\r\n'
    ) % ((boundary,) * 4)
    assert draft("curl a.test --request-target '*' -X OPTIONS").target == b"*"


def test_fields_are_replaced_removed_and_sent_empty() -> None:
    named = "-H 'Host: other.test' -H 'Accept:' -H 'X-Empty;' -H 'User-Agent: me' -A you"
    made = draft(f"curl a.test {named} -H 'x: 1' -H 'x: 2'")
    assert made.fields == (
        (b"Host", b"other.test"),
        (b"X-Empty", b""),
        (b"User-Agent", b"me"),
        (b"x", b"1"),
        (b"x", b"2"),
    )


def test_what_has_no_effect_here_is_said() -> None:
    notes = from_curl("curl -kLsS -x http://p:1 --resolve a:1:2 -o out a.test").notes
    assert [note.partition(":")[0] for note in notes] == ["-k", "-L", "-x", "--resolve"]


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "there is no command here"),
        ("wget http://a", 0, "begins with curl, not with wget"),
        ("curl", 0, "names no URL"),
        ("curl ftp://a.test", 5, "neither http nor https"),
        ("curl 'http://a b'", 5, "holds a blank"),
        ("curl http://a.test/{x,y}", 5, "several URLs"),
        ("curl http://a:b:c", 5, "names no server"),
        ("curl http://a http://b", 14, "a second URL"),
        ("curl http://a -d @body.json", 14, "-d sends what is in the file body.json"),
        ("curl http://a --data-binary @-", 14, "standard input"),
        ("curl http://a -F f=@x.png", 14, "the file x.png"),
        ("curl http://a -T x", 14, "the file x"),
        ("curl http://a -b jar.txt", 14, "the file jar.txt"),
        ("curl http://a -H 'no colon'", 14, "is no field"),
        ("curl http://a -H", 14, "-H needs a value"),
        ("curl http://a --heador x", 14, "did you mean --header?"),
        ("curl http://a -%", 14, "-% of curl is not known"),
        ("curl http://a -d 'open", 17, "is not closed"),
        ('curl http://a -d "open', 17, "is not closed"),
        ("curl http://a -d $'open", 17, "is not closed"),
        ('curl http://a -H "A: $TOKEN"', 21, "in place of $TOKEN"),
        ("curl http://a -H A:`id`", 19, "in place of `id`"),
        ("curl http://a -d x -F y=z", 0, "either -d or -F"),
    ],
)
def test_what_is_not_understood_is_an_error_that_says_where(text: str, position: int, words: str) -> None:
    with pytest.raises(PasteError) as caught:
        from_curl(text)
    assert words in str(caught.value)
    assert caught.value.position == position


def test_an_error_in_a_later_line_names_the_line() -> None:
    with pytest.raises(PasteError, match="line 2, column 3: the option -% of curl"):
        from_curl("curl http://a \\\n  -%")


@given(st.text(max_size=80) | st.text("curl -Hd'\"$\\^\n x:/@", max_size=60).map(lambda rest: f"curl {rest}"))
def test_whatever_is_pasted_is_read_or_refused_in_words(text: str) -> None:
    try:
        from_curl(text)
    except PasteError as error:
        refused = error
    else:
        return
    assert 0 <= refused.position <= len(text)
    assert printable(str(refused)) == str(refused)


anything = st.binary(max_size=60).map(lambda data: data.replace(b"\0", b""))


@given(st.lists(anything, min_size=1, max_size=8))
def test_what_our_quoting_writes_is_read_back(values: list[bytes]) -> None:
    words, rest = split("curl " + " \\\n  ".join(map(quoted, values)))
    assert [word.value for word in words[1:]] == values
    assert rest == ""


@pytest.mark.skipif(not BASH, reason="there is no bash to compare with")
@settings(max_examples=40, deadline=None)
@given(st.text("ab '\"\\x41\n\t$'", max_size=30))
def test_words_are_those_of_bash(text: str) -> None:
    script = f"set -o noglob; f() {{ printf '%s\\0' \"$@\"; }}\nf x{text}\n"
    done = subprocess.run([BASH, "-s"], input=script.encode(), capture_output=True, timeout=30)
    try:
        words, _ = split(f"f x{text}")
    except PasteError:
        return
    if not done.stderr:
        assert [word.value for word in words[1:]] == done.stdout.split(b"\0")[:-1]


TOKENS = st.text("abcXYZ-_", min_size=1, max_size=8).map(str.encode)
VALUES = st.binary(max_size=20).map(lambda data: bytes(b for b in data if b >= 0x20 and b != 0x7F).strip())
NAMES = TOKENS.map(lambda name: b"x-" + name)


@given(
    st.sampled_from([b"GET", b"POST", b"PUT", b"PATCH", b"QUERY"]),
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"")),
    st.text("abc/%?=&[]{}.~", max_size=20),
)
def test_what_we_copy_is_read_back_as_it_was(
    method: bytes, fields: list[tuple[bytes, bytes]], body: bytes, path: str
) -> None:
    target = b"/" + path.encode()
    length = ((b"Content-Length", b"%d" % len(body)),) if body else ()
    sent = request(*fields, *length, method=method, target=target)
    made = draft(command(flow_of(sent, body), body))
    assert (made.method, made.target, made.body) == (method, target, body)
    kept = [pair for pair in made.fields if pair[0] not in (b"Host", b"Content-Length")]
    assert kept == fields
