"""Hosts that are tunnelled or blocked, with a real client: what it sees, and what the lines say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.proxied import Proxied, curl
from tests.helpers.origins import HOST, Answer, Authority, Origin
from tests.helpers.program import running

pytestmark = pytest.mark.outside("curl")

BODY = b"0123456789" * 10_000
ANSWERS = {"/": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))}


@pytest.fixture
def origin(authority: Authority) -> Iterator[Origin]:
    """Run an encrypted origin."""
    scripted = Origin(ANSWERS, authority.server_context())
    yield scripted
    scripted.close()


def test_a_tunnelled_host_shows_its_own_certificate_and_is_two_lines(
    origin: Origin, authority: Authority, tmp_path: Path
) -> None:
    with running("--dump", "-p", "0", "--tunnel", HOST, home=tmp_path) as program:
        proxied = Proxied(program, tmp_path)
        # The origin's authority is trusted here, and ours is not.
        got = curl("-x", proxied.url, "--cacert", authority.roots, origin.url("/"))
        assert (got.code, got.out) == (0, BODY), got.err
        program.wait_for(r"^.* down .*\n")
        result = program.end()
    began, ended = result.out.splitlines()
    for line in (began, ended):
        assert f"  CONNECT  {HOST}:{origin.port}  " in line
        assert "tun" in line
    assert "…" in began
    carried = re.search(r" up ([0-9]+)k down  ", ended)
    assert carried is not None
    assert 97 < int(carried[1]) < 110, "the body, and a little for TLS"


def test_a_blocked_host_is_refused_without_being_dialled(origin: Origin, tmp_path: Path) -> None:
    with running("--dump", "-k", "-p", "0", "--block", HOST, home=tmp_path) as program:
        proxied = Proxied(program, tmp_path)
        got = curl(*proxied.through(), origin.url("/"))
        assert got.code == 56
        assert "403" in got.err
        line = program.wait_for(r"^.*\n")[0]
        assert program.end().code == 0
    assert f"  CONNECT  {HOST}:{origin.port}  " in line
    assert "blocked" in line
    assert origin.requests == []


def test_the_page_of_the_proxy_hands_out_its_certificate(proxied: Proxied) -> None:
    direct = curl(f"{proxied.url}/")
    through = curl("-x", proxied.url, "http://soth.mitm/")
    assert direct.code == through.code == 0
    assert b"ca.pem" in direct.out
    assert through.out == direct.out
    assert curl(f"{proxied.url}/ca.pem").out == proxied.ca.read_bytes()
