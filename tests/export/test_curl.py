"""The curl command sends what was sent: a shell takes it apart again, and curl itself puts it on the wire."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.export.curl import INLINE_BODY, command
from soth_mitm.export.facts import CopyError
from soth_mitm.export.shell import quoted
from tests.export.sent import flow_of, request
from tests.helpers.streams import HOSTILE_BYTES

BASH = shutil.which("bash") or ""
CURL = shutil.which("curl") or ""
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
with_shell = pytest.mark.skipif(not BASH, reason="there is no bash to read the command with")
with_curl = pytest.mark.skipif(not (CURL and BASH), reason="there is no curl to run")


def words(text: str) -> list[bytes]:
    """Have a shell take a command apart; its name is shadowed by a function that prints what it got."""
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + text + "\n"
    done = subprocess.run([BASH, "-s"], input=script.encode(), capture_output=True, timeout=30, check=True)
    assert done.stderr == b""
    return done.stdout.split(b"\0")[:-1]


def values(arguments: list[bytes], option: bytes) -> list[bytes]:
    return [after for before, after in itertools.pairwise(arguments) if before == option]


# --- quoting --------------------------------------------------------------------------------------

anything = st.binary(max_size=200).map(lambda data: data.replace(b"\0", b""))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@with_shell
@settings(max_examples=60, deadline=None)
@given(st.lists(anything, min_size=1, max_size=20))
def test_a_shell_hands_on_the_very_bytes(given_words: list[bytes]) -> None:
    line = "curl " + " ".join(map(quoted, given_words))
    assert line.isprintable()
    assert words(line) == given_words


@pytest.mark.parametrize("shell", ["/bin/sh", "bash", "dash"])
def test_every_posix_shell_reads_what_is_plain_text(shell: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell}")
    text = 'a b"$HOME`id`\\ü;&|<>(){}[]*?~#'.encode()
    done = subprocess.run(
        [found, "-c", "printf %s " + quoted(text)], capture_output=True, timeout=30, check=True
    )
    assert done.stdout == text


def test_nul_fits_into_no_argument() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quoted(b"a\0b")


def test_nothing_is_left_to_the_history_of_an_interactive_shell() -> None:
    assert quoted(b"it's here!") == r"$'it\'s here\x21'"


@with_shell
@settings(max_examples=40, deadline=None)
@given(st.lists(texts, min_size=1, max_size=20))
def test_a_shell_hands_on_the_very_text(given_words: list[str]) -> None:
    line = "curl " + " ".join(quoted(word.encode()) for word in given_words)
    assert line.isprintable()
    assert words(line) == [word.encode() for word in given_words]


# --- what mitmproxy's export gets wrong -----------------------------------------------------------


@with_shell
def test_a_body_that_begins_with_an_at_sign_reads_no_file() -> None:
    flow = flow_of(request(FORM, (b"Content-Length", b"11"), method=b"POST"), b"@/etc/passwd"[:11])
    arguments = words(command(flow, b"@/etc/passwd"[:11]))
    assert values(arguments, b"--data-raw") == [b"@/etc/passw"]
    assert b"-d" not in arguments
    assert b"--data-binary" not in arguments


@with_shell
@pytest.mark.parametrize(
    "body",
    [
        b"a%sb%%c%n",
        b"line\nnext\r\n",
        b"\n",
        b"back\\slash\\n",
        b"quote'\"`$x",
        b"\xff\xfe\x01",
        "ü€😀".encode(),
    ],
)
def test_percent_signs_newlines_quotes_and_binary_bytes_arrive(body: bytes) -> None:
    flow = flow_of(request(FORM, method=b"POST"), body)
    assert values(words(command(flow, body)), b"--data-raw") == [body]


def test_binary_with_nul_is_refused_with_a_way_out_and_sent_from_a_file() -> None:
    flow = flow_of(request(FORM, method=b"POST"), b"a\0b")
    with pytest.raises(CopyError, match=r"holds NUL.*save it to a file"):
        command(flow, b"a\0b")
    assert "--data-binary '@/tmp/a b.bin'" in command(flow, b"", body_file="/tmp/a b.bin")


@pytest.mark.parametrize(
    ("version", "option"), [(b"HTTP/1.1", "--http1.1"), (b"HTTP/1.0", "--http1.0"), (b"HTTP/2", "--http2")]
)
def test_the_version_of_http_is_named(version: bytes, option: str) -> None:
    assert f"curl {option} " in command(flow_of(request(version=version)), b"")


def test_a_body_that_no_command_line_takes_is_refused_by_its_size() -> None:
    body = b"x" * (INLINE_BODY + 1)
    flow = flow_of(request(FORM, method=b"POST"), body)
    with pytest.raises(CopyError, match="32,769 bytes"):
        command(flow, body)


def test_a_body_that_was_not_recorded_whole_is_no_faithful_command() -> None:
    flow = flow_of(request(FORM, method=b"POST"), b"abc", captured=False)
    with pytest.raises(CopyError, match=r"0 of 3 bytes are there"):
        command(flow, b"")
    flow = flow_of(request(FORM, method=b"POST"), b"abc", complete=False, answer=b"")
    with pytest.raises(CopyError, match="has not ended"):
        command(flow, b"abc")


@with_shell
def test_fields_keep_order_and_case_and_those_of_the_connection_go() -> None:
    head = request(
        (b"x-Odd", b"1"),
        (b"Accept", b"*/*"),
        (b"X-ODD", b"2"),
        (b"Empty", b""),
        (b"Connection", b"keep-alive, X-Hop"),
        (b"X-Hop", b"y"),
        (b"Proxy-Connection", b"keep-alive"),
        (b"Transfer-Encoding", b"chunked"),
        (b"User-Agent", b"it's me"),
    )
    arguments = words(command(flow_of(head), b""))
    assert values(arguments, b"-H") == [
        b"x-Odd: 1",
        b"Accept: */*",
        b"X-ODD: 2",
        b"Empty;",
        b"User-Agent: it's me",
    ]


@with_shell
def test_what_curl_would_add_by_itself_is_switched_off() -> None:
    flow = flow_of(request(method=b"POST"), b"x")
    assert values(words(command(flow, b"x")), b"-H") == [
        b"User-Agent:",
        b"Accept:",
        b"Content-Type:",
        b"Expect:",
    ]


def test_a_host_field_that_names_another_host_is_kept() -> None:
    head = request().replace(b"Host: api.test", b"host: other.test:8080")
    assert "-H 'host: other.test:8080'" in command(flow_of(head), b"")
    assert "ost:" not in command(flow_of(request()), b"")


@pytest.mark.parametrize(
    ("value", "compressed"),
    [(b"gzip, deflate, br", True), (b"identity", False), (b"*", False), (b"gzip;q=0.5", True)],
)
def test_a_coded_answer_is_undone_where_one_was_asked_for(value: bytes, compressed: bool) -> None:
    text = command(flow_of(request((b"Accept-Encoding", value))), b"")
    assert ("--compressed" in text) == compressed
    assert "Accept-Encoding: " in text


def test_an_upgrade_stays_one() -> None:
    head = request((b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"websocket"))
    text = command(flow_of(head), b"")
    assert "-H 'Upgrade: websocket'" in text
    assert "-H 'Connection: keep-alive, Upgrade'" in text


@with_shell
@pytest.mark.parametrize(
    ("method", "length", "expected"),
    [
        (b"GET", None, []),
        (b"POST", b"0", [b"--data-raw", b""]),
        (b"POST", None, [b"-X", b"POST"]),
        (b"HEAD", None, [b"--head"]),
        (b"DELETE", None, [b"-X", b"DELETE"]),
        (b"GET", b"0", [b"-X", b"GET", b"--data-raw", b""]),
    ],
)
def test_the_method_is_named_where_curl_would_take_another(
    method: bytes, length: bytes | None, expected: list[bytes]
) -> None:
    fields = [(b"Content-Length", length)] if length else []
    arguments = words(command(flow_of(request(*fields, method=method)), b""))
    told = [each for each in arguments if each in (b"-X", b"--head", b"--data-raw", b"", method)]
    assert told == expected


def test_a_field_that_curl_would_read_a_file_for_is_refused() -> None:
    with pytest.raises(CopyError, match="named like a file"):
        command(flow_of(request((b"@/etc/passwd", b"x"))), b"")


def test_nul_in_a_field_is_refused() -> None:
    with pytest.raises(CopyError, match="holds NUL in its target or a field"):
        command(flow_of(request((b"X", b"a\0b"))), b"")


@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.binary(max_size=40))
def test_whatever_was_sent_the_command_prints(value: bytes, path: bytes) -> None:
    value, path = value.replace(b"\0", b""), path.replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b"")
    head = request((b"X", value + HOSTILE_BYTES.replace(b"\0", b"")), target=b"/" + path)
    text = command(flow_of(head, path=b"/" + path), b"")
    assert all(line.isprintable() for line in text.split("\n"))


# --- curl itself ----------------------------------------------------------------------------------


class Origin:
    """Takes one request off the wire and answers it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.got = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        conn, _ = self._listener.accept()
        with conn:
            conn.settimeout(20)
            while not self._whole():
                data = conn.recv(65536)
                if not data:
                    break
                self.got += data
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _whole(self) -> bool:
        head, end, body = self.got.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return bool(end) and len(body) >= (int(lengths[0].split(b":")[1]) if lengths else 0)

    def close(self) -> bytes:
        self._thread.join(20)
        self._listener.close()
        return self.got


