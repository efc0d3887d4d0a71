"""`--dump`: what is printed of live traffic, what is recorded, and that reading back prints the same."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import TEXT
from tests.helpers.client import ask
from tests.helpers.origins import HOST, Origin
from tests.helpers.program import DEADLINE, PROGRAM, running, soth_mitm, surroundings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the program is stopped by signals of POSIX")


def test_a_flow_is_a_line_of_time_status_method_url_size_and_duration(origin: Origin, home: Path) -> None:
    with running("--dump", "-p", "0", home=home) as program:
        assert ask(program.port, origin.url("/ok?q=1")) == (200, b"ok")
        assert ask(program.port, origin.url("/other"), method="DELETE").status == 404
        result = program.end()
    assert result.code == 0
    url = re.escape(f"http://{HOST}:{origin.port}")
    first, second = result.out.splitlines()
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  200  GET      {url}/ok\?q=1  2  [0-9.]+m?s", first)
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  404  DELETE   {url}/other  4  [0-9.]+m?s", second)
    said, summary = result.err.splitlines()
    assert said.startswith("soth-mitm: listening on http://127.0.0.1:")
    assert summary == "soth-mitm: 2 flows, 1 with a status of 400 or above, 6 received"


def test_a_failed_flow_says_what_failed_and_what_to_do(nobody: str, home: Path) -> None:
    with running("--dump", "-p", "0", home=home) as program:
        answer = ask(program.port, nobody)
        assert answer.status == 502
        line = program.wait_for(r"^.*\n")[0]
        program.end()
    assert f"  502  GET      {nobody}" in line
    assert "refused" in line
    assert "answered here" in line
    assert b"refused" in answer.body


def test_v_adds_heads_and_vv_adds_decoded_bodies(origin: Origin, home: Path) -> None:
    outputs = []
    for options in ([], ["-v"], ["-vv"]):
        with running("--dump", "-p", "0", *options, home=home) as program:
            ask(program.port, origin.url("/gzip"), method="POST", body=b"sent words", fields={"X-Mine": "a"})
            outputs.append(program.end().out)
    plain, heads, bodies = outputs
    assert "X-Mine" not in plain
    for shown in ("X-Mine: a", "Content-Encoding: gzip", "> POST http://", "< HTTP/1.1 200 OK"):
        assert shown in heads
        assert shown in bodies
    for shown in ("sent words", TEXT[:60].decode()):
        assert shown not in heads
        assert shown in bodies


def test_jsonl_is_an_object_a_line_with_more_by_v(origin: Origin, home: Path) -> None:
    records = []
    for options in ([], ["-v"], ["-vv"]):
        with running("--dump", "-p", "0", "--format", "jsonl", *options, home=home) as program:
            ask(program.port, origin.url("/gzip"))
            (line,) = program.end().out.splitlines()
            records.append(json.loads(line))
    for record in records:
        assert (record["status"], record["method"], record["reason"]) == (200, "GET", "completed")
        assert record["url"] == origin.url("/gzip")
    assert "response" not in records[0]
    assert ["Content-Encoding", "gzip"] in records[1]["response"]["fields"]
    assert "body" not in records[1]["response"]
    assert records[2]["response"]["body"] == {"encoding": "gzip", "truncated": False, "text": TEXT.decode()}


def test_count_ends_the_program_after_so_many_flows(origin: Origin, home: Path) -> None:
    with running("--dump", "-p", "0", "--count", "2", home=home) as program:
        for _ in range(2):
            assert ask(program.port, origin.url("/ok")).status == 200
        result = program.ended()
    assert result.code == 0
    assert result.out.count("\n") == 2


def test_a_filter_chooses_what_is_printed_and_not_what_is_recorded(origin: Origin, home: Path) -> None:
    path = home / "all.soth"
    with running("--dump", "-p", "0", "--filter", "ok !q=2", "-w", path, home=home) as program:
        for target in ("/ok?q=1", "/ok?q=2", "/other"):
            ask(program.port, origin.url(target))
        result = program.end()
    (line,) = result.out.splitlines()
    assert "/ok?q=1" in line
    assert soth_mitm("--dump", "-r", path, home=home).out.count("\n") == 3
    assert soth_mitm("--dump", "-r", path, "--filter", "ok !q=2", home=home).out == result.out
    assert soth_mitm("--dump", "-r", path, "--count", "2", home=home).out.count("\n") == 2


def test_quiet_prints_no_flow(origin: Origin, nobody: str, home: Path) -> None:
    with running("--dump", "-q", "-p", "0", home=home) as program:
        ask(program.port, origin.url("/ok"))
        ask(program.port, nobody)
        result = program.end()
    assert (result.code, result.out) == (0, "")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("options", [["-vv"], ["--format", "jsonl"]], ids=" ".join)
def test_a_recording_prints_the_lines_that_were_printed_live(
    options: list[str], origin: Origin, nobody: str, home: Path
) -> None:
    path = home / "all.soth"
    with running("--dump", "-p", "0", "-w", path, *options, home=home) as program:
        for target in ("/ok", "/other", "/secret", "/gzip", "/large"):
            ask(program.port, origin.url(target), fields={"Authorization": "Bearer hush"})
        ask(program.port, nobody)
        live = program.end()
    assert live.code == 0
    again = soth_mitm("--dump", "-r", path, *options, home=home)
    assert again == (0, live.out, "")
    if "-vv" in options:
        assert soth_mitm("tui", "--dump", path, *options, home=home) == again
    else:
        assert soth_mitm("--dump", "-r", "-", *options, home=home, stdin=path.read_bytes()) == again


def test_secrets_are_masked_in_what_is_printed_and_kept_in_the_recording(origin: Origin, home: Path) -> None:
    path = home / "all.soth"
    with running("--dump", "-vv", "-p", "0", "-w", path, home=home) as program:
        ask(program.port, origin.url("/secret?api_key=hush2"), fields={"Authorization": "Bearer hush3"})
        live = program.end().out
    assert "hush" not in live
    assert live.count("***") >= 4
    told = soth_mitm("--dump", "-r", path, "-vv", "--no-redact", home=home).out
    for secret in ("hush1", "hush2", "Bearer hush3", "sid=hush"):
        assert secret in told


def test_a_recording_can_be_piped_from_one_program_into_another_while_it_runs(
    origin: Origin, home: Path
) -> None:
    read, write = os.pipe()
    environment = surroundings(home)
    with (
        subprocess.Popen(
            [*PROGRAM, "--dump", "-q", "-p", "0", "-w", "-"],
            stdout=write, stderr=subprocess.PIPE, env=environment,
        ) as writer,
        subprocess.Popen(
            [*PROGRAM, "--dump", "-r", "-"], stdin=read, stdout=subprocess.PIPE, env=environment
        ) as reader,
    ):  # fmt: skip
        os.close(read)
        os.close(write)
        assert writer.stderr is not None
        assert reader.stdout is not None
        port = re.search(rb"http://127\.0\.0\.1:([0-9]+)", writer.stderr.readline())
        assert port is not None
        ask(int(port[1]), origin.url("/ok?first"))
        # The line is there before the recording has ended.
        assert b"/ok?first" in reader.stdout.readline()
        ask(int(port[1]), origin.url("/ok?second"))
        writer.send_signal(signal.SIGTERM)
        assert b"/ok?second" in reader.stdout.readline()
        assert reader.stdout.read() == b""
        assert writer.wait(DEADLINE) == 0
        assert reader.wait(DEADLINE) == 0
        assert writer.stderr.read() == b""


def test_append_goes_on_with_a_recording_and_overwrite_begins_anew(origin: Origin, home: Path) -> None:
    path = home / "mine.soth"
    for options, flows in (((), 1), (("--append",), 2), (("--overwrite",), 1)):
        with running("--dump", "-q", "-p", "0", "-w", path, *options, home=home) as program:
            ask(program.port, origin.url("/ok"))
            assert program.end().code == 0
        result = soth_mitm("--dump", "-r", path, home=home)
        assert (result.code, result.out.count("\n"), result.err) == (0, flows, "")


def test_a_place_that_cannot_be_written_to_is_said_before_anything_starts(home: Path) -> None:
    for path in (home / "no" / "such" / "a.soth", home):
        result = soth_mitm("--dump", "-p", "0", "-w", path, home=home)
        assert (result.code, result.out) == (2, "")
        assert result.err.count("\n") == 1
        assert f"{path}" in result.err


def test_a_damaged_recording_is_read_with_a_word_about_the_damage(origin: Origin, home: Path) -> None:
    path = home / "mine.soth"
    with running("--dump", "-p", "0", "-w", path, home=home) as program:
        ask(program.port, origin.url("/ok"))
        live = program.end().out
    data = path.read_bytes()
    path.write_bytes(data + b"torn" * 10)
    result = soth_mitm("--dump", "-r", path, home=home)
    assert (result.code, result.out) == (0, live)
    assert result.err.count("\n") == 1
    assert "mine.soth: " in result.err


def test_hosts_can_be_blocked_from_the_command_line(origin: Origin, home: Path) -> None:
    with running("--dump", "-p", "0", "--block", HOST, home=home) as program:
        assert ask(program.port, origin.url("/ok")).status == 403
        assert "  403  " in program.wait_for(r"^.*\n")[0]
        program.end()
    assert origin.requests == []
