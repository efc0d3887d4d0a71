"""Asking beside the traffic: nothing waits, everything is bounded, and what cannot be said is counted."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from soth_mitm.config import Limits
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Target
from soth_mitm.model.events import Body, ConnOpened, Event, Notice, ProcessKnown, Side
from soth_mitm.model.limits import Counters
from soth_mitm.net.life import ConnLife
from soth_mitm.net.process.ends import Ends
from soth_mitm.net.process.lookup import SAVED, ProcessLookup
from soth_mitm.net.process.source import Facts
from soth_mitm.record.bus import Bus
from tests.helpers.net import OK, Lab
from tests.helpers.wire import eventually


class Machine:
    """Every connection is of one process; each look waits until it is let through."""

    def __init__(self) -> None:
        self.pass_on = threading.Event()
        self.pass_on.set()
        self.batches: list[int] = []
        self.fails = False
        self.knows = True

    def owners(self, wanted: Mapping[int, Ends], likely: Iterable[int]) -> dict[int, int]:
        self.batches.append(len(wanted))
        self.pass_on.wait(5)
        if self.fails:
            raise OSError("no such thing here")
        return dict.fromkeys(wanted, 5) if self.knows else {}

    def facts(self, pid: int) -> Facts | None:
        return Facts(pid, "1", "curl", 1)

    def command(self, pid: int) -> tuple[bytes, list[bytes]]:
        return b"/usr/bin/curl", [b"curl", b"-v"]


class Desk:
    """A look-up with connections to ask about."""

    def __init__(self, limits: Limits) -> None:
        self.machine = Machine()
        self.counters = Counters()
        self.published: list[Body] = []
        self.events: list[Event] = []
        self.bus = Bus()
        self.bus.attach(self.events.append)
        self.lookup = ProcessLookup(
            asyncio.get_running_loop(),
            limits,
            counters=self.counters,
            publish=self.published.append,
            source=lambda: self.machine,
        )
        self.sockets: list[socket.socket] = []
        self.lives: list[ConnLife] = []

    def connect(self) -> ConnLife:
        """Ask about a connection, over TCP so that the kernel does not name the process by itself."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        self.sockets += [client, accepted]
        life = ConnLife(self.bus, len(self.lives) + 1)
        self.lives.append(life)
        life.emit(ConnOpened(Side.CLIENT, "127.0.0.1:1"))
        self.lookup.ask(life, accepted)
        return life

    @property
    def known(self) -> list[int]:
        return [event.conn for event in self.events if isinstance(event.body, ProcessKnown)]


@contextmanager
def desk(**limits: float) -> Iterator[Desk]:
    opened = Desk(Limits(**limits))  # type: ignore[arg-type]
    try:
        yield opened
    finally:
        opened.machine.pass_on.set()
        opened.lookup.close()
        for sock in opened.sockets:
            sock.close()


async def test_the_connection_is_told_its_program() -> None:
    with desk() as at:
        life = at.connect()
        await eventually(lambda: at.known)
        assert life.process == ProcessKnown(5, "curl", "/usr/bin/curl", "curl -v", "curl", 1)
        assert at.counters.hits == {"process_cache_misses": 1}


async def test_what_is_asked_meanwhile_goes_together_in_one_batch() -> None:
    with desk() as at:
        at.machine.pass_on.clear()
        at.connect()
        await eventually(lambda: at.machine.batches)
        for _ in range(5):
            at.connect()
        at.machine.pass_on.set()
        await eventually(lambda: len(at.known) == 6)
        assert at.machine.batches == [1, 5]
        assert at.counters.hits["process_cache_hits"] == 5


async def test_a_connection_that_ended_meanwhile_is_told_nothing() -> None:
    with desk() as at:
        at.machine.pass_on.clear()
        life = at.connect()
        later = at.connect()
        await eventually(lambda: at.machine.batches)
        life.close("completed")
        at.machine.pass_on.set()
        await eventually(lambda: at.known)
        assert at.known == [later.number]
        assert at.counters.hits["process_unknown"] == 1


