"""A disk that is really full under a real recording: traffic goes on, the loss is told, nothing is torn."""

from __future__ import annotations

import http.client
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soth_mitm.model.events import BodyChunk, CaptureGap, Direction, Event, RequestHead
from soth_mitm.record.reader import DumpReader
from tests.helpers.origins import Answer, Origin
from tests.helpers.program import DEADLINE, Running, running

FIRST = 1024 * 1024
"""Bytes that the disk takes at first."""
BODY = bytes(range(256)) * 256
ANSWERS = {"/": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs a limit set from outside (Linux)"),
]

Room = Callable[[Running], None]
"""Makes room on the disk of a running program."""


@pytest.fixture(params=["mounted", "limited"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Room, Room]]:
    """Give a directory, what makes its disk small for a program, and what makes room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if request.param == "limited":
        yield disk, lambda program: _limit(program, FIRST), lambda program: _limit(program, 2**30)
        return
    mounted = _mount("-t", "tmpfs", "-o", f"size={FIRST}", "soth-test", disk)
    if mounted:
        pytest.skip(f"cannot mount a small disk here ({mounted})")
    try:
        yield disk, lambda _: None, lambda _: _grow(disk)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _mount(*arguments: str | Path) -> str:
    """Mount; return why that cannot be done."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""


def _grow(disk: Path) -> None:
    assert not _mount("-o", f"remount,size={64 * FIRST}", disk)


def _limit(program: Running, size: int) -> None:
    """Have no file of a program grow past `size` bytes."""
    resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (size, 2**30))


class Asking:
    """A client of one connection, that checks each answer and counts on."""

    def __init__(self, program: Running, origin: Origin) -> None:
        self.asked = 0
        self._prefix = origin.url("")
        self._connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=DEADLINE)

    def ask(self, count: int) -> None:
        """Ask so many times."""
        for _ in range(count):
            self.asked += 1
            self._connection.request("GET", f"{self._prefix}/?t{self.asked}-")
            assert self._connection.getresponse().read() == BODY

    def ask_until(self, condition: Callable[[], bool]) -> None:
        """Ask until something holds."""
        for _ in range(2000):
            if condition():
                return
            self.ask(1)
            threading.Event().wait(0.002)
        raise AssertionError("asked 2,000 times in vain")

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def test_a_full_disk_pauses_the_recording_with_traffic_going_on_and_nothing_corrupt(
    small: tuple[Path, Room, Room], tmp_path: Path
) -> None:
    disk, fill, make_room = small
    path, origin = disk / "full.soth", Origin(ANSWERS)
    arguments = ("--dump", "-p", "0", "-w", path, "--config", _few_bytes(tmp_path))
    with running(*arguments, home=tmp_path) as program:
        client = Asking(program, origin)
        fill(program)
        client.ask_until(lambda: "recording pauses, traffic goes on" in program.err)
        assert f"cannot write {path}: " in program.err
        lost_from = client.asked
        client.ask(40)
        lost_to = client.asked
        assert path.stat().st_size <= FIRST
        make_room(program)
        client.ask_until(lambda: f"recording to {path} goes on" in program.err)
        kept_from = client.asked + 1
        client.ask(8)
        client.close()
        assert program.end().code == 0
    origin.close()
    with DumpReader(path) as reader:
        events = list(reader)
    sizes = _sizes_of(events)
    # All before is whole (16 bodies of 64 KiB are what the disk took), all after is, and some between is not.
    assert {number: sizes.get(number) for number in range(1, 9)} == dict.fromkeys(range(1, 9), len(BODY))
    after = range(kept_from, client.asked + 1)
    assert {number: sizes.get(number) for number in after} == dict.fromkeys(after, len(BODY))
    gaps = [event.body for event in events if isinstance(event.body, CaptureGap)]
    assert {gap.cause for gap in gaps} == {"write_failed"}
    assert sum(gap.bytes for gap in gaps) >= (lost_to - lost_from - 20) * len(BODY)
    report = reader.report
    assert (report.damaged_blocks, report.torn_bytes, report.bad_frames) == (0, 0, 0)
    assert report.complete


def _few_bytes(place: Path) -> Path:
    """Return settings with which little waits for the disk before bodies are left out."""
    settings = place / "settings.toml"
    settings.write_text("[limits]\nrecorder_queue_bytes = 1_000_000\n")
    return settings


def _sizes_of(events: list[Event]) -> dict[int, int]:
    """Return how many bytes of each response were recorded, by the number of the request."""
    sizes, numbers = dict[int, int](), dict[int, int]()
    for event in events:
        body = event.body
        if isinstance(body, RequestHead):
            numbers[event.flow] = int(body.target.partition(b"?t")[2].rstrip(b"-"))
        elif isinstance(body, BodyChunk) and body.direction is Direction.RESPONSE:
            assert body.data == BODY[body.offset : body.offset + len(body.data)]
            sizes[event.flow] = sizes.get(event.flow, 0) + len(body.data)
    return {number: sizes.get(flow, 0) for flow, number in numbers.items()}
