"""Looking at first bytes without consuming them, and the traps in that."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from soth_mitm.net import peek, sockets, tasks
from soth_mitm.net.peek import PeekTimeout, PeerLeft, consume, peek_until
from tests.helpers.wire import eventually
from tests.net.tls.support import reset, tcp_pair


@pytest.fixture(params=["mark", "no mark"])
def counted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the peeks; once as it is, once as on a system without a low-water mark."""
    if request.param == "no mark":
        monkeypatch.setattr(sockets, "HAS_LOW_WATER_MARK", False)
        monkeypatch.setattr(peek, "HAS_LOW_WATER_MARK", False)
    elif not sockets.HAS_LOW_WATER_MARK:
        pytest.skip("no SO_RCVLOWAT here")
    sizes: list[int] = []
    original = peek.peek_now

    def count(sock: socket.socket, size: int) -> bytes | None:
        data = original(sock, size)
        sizes.append(-1 if data is None else len(data))
        return data

    monkeypatch.setattr(peek, "peek_now", count)
    return sizes


async def test_what_was_peeked_stays_and_exactly_the_head_is_consumed(counted: list[int]) -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        theirs.sendall(b"HEADrest")
        assert await peek_until(ours, lambda data: 4, timeout=5, most=100) == b"HEADrest"
        assert consume(ours, 4) == b"HEAD"
        assert ours.recv(100) == b"rest"


async def test_bytes_that_come_one_by_one_are_waited_for(counted: list[int]) -> None:
    ours, theirs = tcp_pair()
    theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with ours, theirs:
        waiting = tasks.start(peek_until(ours, lambda data: 6, timeout=5, most=100), "peek")
        for number, byte in enumerate(b"abcdef"):
            theirs.sendall(bytes((byte,)))
            await asyncio.sleep(0)
            assert number == 5 or not waiting.done()
        assert await waiting == b"abcdef"


async def test_trap_a_a_peer_that_leaves_halfway_is_noticed_and_does_not_spin(counted: list[int]) -> None:
    """The same partial bytes would be peeked again and again after a FIN."""
    ours, theirs = tcp_pair()
    with ours:
        waiting = tasks.start(peek_until(ours, lambda data: 100, timeout=5, most=1000), "peek")
        theirs.sendall(b"\x16\x03")
        await eventually(lambda: 2 in counted)
        theirs.close()
        with pytest.raises(PeerLeft) as caught:
            await asyncio.wait_for(waiting, 2)
        assert caught.value.data == b"\x16\x03"
        assert len(counted) < 12


async def test_trap_a_a_peer_that_resets_halfway_is_noticed(counted: list[int]) -> None:
    ours, theirs = tcp_pair()
    with ours:
        waiting = tasks.start(peek_until(ours, lambda data: 100, timeout=5, most=1000), "peek")
        theirs.sendall(b"\x16\x03")
        await eventually(lambda: 2 in counted)
        reset(theirs)
        with pytest.raises((PeerLeft, ConnectionError)):
            await asyncio.wait_for(waiting, 2)
        assert len(counted) < 12


@pytest.mark.skipif(sys.platform != "linux", reason="a small buffer clamps the mark only here")
async def test_trap_b_a_mark_that_the_kernel_clamps_does_not_spin(counted: list[int]) -> None:
    """With a small receive buffer the socket is readable below the mark, for ever."""
    ours, theirs = tcp_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    with ours, theirs:
        theirs.sendall(b"x" * 1500)
        with pytest.raises(PeekTimeout):
            await peek_until(ours, lambda data: 60_000, timeout=0.3, most=65_536)
        assert len(counted) < 40, "each wake-up without progress has to wait"


async def test_trap_c_three_bytes_do_not_hang_on_a_mark_of_five(counted: list[int]) -> None:
    """What is wanted may shrink once more is known; the mark is never above what was asked last."""
    ours, theirs = tcp_pair()
    with ours, theirs:
        theirs.sendall(b"SSH")
        wanted = {1: 3, 2: 3, 3: 3}
        seen = await peek_until(ours, lambda data: wanted.get(len(data), 5), timeout=5, most=64)
        assert seen == b"SSH"


async def test_trap_c_a_head_without_a_length_asks_for_one_byte_more_each_time(counted: list[int]) -> None:
    ours, theirs = tcp_pair()

    def needs(data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        return len(data) + 1 if end < 0 else end + 4

    with ours, theirs:
        theirs.sendall(b"CONNECT a:1 HTTP/1.1\r\n")
        waiting = tasks.start(peek_until(ours, needs, timeout=5, most=4096), "peek")
        await eventually(lambda: 22 in counted)
        theirs.sendall(b"\r\n")
        assert (await waiting).endswith(b"\r\n\r\n")


@pytest.mark.skipif(not sockets.HAS_LOW_WATER_MARK, reason="no SO_RCVLOWAT here")
@pytest.mark.parametrize("ending", ["enough", "timeout", "left"])
async def test_the_mark_is_one_again_whatever_happened(ending: str) -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        theirs.sendall(b"ab")
        waiting = tasks.start(peek_until(ours, lambda data: 4, timeout=0.2, most=100), "peek")
        if ending == "enough":
            await asyncio.sleep(0)
            theirs.sendall(b"cd")
        elif ending == "left":
            theirs.shutdown(socket.SHUT_WR)
        try:
            await waiting
        except (PeekTimeout, PeerLeft):
            assert ending != "enough"
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


async def test_every_wait_has_a_deadline(counted: list[int]) -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        with pytest.raises(PeekTimeout) as caught:
            await peek_until(ours, lambda data: 10, timeout=0.05, most=100)
        assert caught.value.data == b""
        theirs.sendall(b"abc")
        with pytest.raises(PeekTimeout) as caught:
            await peek_until(ours, lambda data: 10, timeout=0.05, most=100)
        assert caught.value.data == b"abc"


async def test_no_more_than_the_limit_is_looked_at(counted: list[int]) -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        theirs.sendall(b"x" * 500)
        seen = await peek_until(ours, lambda data: len(data) + 1, timeout=5, most=100)
        assert len(seen) == 100