@with_curl
@pytest.mark.parametrize(
    ("method", "target", "body", "by_file"),
    [
        (b"GET", b"/a/../b?q=[1]&x=%20", b"", False),
        (b"GET", b'/odd"{x}|^#frag', b"", False),
        (b"OPTIONS", b"*", b"", False),
        (b"HEAD", b"/", b"", False),
        (b"POST", b"/post", b"@not a file\r\n\xff\x01'\"!$", False),
        (b"PUT", b"/put", b"", False),
        (b"PATCH", b"/file", bytes(range(256)), True),
    ],
    ids=["dots", "odd target", "asterisk", "head", "post", "empty put", "from a file"],
)
def test_what_curl_sends_is_what_was_sent(
    method: bytes, target: bytes, body: bytes, by_file: bool, tmp_path: Path
) -> None:
    origin = Origin()
    length = [(b"Content-Length", str(len(body)).encode())] if body or method == b"PUT" else []
    fields = [(b"user-agent", b"odd/1.0"), (b"X-Thing", "ü".encode()), (b"Empty", b""), *length]
    head = request(*fields, method=method, target=target).replace(
        b"Host: api.test", b"Host: 127.0.0.1:%d" % origin.port
    )
    flow = flow_of(head, body, host="127.0.0.1", port=origin.port)
    file = tmp_path / "it's the body"
    file.write_bytes(body)
    text = command(flow, body, body_file=str(file) if by_file else "")
    done = subprocess.run(
        [BASH, "-s"],
        input=f"{text} -sS --noproxy '*' -q\n".encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    got = origin.close()
    assert (done.returncode, done.stderr) == (0, b"")
    got_head, _, got_body = got.partition(b"\r\n\r\n")
    sent_head = head.partition(b"\r\n\r\n")[0]
    assert got_head.split(b"\r\n")[0] == sent_head.split(b"\r\n")[0]
    assert sorted(got_head.split(b"\r\n")) == sorted(
        line.rstrip() if line == b"Empty: " else line for line in sent_head.split(b"\r\n")
    )
    assert got_body == body
