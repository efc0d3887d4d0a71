"""Bad input: one clear line each, exit code 2, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from soth_mitm._version import __version__
from soth_mitm.cli import options, settings
from soth_mitm.cli.main import main
from soth_mitm.errors import ConfigError
from tests.helpers.program import DEADLINE, PROGRAM, Result, soth_mitm, surroundings


def complaint(result: Result) -> str:
    """Return the one line that a refused start prints."""
    assert result.code == 2, result
    assert result.out == ""
    assert result.err.startswith("soth-mitm: ")
    assert result.err.count("\n") == 1, result.err
    return result.err.removeprefix("soth-mitm: ").rstrip("\n")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call the entry point with arguments that it has to refuse, and return its complaint."""

    def call(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["soth-mitm", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115 - the entry point reads it
        code = main()
        sys.stdin.close()
        return complaint(Result(code, *capfd.readouterr()))

    return call


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--listen-prt", "0"], ["unknown option '--listen-prt'", "did you mean --listen-port?"]),
        (["--dump", "--verbos"], ["did you mean --verbose?"]),
        (["--map-remote", "x"], ["unknown option '--map-remote'"]),
        (["tuii"], ["unknown command 'tuii'", "did you mean tui?"]),
        (["capture.soth"], ["unknown command 'capture.soth'", "soth-mitm tui FILE"]),
        (["-p", "70000"], ["'70000' is not a port from 0 to 65535"]),
        (["--dump", "--count", "0"], ["'0' is not a number from 1 on"]),
        (["--dump", "--format", "xml"], ["--format", "'xml'", "jsonl"]),
        (["-w", "x", "--append", "--overwrite"], ["--overwrite", "not allowed with", "--append"]),
        (["run", "ls"], ["run needs a command after --"]),
        (["run", "--"], ["nothing stands after --"]),
        (["run", "--", "/nonexistent/program"], ["cannot run '/nonexistent/program'", "no such command"]),
        (["run", "-w", "-", "--", "ls"], ["-w -", "name a file"]),
        (["ca"], ["action", "soth-mitm ca --help"]),
        (["ca", "renew"], ["'renew'", "show"]),
        (["ca", "show", "--dry-run"], ["--dry-run is about trust stores"]),
        (["ca", "rotate", "--store", "system"], ["--store is about trust stores"]),
        (["env"], ["no running soth-mitm was found"]),
        (["env", "-p", "1"], ["no running soth-mitm on port 1"]),
        (["--dump", "-r", "missing.soth"], ["missing.soth", "No such file"]),
        (["--dump", "-r", "."], ["is a directory", ".soth"]),
        (["--dump", "-w", "-"], ["-w - needs -q"]),
        (["--dump", "--filter", "ok !"], ["--filter 'ok !'", "column 4", "needs a word"]),
        (["--dump", "--filter", "/(/"], ["column", "not a regular expression"]),
        (
            ["--dump", "--config", "missing.toml"],
            ["cannot read", "missing.toml", "No such file"],
        ),
        (
            ["--dump", "-p", "0", "--listen-host", "192.0.2.1"],
            ["listen on 192.0.2.1", "--listen-host"],
        ),
        (["--break", "response:host:"], ["--break 'response:host:', column 14", "nothing follows host:"]),
        (["--break", "reqest:host:a"], ["'reqest' is no stage", "did you mean request?"]),
        (["--break", "request:status:200"], ["can stop nothing at request", "from the response on"]),
        (["--break", "a", "--dump"], ["--break pauses messages for a person", "with --dump there is none"]),
        (["--break", "a", "-r", "x.soth"], ["--break is for a proxy that runs"]),
        (["run", "--break", "a", "--", "ls"], ["unknown option '--break'"]),
        ([], ["needs a terminal", "--dump"]),
        (["tui", "-r", "-"], ["needs a terminal"]),
        (["demo"], ["needs a terminal", "--dump"]),
        (["demo", "--dump", "--rate", "0"], ["--rate 0"]),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_what_makes_no_sense_is_said_in_one_line(
    arguments: list[str],
    says: list[str],
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(*arguments)
    for part in says:
        assert part in line


def test_a_dump_given_twice_is_refused(refused: Callable[..., str]) -> None:
    assert "give the dump once" in refused("tui", "a.soth", "-r", "b.soth")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"listen_port = \n", "not valid TOML"),
        (b"listen-prot = 1\n", "unknown key listen-prot"),
        (b"[limits]\nidle_timeot = 1\n", "did you mean limits.idle_timeout?"),
        (b"[tls]\nprofil = 'strict'\n", "did you mean tls.profile?"),
        (b"[tls]\nprofile = 'strictest'\n", "tls.profile cannot be 'strictest': choose one of strict, "),
        (b"[tls]\nprofile = 'strict'\nsni = 'disabled'\n", "exclude each other"),
        (b"[[rules]]\nmatch = 'a'\ntls_profile = 'strict'\nsni = 'disabled'\n", "exclude each other"),
        (b"[[rules]]\nmatch = 'a'\nroots = 'none.pem'\n", "names no file: none.pem"),
        (b"[[rules]]\nmatch = 'a'\nclient_cert = 'none.pem'\n", "client_cert of rules[0] in"),
        (b"[tls]\nclient_cert = '/none/me.pem'\n", "names no file: /none/me.pem; it has to hold"),
        (b"[tls]\nclient_min_version = '1.3'\nclient_max_version = '1.2'\n", "tls.client_min_version 1.3"),
        (b'listen_port = "a"\n', "wrong value"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[[breakpoints]]\nexpression = 'host:'\n", "breakpoint 'host:': filter, column 5"),
        (
            b"[[breakpoints]]\nstages = ['response-bdy']\n",
            "breakpoints[0].stages[0] cannot be 'response-bdy': choose one of request, ",
        ),
        (
            b"[[message_rules]]\ndo = 'blok'\n",
            "message_rules[0]: do = 'blok' is no action; did you mean block?",
        ),
        (
            b"[[message_rules]]\ndo = 'delay'\nseconds = 0\n",
            "message_rules[0]: the rule 'delay response by 0 s'",
        ),
        (b"[server_replay]\nextra = 'no'\n", "server_replay.extra"),
        (b'upstream_roots = "nowhere.pem"\n', "names no file: nowhere.pem"),
    ],
)
def test_a_wrong_config_is_named_with_its_fault(
    content: bytes, says: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    line = refused("--dump", "--config", path)
    assert says in line
    assert "mine.toml" in line or "command line" in line


@pytest.mark.parametrize("side", ["client", "upstream"])
def test_ciphers_that_openssl_does_not_have_are_named(
    side: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"[tls]\n{side}_ciphers = 'NONE'\n")
    assert f"tls.{side}_ciphers 'NONE'" in refused("--dump", "-p", "0", "--config", path)


def test_options_of_tls_go_before_the_table_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[tls]\nprofile = 'strict'\nsni = 'required'\n")
    arguments = options.parse(["--config", str(path), "--tls-profile", "compat", "--keylog", "k.log"])
    tls = settings.of(arguments).tls
    assert (tls.profile, tls.sni, tls.keylog) == ("compat", "required", "k.log")


@pytest.mark.parametrize("named", ["none.pem", "empty.pem"])
def test_a_ca_for_client_certificates_that_cannot_be_used_is_named(
    named: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / named
    if named == "empty.pem":
        path.write_text("")
    assert f"request_client_cert {path}" in refused("--dump", "-p", "0", "--request-client-cert", path)


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_config_that_cannot_be_read_is_said(refused: Callable[..., str], tmp_path: Path) -> None:
    directory = tmp_path / "config.toml"
    directory.mkdir()
    line = refused("--dump", "--config", directory)
    assert line.startswith(f"cannot read the config file {directory}: ")


def test_a_taken_port_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = complaint(soth_mitm("--dump", "-p", str(port), home=tmp_path))
    assert f"127.0.0.1:{port}" in line
    assert "the port is taken" in line
    assert "-p 0" in line


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04" + bytes(5000), bytes(200_000)], ids=["empty", "zip", "zeros"]
)
def test_a_file_that_is_no_dump_is_said(content: bytes, refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "other.soth"
    path.write_bytes(content)
    line = refused("--dump", "-r", path)
    assert "other.soth" in line
    assert "is empty" in line if not content else "is not a .soth file" in line
    assert "standard input" in complaint(soth_mitm("--dump", "-r", "-", home=tmp_path, stdin=content))


def test_an_existing_recording_is_not_written_over(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "mine.soth"
    path.write_bytes(b"precious")
    line = refused("--dump", "-p", "0", "-w", path)
    assert "mine.soth" in line
    assert "--append" in line
    assert "--overwrite" in line
    assert "cannot append" in refused("--dump", "-p", "0", "-w", path, "--append")
    assert path.read_bytes() == b"precious"


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_key_that_others_can_read_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    assert soth_mitm("ca", "show", "--confdir", conf, home=tmp_path).code == 0
    (conf / "ca-key.pem").chmod(0o644)
    for arguments in (("--dump", "-p", "0"), ("ca", "show"), ("run",)):
        rest = ("--", sys.executable, "-c", "") if arguments[0] == "run" else ()
        line = refused(*arguments, "--confdir", conf, *rest)
        assert "ca-key.pem" in line
        assert "chmod 600" in line


def test_hostile_arguments_reach_the_terminal_escaped(tmp_path: Path) -> None:
    line = complaint(soth_mitm("--dump", "-r", "a\x1b]0;title\x07\u202e.soth", home=tmp_path))
    assert line.isprintable()
    assert "\\x1b]0;title\\x07" in line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--filter", "x"], "--filter is about what --dump prints"),
        (["--format", "text"], "--format"),
        (["-vv"], "-v"),
        (["-q"], "-q"),
        (["--count", "3"], "--count"),
        (["--no-redact"], "--redact"),
        (["demo", "--filter", "x"], "--filter"),
        (["--dump", "-r", "x", "-w", "y"], "--write is for a proxy that runs"),
        (["--dump", "-r", "x", "-p", "0"], "--listen-port"),
        (["--dump", "-r", "x", "-k"], "--insecure"),
        (["tui", "x", "--tunnel", "y"], "--tunnel"),
        (["tui", "x", "--no-spill"], "--no-spill"),
        (["tui", "--dump", "--no-state"], "--no-state is about what the app remembers"),
        (["--dump", "--append"], "--append says what to do with the file of -w"),
        (["run", "--overwrite", "--", "ls"], "--overwrite"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_an_option_without_effect_is_refused(arguments: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{named}\b"):
        options.parse(arguments)


def test_version_and_help_go_to_standard_output(tmp_path: Path) -> None:
    for arguments in (["--version"], ["-p", "0", "--version"]):
        assert soth_mitm(*arguments, home=tmp_path) == (0, f"soth-mitm {__version__}\n", "")
    listed = soth_mitm("--help", home=tmp_path)
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.startswith("usage: soth-mitm")
    assert all(f"  {command}" in listed.out for command in options.COMMANDS)


@pytest.mark.parametrize("command", options.COMMANDS)
def test_each_command_has_its_own_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options.parse([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: soth-mitm {command}")


def test_a_reader_that_leaves_ends_the_program_quietly(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [*PROGRAM, "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings(tmp_path),
    )
    assert program.stdout is not None
    program.stdout.close()
    assert program.stderr is not None
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait(DEADLINE) in (0, 120)


def test_a_defect_is_one_line_too(tmp_path: Path) -> None:
    code = (
        "import sys; from soth_mitm.cli import main, options\n"
        "def fail(arguments): raise RuntimeError('boom\\x1b[2J')\n"
        "options.parse = fail; sys.argv = ['soth-mitm', '--dump']; sys.exit(main.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=surroundings(tmp_path)
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("soth-mitm: internal error: RuntimeError: boom\\x1b[2J; this is a defect")
