"""Finding a process by way of /proc: a made-up one, and this machine's own."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from soth_mitm.net.process.ends import Ends, ends_of
from soth_mitm.net.process.linux import LinuxProcesses

CLIENT, PROXY = ("127.0.0.1", 40_000), ("127.0.0.1", 8080)
SIX = Ends(("::1", 40_001), ("::1", 8080))
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
OF_CLIENT = (
    "   1: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 777 1 0\n"
)
OF_PROXY = (
    "   0: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 778 1 0\n"
)
MAPPED = (
    "   0: 0000000000000000FFFF00000100007F:9C40 0000000000000000FFFF00000100007F:1F90 01"
    " 00000000:00000000 00:00000000 00000000  1000        0 779 1 0\n"
)
OF_SIX = (
    "   0: 00000000000000000000000001000000:9C41 00000000000000000000000001000000:1F90 01"
    " 00000000:00000000 00:00000000 00000000  1000        0 780 1 0\n"
)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's"),
    pytest.mark.skipif(sys.byteorder != "little", reason="the tables above are of a little-endian machine"),
]


class Proc:
    """A /proc of a test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "net").mkdir()
        self.table("tcp", "")

    def table(self, name: str, lines: str) -> None:
        (self.root / "net" / name).write_text(HEAD + lines)

    def process(self, pid: int, *links: str, comm: str = "curl", start: int = 5, parent: int = 1) -> Path:
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        for number, link in enumerate(links):
            (folder / "fd" / str(number)).symlink_to(link)
        fields = ["S", str(parent), *["0"] * 17, str(start), "0"]
        (folder / "stat").write_text(f"{pid} ({comm}) {' '.join(fields)}\n")
        return folder

    @property
    def source(self) -> LinuxProcesses:
        return LinuxProcesses(self.root, diagnose=False)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_the_process_is_the_one_that_holds_the_clients_end_of_the_connection(proc: Proc) -> None:
    proc.table("tcp", OF_PROXY + OF_CLIENT)
    proc.process(10, "/dev/null", "socket:[778]")
    proc.process(20, "/dev/null", "socket:[777]")
    assert proc.source.owners({7: Ends(CLIENT, PROXY)}, ()) == {7: 20}


def test_entries_of_proc_that_are_no_process_end_nothing(proc: Proc) -> None:
    proc.table("tcp", OF_CLIENT)
    for name in ("acpi", "self", "zz", "1a", "²"):
        (proc.root / name).mkdir()
    (proc.root / "9999").write_text("a file, for once")
    proc.process(20, "socket:[777]")
    assert proc.source.owners({7: Ends(CLIENT, PROXY)}, ()) == {7: 20}


def test_a_process_that_may_not_be_looked_at_is_passed_over(proc: Proc) -> None:
    proc.table("tcp", OF_CLIENT)
    (proc.root / "30").mkdir()
    proc.process(20, "socket:[777]")
    assert proc.source.owners({7: Ends(CLIENT, PROXY)}, [30, 31]) == {7: 20}


def test_a_client_whose_socket_takes_both_families_is_found(proc: Proc) -> None:
    proc.table("tcp6", MAPPED)
    proc.process(20, "socket:[779]")
    assert proc.source.owners({7: Ends(CLIENT, PROXY)}, ()) == {7: 20}


def test_a_client_over_ipv6_is_found(proc: Proc) -> None:
    proc.table("tcp6", OF_SIX)
    proc.process(20, "socket:[780]")
    assert proc.source.owners({7: SIX}, ()) == {7: 20}


def test_the_youngest_and_the_likely_processes_are_looked_at_before_all_others(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc.table("tcp", OF_CLIENT)
    (proc.root / "loadavg").write_text("0.1 0.1 0.1 1/90 400\n")
    proc.process(20, "socket:[777]")
    for pid in (395, 5, 6, 7):
        proc.process(pid, "/dev/null")
    looked: list[int] = []
    links = LinuxProcesses._links

    def look(self: LinuxProcesses, pid: int) -> Iterator[str]:
        if (proc.root / str(pid)).exists():
            looked.append(pid)
        return links(self, pid)

    monkeypatch.setattr(LinuxProcesses, "_links", look)
    assert proc.source.owners({7: Ends(CLIENT, PROXY)}, [6]) == {7: 20}
    assert looked == [395, 6, 20]


def test_a_thread_that_was_started_last_stands_for_its_process(proc: Proc) -> None:
    proc.table("tcp", OF_CLIENT)
    (proc.root / "loadavg").write_text("0.1 0.1 0.1 1/90 21\n")
    folder = proc.process(21, "socket:[777]")
    (folder / "status").write_text("Name:\tcurl\nTgid:\t20\nPid:\t21\n")
    assert proc.source.owners({7: Ends(CLIENT, PROXY)}, ()) == {7: 20}


def test_a_connection_that_is_gone_has_no_process(proc: Proc) -> None:
    proc.table("tcp", OF_CLIENT.replace("777", "0") + "garbage\n")
    proc.process(20, "socket:[777]")
    assert proc.source.owners({7: Ends(CLIENT, PROXY)}, ()) == {}


def test_the_name_a_process_gave_itself_may_hold_anything(proc: Proc) -> None:
    proc.process(20, comm="a) R (b\x1b", start=99, parent=3)
    facts = proc.source.facts(20)
    assert facts is not None
    assert (facts.comm, facts.start, facts.parent) == ("a) R (b\\x1b", "99", 3)
    assert proc.source.facts(21) is None


def test_file_and_arguments_are_read_as_far_as_they_may_be(proc: Proc) -> None:
    folder = proc.process(20)
    assert proc.source.command(20) == (b"", [])
    (folder / "exe").symlink_to("/usr/bin/curl (deleted)")
    (folder / "cmdline").write_bytes(b"curl\0-v\0\0")
    assert proc.source.command(20) == (b"/usr/bin/curl", [b"curl", b"-v"])


@contextmanager
def connected(host: str, family: int) -> Iterator[socket.socket]:
    """Yield the accepted end of a connection of this process with itself."""
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]),
    ):
        accepted, _ = server.accept()
        with accepted:
            yield accepted


@pytest.mark.parametrize("diagnose", [True, False], ids=["kernel", "tables"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_this_very_process_is_found_on_this_machine(host: str, diagnose: bool) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with connected(host, family) as accepted:
        ends = ends_of(accepted)
        assert ends is not None
        assert LinuxProcesses(diagnose=diagnose).owners({1: ends}, ()) == {1: os.getpid()}


def test_the_kernel_is_believed_that_a_connection_is_gone_once_it_has_answered() -> None:
    source = LinuxProcesses()
    gone = Ends(("127.0.0.1", 1), ("127.0.0.1", 2))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            ends = ends_of(accepted)
            assert ends is not None
            assert source.owners({1: ends, 2: gone}, ()) == {1: os.getpid()}
    assert source.owners({2: gone}, ()) == {}


def test_a_unix_socket_tells_the_process_by_itself() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ends = ends_of(ours)
    assert ends is not None
    assert ends.pid == os.getpid()