async def test_more_questions_than_may_wait_are_not_asked() -> None:
    with desk(process_queue=2) as at:
        at.machine.pass_on.clear()
        for _ in range(4):
            at.connect()
        assert at.counters.hits == {"process_queue": 2}
        at.machine.pass_on.set()
        await eventually(lambda: len(at.known) == 2)


async def test_a_system_that_does_not_answer_is_given_up_and_told_once() -> None:
    with desk(process_timeout=3.0) as at:
        at.machine.pass_on.clear()
        at.connect()
        await eventually(lambda: at.machine.batches)
        at.connect()
        now = asyncio.get_running_loop().time()
        at.lookup.tick(now + 2)
        assert "process_timeout" not in at.counters.hits
        at.lookup.tick(now + 4)
        at.lookup.tick(now + 5)
        assert at.counters.hits["process_timeout"] == 2
        (notice,) = at.published
        assert isinstance(notice, Notice)
        assert "has not said for 3 s" in notice.text
        at.machine.pass_on.set()
        life = at.connect()
        await eventually(lambda: at.known == [life.number])


async def test_a_failure_is_counted_and_the_next_question_is_asked_all_the_same() -> None:
    with desk() as at:
        at.machine.fails = True
        at.connect()
        await eventually(lambda: "process_failures" in at.counters.hits)
        at.machine.fails = False
        at.connect()
        await eventually(lambda: at.known == [2])
        assert at.counters.hits["process_unknown"] == 1
        (notice,) = at.published
        assert isinstance(notice, Notice)
        assert "no such thing here" in notice.text


async def test_a_program_that_nobody_finds_is_counted() -> None:
    with desk() as at:
        at.machine.knows = False
        at.connect()
        await eventually(lambda: at.counters.hits.get("process_unknown") == 1)
        assert not at.known


async def test_the_thread_rests_once_it_has_worked_for_too_long() -> None:
    with desk() as at:
        at.connect()
        await eventually(lambda: at.known)
        at.lookup._credit.spend(SAVED + 0.001)
        began = asyncio.get_running_loop().time()
        at.connect()
        await eventually(lambda: len(at.known) == 2)
        assert asyncio.get_running_loop().time() - began >= 0.015


async def test_nothing_comes_after_the_end() -> None:
    with desk() as at:
        at.machine.pass_on.clear()
        at.connect()
        await eventually(lambda: at.machine.batches)
        at.lookup.close()
        at.machine.pass_on.set()
        at.connect()
        await asyncio.sleep(0)
        assert not at.known


# --- through a proxy --------------------------------------------------------------------------------


async def test_an_intercepted_connection_knows_this_very_program(lab: Lab) -> None:
    seen: list[str] = []

    class Picky(Handler):
        def should_intercept_tls(self, target: Target) -> bool:
            seen.append(target.process)
            return True

    await lab.start(handler=Picky(), process_lookup=True)
    link = await lab.link("tls")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    known = await lab.one(ProcessKnown)
    assert known.pid > 0
    assert known.name
    assert seen in ([known.name], [""])


async def test_where_it_is_switched_off_nobody_is_asked(lab: Lab) -> None:
    proxy = await lab.start(process_lookup=False)
    link = await lab.link("plain")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    assert not lab.all(ProcessKnown)
    assert proxy._shared.processes is None
    assert not [thread for thread in threading.enumerate() if thread.name == "process lookup"]


class Far(socket.socket):
    """A connection from somewhere else."""

    def getpeername(self) -> tuple[str, int]:
        return "192.0.2.1", 5

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.9", 8080


async def test_a_client_of_another_machine_is_not_asked_about() -> None:
    with desk() as at, Far() as far:
        at.lookup.ask(ConnLife(at.bus, 1), far)
        assert at.counters.levels == {}
