"""`run -- COMMAND`: a real program is seen without knowing of it, and its own streams are its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.origins import Answer, Authority, Origin
from tests.helpers.program import DEADLINE, PROGRAM, soth_mitm, surroundings

FETCH = """
import sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url, timeout=20).read().decode())
"""
ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1]); sys.stderr.write('own words\\n')"


@pytest.fixture
def origins(authority: Authority) -> Iterator[tuple[Origin, Origin]]:
    """Run a plain and an encrypted origin."""
    answers = {"/seen": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")}
    pair = Origin(answers), Origin(answers, authority.server_context())
    yield pair
    for origin in pair:
        origin.close()


def test_https_requests_of_a_python_program_are_decrypted_and_recorded(
    origins: tuple[Origin, Origin], authority: Authority, tmp_path: Path
) -> None:
    recording, config = tmp_path / "run.soth", tmp_path / "mine.toml"
    config.write_text(f'upstream_roots = "{authority.roots}"\n')
    urls = [origin.url("/seen") for origin in origins]
    result = soth_mitm(
        "run", "--config", config, "-w", recording, "--", sys.executable, "-c", FETCH, *urls, home=tmp_path
    )
    assert (result.code, result.out) == (0, "answer\nanswer\n")
    assert result.err == f"soth-mitm: 2 flows, 12 received, recorded in {recording}\n"
    lines = soth_mitm("--dump", "-r", recording, home=tmp_path).out.splitlines()
    assert len(lines) == 2
    for line, url in zip(lines, urls, strict=True):
        assert f"  200  GET      {url}  6  " in line


def test_standard_streams_belong_to_the_command(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    done = subprocess.run(
        [*PROGRAM, "run", "--", sys.executable, "-c", ECHO],
        input=data, capture_output=True, timeout=DEADLINE, env=surroundings(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout == data[::-1]
    assert done.stderr == b"own words\nsoth-mitm: 0 flows, 0 received\n"


def test_a_command_that_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("no program\n")
    for name, why in (
        (script, "Permission denied"),
        (tmp_path, "Permission denied"),
        ("no-such-x", "no such"),
    ):
        result = soth_mitm("run", "--", name, home=tmp_path)
        assert (result.code, result.out) == (2, "")
        assert result.err.count("\n") == 1
        assert f"cannot run '{name}'" in result.err
        assert why in result.err
