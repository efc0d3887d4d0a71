"""psutil's way, which works on every system."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from soth_mitm.net.process.elsewhere import PsutilProcesses
from soth_mitm.net.process.ends import Ends, ends_of


@pytest.mark.parametrize("whole", [True, False], ids=["one table", "process by process"])
def test_this_very_process_is_found(whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not whole:

        def refuse(kind: str) -> list[Any]:
            raise psutil.AccessDenied

        monkeypatch.setattr(psutil, "net_connections", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            ends = ends_of(accepted)
            assert ends is not None
            assert PsutilProcesses().owners({1: ends}, [os.getpid()]) == {1: os.getpid()}


def test_an_address_that_is_mapped_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def address(host: str, port: int) -> SimpleNamespace:
        return SimpleNamespace(ip=host, port=port)

    conn = SimpleNamespace(
        pid=5, laddr=address("::ffff:127.0.0.1", 40_000), raddr=address("::ffff:127.0.0.1", 8080)
    )
    listening = SimpleNamespace(pid=6, laddr=address("127.0.0.1", 8080), raddr=())
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [listening, conn])
    wanted = {1: Ends(("127.0.0.1", 40_000), ("127.0.0.1", 8080))}
    assert PsutilProcesses().owners(wanted, ()) == {1: 5}


def test_what_a_process_is_told_by_and_what_it_runs() -> None:
    source = PsutilProcesses()
    facts = source.facts(os.getpid())
    assert facts is not None
    assert (facts.pid, facts.parent) == (os.getpid(), os.getppid())
    path, arguments = source.command(os.getpid())
    assert b"python" in path.lower()
    assert arguments
    assert source.facts(2**22 + 1) is None
    assert source.command(2**22 + 1) == (b"", [])
