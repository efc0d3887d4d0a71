"""Where a proxy listens: several places at once, both families, Unix sockets; nothing stops accepting."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from pathlib import Path

import msgspec
import pytest

from soth_mitm.errors import StartError
from soth_mitm.model.events import ConnOpened, ListenerClosed, ListenerOpened, Notice
from tests.helpers.net import HOST, OK, SITE, Lab
from tests.helpers.wire import Wire, wrap


async def at(lab: Lab, address: object) -> Wire:
    """Connect to one of the places."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    if isinstance(address, tuple) and ":" in address[0]:
        family = socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, address)  # type: ignore[arg-type]
    wire = await wrap(sock)
    lab.clients.append(wire)
    return wire


async def forwards(lab: Lab, client: Wire) -> None:
    """See a request pass."""
    origin = await lab.origin()
    client.send(b"GET http://%s:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % (SITE.encode(), origin.port))
    server = await origin.accept()
    await server.head()
    server.send(OK)
    await client.same(OK)


async def test_several_modes_listen_at_once_and_each_says_so(lab: Lab, tmp_path: Path) -> None:
    path = str(tmp_path / "proxy.sock")
    proxy = await lab.start(mode=("regular", "regular@0", f"unix:{path}"))
    assert len(set(proxy.addresses)) == 2
    for address in (*proxy.addresses, path):
        await forwards(lab, await at(lab, address))
    opened = lab.all(ListenerOpened)
    assert [(each.host, each.port, each.mode) for each in opened] == [
        (*proxy.addresses[0], "regular"),
        (*proxy.addresses[1], "regular"),
        (path, 0, "unix"),
    ]
    await lab.stop()
    closed = [(each.host, each.port) for each in lab.all(ListenerClosed)]
    assert closed == [(each.host, each.port) for each in opened]


async def test_where_one_place_is_taken_none_is_open(lab: Lab) -> None:
    with socket.create_server((HOST, 0)) as other, socket.create_server((HOST, 0)) as free:
        taken, number = other.getsockname()[1], free.getsockname()[1]
        free.close()
        with pytest.raises(StartError, match=rf"{taken}: the port is taken; choose another behind the @ of "):
            await lab.start(mode=(f"regular@{number}", f"regular@{taken}"))
        assert not lab.all(ListenerOpened)
        with socket.create_server((HOST, number)):
            pass


@pytest.mark.parametrize("host", ["", "::"])
async def test_every_address_means_those_of_both_families(lab: Lab, host: str) -> None:
    proxy = await lab.start(listen_host=host)
    port = proxy.addresses[0][1]
    assert sorted(proxy.addresses) == [("0.0.0.0", port), ("::", port)]
    await forwards(lab, await at(lab, ("127.0.0.1", port)))
    await forwards(lab, await at(lab, ("::1", port)))
    assert [each.peer.rpartition(":")[0] for each in lab.all(ConnOpened)[::2]] == ["127.0.0.1", "[::1]"]


async def test_a_reload_says_what_waits_for_the_next_start(lab: Lab) -> None:
    proxy = await lab.start()
    changed = msgspec.structs.replace(proxy.config, mode=("socks5",), listen_port=1, block=("a.test",))
    assert set(proxy.reload(changed)) == {"mode", "listen_port", "block"}
    told = [each.text for each in lab.all(Notice) if each.level == "warning"]
    assert told[-1:] == ["mode, listen_port: in force from the next start on"]


# --- Unix sockets


async def test_a_unix_socket_is_for_its_owner_alone_and_goes_at_the_end(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    await lab.start(mode=(f"unix:{path}",))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client = await at(lab, str(path))
    await forwards(lab, client)
    opened = lab.all(ConnOpened)[0]
    assert (opened.peer, opened.local, opened.transport) == ("unix", str(path), "unix")
    await lab.stop()
    assert not path.exists()


async def test_a_connect_over_a_unix_socket_is_decrypted(lab: Lab, tmp_path: Path) -> None:
    path = str(tmp_path / "proxy.sock")
    await lab.start(mode=(f"unix:{path}",))
    origin = await lab.origin(tls=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, path)
    lab.sockets.append(sock)
    await loop.sock_sendall(sock, b"CONNECT site.test:%d HTTP/1.1\r\n\r\n" % origin.port)
    assert await loop.sock_recv(sock, 4096) == b"HTTP/1.1 200 Connection Established\r\n\r\n"
    client = await lab.inside(sock, context=lab.client_context())
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    server = await origin.accept()
    await server.head()
    server.send(OK)
    await client.same(OK)


async def test_half_a_head_over_a_unix_socket_ends_with_its_client(lab: Lab, tmp_path: Path) -> None:
    path = str(tmp_path / "proxy.sock")
    await lab.start(mode=(f"unix:{path}",))
    client = await at(lab, path)
    client.send(b"CONN")
    client.finish()
    await client.closed()


async def test_the_socket_of_a_dead_proxy_is_replaced(lab: Lab, tmp_path: Path) -> None:
    path = str(tmp_path / "proxy.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    await lab.start(mode=(f"unix:{path}",))
    await forwards(lab, await at(lab, path))


async def test_the_socket_of_a_living_program_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    path = str(tmp_path / "proxy.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(path)
        other.listen()
        with pytest.raises(StartError, match="a program listens there already"):
            await lab.start(mode=(f"unix:{path}",))
        assert os.path.exists(path)


async def test_a_file_in_the_place_of_a_socket_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(StartError, match="a file that is no socket is there"):
        await lab.start(mode=(f"unix:{path}",))
    assert path.read_text() == "mine"


async def test_a_socket_that_took_our_place_is_not_removed(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    await lab.start(mode=(f"unix:{path}",))
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
        await lab.stop()
        assert path.exists()


async def test_a_directory_that_is_not_there_is_said(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file or directory; choose a directory that exists"):
        await lab.start(mode=(f"unix:{tmp_path}/none/proxy.sock",))


# --- accept errors


class Failing:
    """A listening socket that once has no descriptor left."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.failed = False

    def accept(self) -> tuple[socket.socket, object]:
        if not self.failed:
            self.failed = True
            raise OSError(errno.EMFILE, "Too many open files")
        return self._sock.accept()

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()


async def test_defect_12_an_accept_error_ends_no_listener_and_stops_no_other(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "proxy.sock")
    proxy = await lab.start(mode=("regular", "regular@0", f"unix:{path}"))
    lab.faults_expected = True
    monkeypatch.setattr("soth_mitm.net.listener._RETRY_AFTER", 0.01)
    loop, listener = proxy._shared.loop, proxy._listener
    failing = []
    for sock, place in list(listener._places.items()):
        loop.remove_reader(sock)
        fails = Failing(sock)
        failing.append(fails)
        del listener._places[sock]
        listener._places[fails] = place._replace(sock=fails)  # type: ignore[index,arg-type]
        loop.add_reader(fails, listener._accept, fails)  # type: ignore[arg-type]
    for address in (*proxy.addresses, path):
        await forwards(lab, await at(lab, address))
    assert all(each.failed for each in failing)
    assert proxy.counters.hits["accept_errors"] == 3
    assert "no file descriptor is left" in lab.all(Notice)[0].text
