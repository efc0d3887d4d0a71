"""kill -9 and SIGSTOP during a load, and a flipped byte: what the recording holds, what it says is lost."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import signal
import ssl
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from soth_mitm.model.events import CaptureGap
from soth_mitm.record.format import BLOCK_HEADER_SIZE
from soth_mitm.record.reader import Block, DumpReader
from soth_mitm.record.rows import Row, RowFold
from tests.e2e.proxied import Proxied
from tests.helpers.origins import HOST, Answer, Authority, Origin
from tests.helpers.program import DEADLINE, running, soth_mitm

FLUSHED = 0.3
"""Seconds after which a flow that has ended must be in the file, whatever happens."""
LASTS = 0.7
"""Seconds of load before it is stopped, and again before the kill, at least."""
STOPPED = 0.4
"""Seconds for which it is stopped."""
FLOWS = 200
"""Flows before it is stopped, and again before the kill, at least."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that nobody can catch"),
]

BODY = b"0123456789abcdef" * 64
ANSWERS = {"/": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))}


class Load:
    """Clients that ask one after another until they are cut off, and note when each answer was whole."""

    def __init__(self, proxied: Proxied, origins: tuple[Origin, ...]) -> None:
        self.ended: dict[str, float] = {}
        self._proxied = proxied
        self._threads = [
            threading.Thread(target=self._ask, args=(number, origin), daemon=True)
            for number, origin in enumerate(origins * 2)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, number: int, origin: Origin) -> None:
        port = self._proxied.program.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        prefix = origin.url("")
        if origin.scheme == "https":
            context = ssl.create_default_context(cafile=self._proxied.ca)
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE, context=context)
            connection.set_tunnel(HOST, origin.port)
            prefix = ""
        count = 0
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            while True:
                count += 1
                token = f"t{number}-{count}-"
                connection.request("GET", f"{prefix}/?{token}")
                assert connection.getresponse().read() == BODY
                self.ended[token] = time.monotonic()

    def wait(self) -> None:
        """Wait until it has lasted."""
        start, most = time.monotonic(), len(self.ended) + FLOWS
        while len(self.ended) < most or time.monotonic() < start + LASTS:
            assert time.monotonic() < start + DEADLINE, "the load does not get on"
            assert all(thread.is_alive() for thread in self._threads)
            threading.Event().wait(0.01)

    def join(self) -> None:
        """Wait until every client was cut off."""
        for thread in self._threads:
            thread.join(DEADLINE)


class Killed(NamedTuple):
    """A recording whose writer was stopped for a while and later killed, and when its flows ended."""

    path: Path
    ended: dict[str, float]
    at: float
    """When it was killed."""
    stopped: tuple[float, float]
    """When it was stopped, and when it was to go on."""
    meanwhile: Path
    """A copy of the recording from between."""


@pytest.fixture(scope="module")
def killed(place: Path, authority: Authority) -> Killed:
    """Kill a recording proxy while it works."""
    path = place / "killed.soth"
    origins = Origin(ANSWERS), Origin(ANSWERS, authority.server_context())
    with running("--dump", "-q", "-k", "-p", "0", "-w", path, home=place) as program:
        load = Load(Proxied(program, place), origins)
        load.wait()
        program.send(signal.SIGSTOP)
        stopped = time.monotonic()
        meanwhile = place / "stopped.soth"
        threading.Event().wait(STOPPED)
        shutil.copy(path, meanwhile)
        went_on = time.monotonic()
        program.send(signal.SIGCONT)
        load.wait()
        at = time.monotonic()
        program.send(signal.SIGKILL)
        assert program.ended().code == -signal.SIGKILL
        load.join()
    for origin in origins:
        origin.close()
    return Killed(path, dict(load.ended), at, (stopped, went_on), meanwhile)


