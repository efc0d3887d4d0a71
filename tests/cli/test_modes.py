"""Modes on the command line: what is said of them, and what a program that is run is given as its proxy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from soth_mitm.cli import reach
from soth_mitm.policy.modes import Endpoint, parse
from tests.helpers.program import running, soth_mitm

SHOW = ("--", sys.executable, "-c", "import os; print(os.environ['https_proxy'])")


def place(spec: str, host: str = "127.0.0.1", port: int = 8080) -> Endpoint:
    return Endpoint(parse(spec), host, port)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-m", "revers:http://a"), "did you mean reverse?"),
        (("-m", "regular@1", "-m", "socks5@1"), "would both listen on 127.0.0.1:1"),
        (("-m", "socks5", "--proxy-auth", "me"), "proxy_auth in the command line must be USER:PASSWORD"),
        (("-r", "x.soth", "-m", "socks5"), "--mode is for a proxy that runs"),
    ],
)
def test_a_mode_that_makes_no_sense_is_one_line_and_exit_2(
    home: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = soth_mitm("--dump", *arguments, home=home)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_what_a_program_is_given_is_the_first_mode_that_it_can_use(home: Path) -> None:
    done = soth_mitm("run", "-q", "-m", "reverse:http://a.test", "-m", "socks5", *SHOW, home=home)
    assert done.code == 0
    assert done.out.startswith("socks5h://127.0.0.1:")


def test_a_program_is_given_the_user_and_password(home: Path) -> None:
    done = soth_mitm("run", "-q", "--proxy-auth", "me:a@b", *SHOW, home=home)
    assert done.out.startswith("http://me:a%40b@127.0.0.1:")


def test_run_without_a_mode_for_programs_says_what_to_add(home: Path) -> None:
    done = soth_mitm("run", "-m", "reverse:http://a.test", "--", "true", home=home)
    assert done.code == 2
    assert "add -m regular to reverse:http://a.test" in done.err


def test_the_settings_name_modes_and_the_command_line_replaces_them(home: Path) -> None:
    settings = home / "modes.toml"
    settings.write_text('mode = ["socks5@0", "reverse:https://api.test@0"]\n')
    with running("--dump", "--config", settings, home=home) as program:
        program.wait_for(r"listening on socks5h://127\.0\.0\.1:\d+ · CA ", on="err")
        program.wait_for(r"listening on 127\.0\.0\.1:\d+ \(reverse:https://api\.test\)\n", on="err")
        named = soth_mitm("env", home=home)
        assert "export https_proxy=socks5h://127.0.0.1:" in named.out
        assert program.end().code == 0
    with running(
        "--dump",
        "--config",
        settings,
        "-m",
        "regular@0",
        home=home,
    ) as program:
        program.wait_for(r"listening on http://127", on="err")
        assert "socks5h" not in program.end().err


def test_env_says_where_credentials_are_wanted(home: Path) -> None:
    with running("--dump", "-p", "0", "--proxy-auth", "me:secret", home=home) as program:
        assert program.port
        done = soth_mitm("env", home=home)
        assert "wants a user and password" in done.err
        assert "secret" not in done.out + done.err + "".join(
            path.read_text() for path in home.rglob("running/*.json")
        )


def test_a_place_is_said_as_clients_reach_it() -> None:
    assert reach.place_text(place("regular", "0.0.0.0")) == "http://127.0.0.1:8080"
    assert reach.place_text(place("regular", "::")) == "http://[::1]:8080"
    assert reach.place_text(place("transparent")) == "127.0.0.1:8080 (transparent)"
    assert reach.place_text(place("unix:/x", "/x", 0)) == "unix:/x"
    hop = place("upstream:http://me:secret@b.test:1")
    assert reach.place_text(hop) == "http://127.0.0.1:8080 (upstream:http://b.test:1)"
    assert reach.proxy_url([place("unix:/x", "/x", 0), place("transparent")]) == ""
    assert reach.proxy_url([place("socks5"), place("regular", port=1)]) == "http://127.0.0.1:1"
