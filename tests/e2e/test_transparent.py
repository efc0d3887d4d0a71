"""Transparent mode as the kernel does it: connections of another network namespace, redirected here."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from soth_mitm.model.events import Body, ConnectRefused, Event, FlowClosed, FlowOpened, TargetGiven
from soth_mitm.record.reader import DumpReader
from tests.e2e.proxied import curl
from tests.helpers import invariants, namespaces
from tests.helpers.namespaces import CLIENT, GATEWAY, PROXY_PORT, SERVER4, SERVER6, inside
from tests.helpers.origins import Answer, Authority, Origin
from tests.helpers.program import Running, running

pytestmark = pytest.mark.outside("curl", "ip", "nft")

B = TypeVar("B", bound=Body)
ANSWERS = {"/": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")}
SITE = "site.test"


class Place:
    """The proxy in the gateway's namespace."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.recording = home / "all.soth"
        self.ca = home / "config" / "soth-mitm" / "ca.pem"
        self.program: Running | None = None


def origin_at(address: str, port: int, authority: Authority | None) -> Origin:
    """Open an origin at one of the server's addresses."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)
    return Origin(ANSWERS, authority.server_context() if authority else None, listener=listener)


@pytest.fixture(scope="module")
def gate(place: Path, authority: Authority) -> Iterator[Place]:
    """Run namespaces, origins and the proxy; skip where the machine does not allow it."""
    why = namespaces.missing()
    if why:
        pytest.skip(why)
    found = Place(place)
    arguments = ("--dump", "-q", "-k", "-w", found.recording, "-m", f"transparent@[::]:{PROXY_PORT}")
    with namespaces.gateway(), ExitStack() as stack:
        for address, port in ((SERVER4, 80), (SERVER4, 443), (SERVER6, 80), (SERVER6, 443)):
            make = partial(origin_at, address, port, authority if port == 443 else None)
            origin = inside(GATEWAY, make)
            stack.callback(origin.close)
        manager = running(*arguments, home=place)
        found.program = inside(GATEWAY, manager.__enter__)
        stack.push(manager)
        for where in (r"127\.0\.0\.1", r"\[::1\]"):
            found.program.wait_for(rf"listening on {where}:{PROXY_PORT} \(transparent\)", on="err")
        yield found


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", [SERVER4, SERVER6])
def test_a_redirected_request_is_seen_and_answered(gate: Place, scheme: str, address: str) -> None:
    port = 443 if scheme == "https" else 80
    where = f"[{address}]" if ":" in address else address
    got = inside(
        CLIENT,
        lambda: curl("--resolve", f"{SITE}:{port}:{where}", "--cacert", gate.ca, f"{scheme}://{SITE}/"),
    )
    assert (got.code, got.out) == (0, b"hello"), got.err


def test_a_connection_to_the_port_itself_is_refused(gate: Place) -> None:
    got = inside(CLIENT, lambda: curl(f"http://10.200.0.1:{PROXY_PORT}/"))
    assert got.code in (52, 56), "an empty reply, or a reset"


def test_a_redirection_of_our_own_connections_ends_at_the_first_turn(gate: Place) -> None:
    got = inside(GATEWAY, lambda: curl("-i", f"http://{SERVER4}:81/"))
    assert got.out.startswith(b"HTTP/1.1 502 ")


def test_what_was_seen_is_recorded_with_where_it_was_going(gate: Place) -> None:
    """The last of the module: it ends the program."""
    for scheme in ("http", "https"):
        test_a_redirected_request_is_seen_and_answered(gate, scheme, SERVER4)
    test_a_connection_to_the_port_itself_is_refused(gate)
    test_a_redirection_of_our_own_connections_ends_at_the_first_turn(gate)
    assert gate.program is not None
    assert gate.program.end().code == 0
    with DumpReader(gate.recording) as reader:
        events = list(reader)
    invariants.check(events)
    given = {(each.host, each.port) for each in _all(events, TargetGiven)}
    assert {(SERVER4, 80), (SERVER4, 443)} <= given
    opened = {(each.scheme, each.host, each.port) for each in _all(events, FlowOpened)}
    assert {("http", SITE, 80), ("https", SITE, 443)} <= opened
    assert {each.code for each in _all(events, ConnectRefused)} == {"not_redirected", "redirect_loop"}
    assert "completed" in {each.reason for each in _all(events, FlowClosed)}


def _all(events: Iterable[Event], kind: type[B]) -> list[B]:
    return [event.body for event in events if isinstance(event.body, kind)]


def test_the_redirections_of_the_documentation_are_what_nft_takes() -> None:
    if why := namespaces.missing():
        pytest.skip(why)
    page = (Path(__file__).parents[2] / "docs" / "modes.md").read_text("utf-8")
    lines = [line.replace("!= soth ", "!= root ") for line in re.findall(r"^nft .*$", page, re.MULTILINE)]
    (table,) = re.findall(r"nft -f - <<'END'\n(.*?)^END$", page, re.MULTILINE | re.DOTALL)
    assert len(lines) == 5
    name = f"soth-docs-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for script in (lines, [f"nft -f - <<'END'\n{table}END"]):
            argv = [
                "ip",
                "netns",
                "exec",
                name,
                "sh",
                "-e",
                "-c",
                "\n".join([*script, "nft delete table inet soth"]),
            ]
            done = subprocess.run(argv, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
