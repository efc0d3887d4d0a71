"""`soth-mitm replay` sends a dump's requests again, says how the answers differ, and exits accordingly."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from soth_mitm.cli import options
from soth_mitm.cli.replay import command
from soth_mitm.errors import ConfigError, DumpError
from tests.helpers.client import ask
from tests.helpers.origins import Answer, Origin
from tests.helpers.program import running, soth_mitm

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the program is stopped by signals of POSIX")


def answers(number: int, name: bytes) -> dict[str, Answer]:
    """Return what an origin says: an id that is another each time, and a name."""
    data = b'{"id": %d, "name": "%b", "access_token": "hush%d"}' % (number, name, number)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: %d\r\nX-Request-Id: %d\r\n" % (
        number,
        number,
    )
    return {
        "/item": Answer(head + b"Content-Length: %d\r\n\r\n" % len(data) + data),
        "/same": Answer(b"HTTP/1.1 204 No Content\r\n\r\n"),
        "/gone": Answer(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (200 if number == 1 else 404)),
    }


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record three exchanges and one that fails."""
    home = tmp_path_factory.mktemp("recorded")
    origin = Origin(answers(1, b"old"))
    path = home / "d.soth"
    with running("--dump", "-q", "-p", "0", "-w", str(path), home=home) as program:
        for where in ("/item", "/same", "/gone"):
            ask(program.port, origin.url(where), method="POST", body=b"sent")
        ask(program.port, "http://127.0.0.1:1/dead")
        assert program.end().code == 0
    origin.close()
    return path


@pytest.fixture
def changed() -> Iterator[Origin]:
    """Run the origin as it is later."""
    origin = Origin(answers(2, b"new"))
    yield origin
    origin.close()


def test_answers_are_compared_and_the_exit_code_says_whether_they_differ(
    dump: Path, changed: Origin, tmp_path: Path
) -> None:
    to = f"http://localhost:{changed.port}"
    result = soth_mitm("replay", dump, "!dead", "--to", to, "-w", tmp_path / "again.soth", home=tmp_path)
    assert (result.code, result.err) == (3, "")
    lines = result.out.splitlines()
    assert lines[0] == f"3 requests to {to}"
    assert lines[1].startswith("ignored fields: date, age, ")
    assert re.match(r"different    1 POST http://localhost:\d+/item · 200 · \S+ · 3 differences", lines[2])
    assert [line.strip() for line in lines[3:9]] == [
        "- $.id 1", "+ $.id 2", '- $.name "old"', '+ $.name "new"',
        "- $.access_token ***", "+ $.access_token ***",
    ]  # fmt: skip
    assert re.match(r"same         2 POST \S+/same · 204", lines[9])
    assert re.match(r"different    3 POST \S+/gone · 200 → 404", lines[10])
    assert lines[-1] == "1 same, 2 different"
    assert "\x1b" not in result.out
    again = soth_mitm("--dump", "-r", tmp_path / "again.soth", "--format", "jsonl", home=tmp_path)
    flows = [json.loads(line) for line in again.out.splitlines()]
    assert [(flow["status"], flow["request_bytes"], flow["process"]) for flow in flows] == [
        (200, 4, "soth-mitm"),
        (204, 4, "soth-mitm"),
        (404, 4, "soth-mitm"),
    ]


def test_what_rules_ignore_is_no_difference_and_times_send_it_so_often(
    dump: Path, changed: Origin, tmp_path: Path
) -> None:
    result = soth_mitm(
        "replay", dump, "path:/item body:old", "--to", f"http://localhost:{changed.port}", "--json",
        "--times", "3", "--concurrency", "2", "--ignore", "json:$.id", "--ignore-like", "old|new",
        "--ignore", "json:$.access_token", home=tmp_path,
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    *found, counts = map(json.loads, result.out.splitlines())
    assert [(each["outcome"], each["time"], each["status"]) for each in found] == [
        ("same", number, [200, 200]) for number in (1, 2, 3)
    ]
    assert {line["at"] for line in found[0]["lines"]} >= {"Date", "$.id", "$.name", "$.access_token"}
    assert counts["counts"] == {"same": 3, "different": 0, "failed": 0, "skipped": 0}


def test_a_server_that_does_not_answer_has_an_exit_code_of_its_own(dump: Path, tmp_path: Path) -> None:
    result = soth_mitm("replay", dump, "--to", "http://127.0.0.1:1", home=tmp_path)
    assert result.code == 4
    assert "failed       1 POST" in result.out
    assert "Nothing listens at 127.0.0.1:1" in result.out
    assert re.search(r"same         4 GET http://127\.0\.0\.1:1/dead, as it did before", result.out)
    assert result.out.endswith("1 same, 3 without an answer\n")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["status:abc"], ConfigError, "status:abc"),
        (["--to", "ftp://x"], ConfigError, "neither http nor https"),
        (["--ignore", "date"], ConfigError, "is no rule"),
        (["--ignore-like", "("], ConfigError, "is none"),
        (["path:/nowhere"], DumpError, "no request to send that matches 'path:/nowhere'"),
        (["-w", "-"], ConfigError, "standard output"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    dump: Path, tmp_path: Path, arguments: list[str], error: type[Exception], words: str
) -> None:
    parsed = options.parse(["replay", str(dump), *arguments, "--confdir", str(tmp_path)])
    with pytest.raises(error, match=words):
        command(parsed)


def test_the_dump_itself_is_never_written_to(dump: Path, tmp_path: Path) -> None:
    before = dump.read_bytes()
    parsed = options.parse(["replay", str(dump), "-w", str(dump), "--overwrite", "--confdir", str(tmp_path)])
    with pytest.raises(ConfigError, match="is the dump that is replayed"):
        command(parsed)
    assert dump.read_bytes() == before
    with pytest.raises(DumpError, match="give a file"):
        command(options.parse(["replay", "-", "--confdir", str(tmp_path)]))