def flows_of(path: Path) -> tuple[dict[str, str], str]:
    """Read a recording; return the reason of each flow by its token, and what is said about it."""
    fold, rows = RowFold(), dict[int, Row]()
    with DumpReader(path) as reader:
        for event in reader:
            row = fold.apply(event)
            if row is not None:
                rows[row.flow] = row
        said = reader.report.text()
    return {row.path.partition("?")[2]: row.reason for row in rows.values() if "?" in row.path}, said


def told_of(path: Path, home: Path) -> str:
    """Return what the program says about a recording that it reads."""
    result = soth_mitm("--dump", "-r", path, home=home)
    assert result.code == 0, result.err
    return result.err


def blocks_of(path: Path) -> list[tuple[Block, set[str]]]:
    """Return the blocks, and the tokens of the flows that have an event in each."""
    found, tokens = [], dict[int, str]()
    with DumpReader(path) as reader:
        for block in reader.blocks():
            flows = set()
            for frame, event in reader.events_in(block):
                flows.add(frame.flow)
                target = getattr(event.body, "target", b"")
                if b"?" in target:
                    tokens[frame.flow] = target.partition(b"?")[2].decode()
            found.append((block, flows))
    return [(block, {tokens[flow] for flow in flows if flow in tokens}) for block, flows in found]


def test_every_flow_that_ended_before_the_last_flush_is_whole_in_the_file(
    killed: Killed, place: Path
) -> None:
    flows, _ = flows_of(killed.path)
    said = told_of(killed.path, place)
    safe = {token for token, ended in killed.ended.items() if ended <= killed.at - FLUSHED}
    assert len(safe) > FLOWS / 4
    assert {token for token in safe if flows.get(token) != "completed"} == set()
    assert said.count("\n") == 1
    assert "not closed properly" in said or "cut off at the end" in said


def test_a_writer_that_was_stopped_loses_nothing_and_can_be_read_meanwhile(killed: Killed) -> None:
    stopped, went_on = killed.stopped
    flows, _ = flows_of(killed.meanwhile)
    safe = {token for token, ended in killed.ended.items() if ended <= stopped - FLUSHED}
    assert len(safe) > FLOWS / 4
    assert {token for token in safe if flows.get(token) != "completed"} == set()
    # It was silent; those that waited meanwhile were answered as if nothing had been.
    assert not [ended for ended in killed.ended.values() if stopped + FLUSHED < ended < went_on]
    with DumpReader(killed.path) as reader:
        gaps = [event.body for event in reader if isinstance(event.body, CaptureGap)]
        assert reader.report.damaged_blocks == 0
    assert gaps == []


def test_a_torn_tail_costs_what_was_in_it_and_is_told(killed: Killed, place: Path) -> None:
    whole, _ = flows_of(killed.path)
    block, inside = blocks_of(killed.path)[-1]
    torn = place / "torn.soth"
    torn.write_bytes(killed.path.read_bytes()[: block.offset + block.length // 2])
    flows, said = flows_of(torn)
    assert f"cut off at the end ({block.length // 2:,} bytes of an unfinished block)" in said
    assert {token for token in whole if flows.get(token) != whole[token]} <= inside


def test_a_flipped_byte_costs_the_flows_of_one_block_at_most(killed: Killed, place: Path) -> None:
    whole, _ = flows_of(killed.path)
    blocks = blocks_of(killed.path)
    assert len(blocks) > 4
    block, inside = blocks[len(blocks) // 2]
    damaged = place / "damaged.soth"
    # In the payload, and in the header of the block.
    for at in (block.offset + BLOCK_HEADER_SIZE + block.length // 2, block.offset + 12):
        shutil.copy(killed.path, damaged)
        with damaged.open("r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0x10]))
        flows, said = flows_of(damaged)
        lost = {token for token in whole if flows.get(token) != whole[token]}
        assert lost
        assert lost <= inside
        assert f"1 damaged place passed over ({block.length:,} bytes" in said
        assert f", at byte {block.offset:,})" in said
