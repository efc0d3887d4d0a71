"""What the pages say of versions, causes, hooks and ports is what the code has."""

from __future__ import annotations

import inspect
import re
import typing
from pathlib import Path

import pytest

from soth_mitm import Handler
from soth_mitm.export import jsonl
from soth_mitm.model.events import SCHEMA
from soth_mitm.model.tls import Confidence, FailureClass, FailureSource
from soth_mitm.policy import learning
from soth_mitm.policy.modes import DEFAULT_PORT, SOCKS_PORT
from soth_mitm.record import format as dump_format

ROOT = Path(__file__).parents[2]
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (*(ROOT / "docs").glob("*.md"), ROOT / "README.md")
}
PORT = re.compile(
    r"-x https?://(?:\S+@)?127\.0\.0\.1:(\d+)|redirect to :(\d+)|--to-ports (\d+)|^listen_port = (\d+)", re.M
)
"""Where a page shows a port that the proxy listens on when nothing is said; SOCKS has its own."""


def row(page: str, start: str) -> str:
    """Return the one line of a page that begins so."""
    (found,) = (line for line in PAGES[page].splitlines() if line.startswith(start))
    return found


def test_the_versions_of_what_is_written_are_those_of_the_code() -> None:
    assert row("events.md", "| `schema` |") == f"| `schema` | int | {SCHEMA} | version of this event schema |"
    assert row("jsonl.md", "| `v` |") == f"| `v` | integer | version of this schema: {jsonl.VERSION} |"
    version = dump_format.VERSION
    assert f"describes version {version} byte by byte" in PAGES["dump-format.md"]
    assert f"| version | {version} |" in PAGES["dump-format.md"]
    assert f"if version > {version}:" in PAGES["dump-format.md"]


def test_what_tells_a_failed_handshake_is_named_as_in_the_code() -> None:
    part = PAGES["tls.md"].split("\n## Why a handshake failed\n")[1].split("\n### ")[0]
    sources = typing.get_args(FailureSource)
    signals = re.findall(r"^\d\. (.+?):", part, re.M)
    assert re.findall(r"`(\w+)`", signals[0]) == [sources[0]]
    named = {name for signal in signals for name in re.findall(r"`(\w+)`", signal)}
    assert named | {"settings"} == set(sources)
    assert set(typing.get_args(Confidence)) <= set(re.findall(r"`(\w+)`", part))
    told = row("events.md", "| `source` | str | required | what told it:")
    assert set(re.findall(r"`(\w+)`", told)) == {"source", *sources}


def test_the_classes_of_failed_handshakes_are_those_of_the_code() -> None:
    classes = re.findall(r"^\| `\w+` \| `(\w+)` \|", PAGES["tls.md"], re.M)
    assert set(classes) == set(typing.get_args(FailureClass))


@pytest.mark.parametrize(
    ("page", "start"),
    [("events.md", "| `code` | str | required | `authoritative`"), ("tls.md", "It is never silent.")],
)
def test_what_is_learned_from_a_failed_handshake_is_named_as_in_the_code(page: str, start: str) -> None:
    assert set(typing.get_args(learning.Code)) <= set(re.findall(r"`(\w+)`", row(page, start)))


def test_the_hooks_are_those_of_the_handler_with_their_kind_and_parameter() -> None:
    rows = re.findall(r"^\| (`\w+\(.+) \| (plain|async) \|", PAGES["embedding.md"], re.M)
    said = {
        name: (kind, [parameter])
        for calls, kind in rows
        for name, parameter in re.findall(r"`(\w+)\((\w+)\)", calls)
    }
    made = {
        name: (
            "async" if inspect.iscoroutinefunction(hook) else "plain",
            list(inspect.signature(hook).parameters)[1:],
        )
        for name, hook in vars(Handler).items()
        if inspect.isfunction(hook)
    }
    assert said == made


def test_the_ports_are_those_of_the_code() -> None:
    shown = {page: {"".join(each) for each in PORT.findall(text)} for page, text in PAGES.items()}
    assert {page for page, ports in shown.items() if ports} >= {"README.md", "cli.md", "modes.md"}
    assert set().union(*shown.values()) == {str(DEFAULT_PORT)}
    assert f"name none: {DEFAULT_PORT} (`socks5`: {SOCKS_PORT})" in row("cli.md", "| `-p`, `--listen-port N`")
    assert f"(127.0.0.1, {DEFAULT_PORT}; `socks5`: {SOCKS_PORT})" in PAGES["modes.md"]
