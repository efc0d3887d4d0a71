"""Saving flows and bodies to files: whole or not at all, with errors that name the file and the way out."""

from __future__ import annotations

import asyncio
import errno
import gzip
import os
from pathlib import Path

import pytest

from soth_mitm.clock import ManualClock
from soth_mitm.config import Limits
from soth_mitm.errors import DumpError
from soth_mitm.model import events as e
from soth_mitm.record import target
from soth_mitm.record.bodysaving import WRITTEN_AT_ONCE, SavedBody
from soth_mitm.record.bus import Bus
from soth_mitm.record.livestore import LiveStore
from soth_mitm.record.store import Store
from tests.helpers import streams

RESPONSE = e.Direction.RESPONSE
MIB = 1024 * 1024
as_a_person = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the super-user"
)


class Live:
    """A bus, a stream that publishes to it, and a store that records it."""

    def __init__(self) -> None:
        self.bus = Bus(ManualClock())
        self.stream = streams.Stream(self.bus.publish)
        self.store: LiveStore = Store.live(self.bus, run_id="run-1", limits=Limits())

    def answer(self, body: bytes, *, coding: bytes = b"", ended: bool = True, captured: int = 1 << 40) -> int:
        """Pass one exchange whose response has this body, of which only the beginning is recorded."""
        pair = streams.connect(self.stream)
        flow = streams.request(pair)
        raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\n\r\n" % coding
        add = self.stream.add
        add(e.ResponseHead(200, b"OK", "HTTP/1.1", raw, b"text/plain", coding), conn=pair.conn, flow=flow)
        for at in range(0, len(body), 65_536):
            part = body[at : at + 65_536]
            chunk = e.BodyChunk(RESPONSE, at, len(part), part if at < captured else b"")
            add(chunk, conn=pair.conn, flow=flow)
        if ended:
            add(e.ResponseEnd(len(body), len(body)), conn=pair.conn, flow=flow)
            streams.close(pair, flow)
        return flow


def full(after: int) -> object:
    """Return a writer for which the disk is full after so many bytes."""
    real = target._write_all
    left = [after]

    def write(fd: int, data: bytes) -> None:
        left[0] -= len(data)
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd, data)

    return write


# --- flows ----------------------------------------------------------------------------------------


async def test_open_flows_are_saved_as_far_as_they_are(tmp_path: Path) -> None:
    live = Live()
    flow = live.answer(b"so far", ended=False)
    done = live.answer(b"all")
    await live.store.save(tmp_path / "a.soth", [flow, done])
    store = Store.open_dump(tmp_path / "a.soth")
    await store.load()
    assert [store.index.row(n).outcome for n in range(2)] == ["recording ends here", ""]
    assert await store.body(flow, RESPONSE) == b"so far"
    await store.close()
    await live.store.close()


@pytest.mark.parametrize("some", [False, True])
async def test_progress_rises_to_its_end(tmp_path: Path, some: bool) -> None:
    live = Live()
    flows = streams.many(live.stream, 3000)
    await live.store.recorder.flush()
    told: list[tuple[int, int]] = []
    chosen = flows[::7] if some else None
    await live.store.save(tmp_path / "a.soth", chosen, progress=lambda *step: told.append(step))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][0] == told[-1][1] > 3
    await live.store.close()


async def test_a_progress_that_raises_ends_the_save_and_leaves_nothing(tmp_path: Path) -> None:
    live = Live()
    live.answer(b"x")

    def stop(done: int, total: int) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await live.store.save(tmp_path / "a.soth", progress=stop)
    assert list(tmp_path.iterdir()) == []
    await live.store.close()


async def test_a_full_disk_names_file_and_room_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live()
    live.answer(os.urandom(3 * MIB))
    await live.store.recorder.flush()
    monkeypatch.setattr(target, "_write_all", full(MIB))
    with pytest.raises(DumpError) as caught:
        await live.store.save(tmp_path / "a.soth")
    said = str(caught.value)
    assert said.startswith(f"cannot save to {tmp_path}/a.soth: the disk is full (about 3,")
    assert " bytes are needed, " in said
    assert said.endswith(" are free); make room, or give another place")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    await live.store.save(tmp_path / "a.soth")
    await live.store.close()


@pytest.mark.parametrize("body", [False, True])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no/such.soth", r"there is no directory .*/no; make it"),
        ("file/a.soth", r".*/file is no directory"),
        ("dir", "it is a directory; give the name of a file in it"),
        ("file", "it exists already; give another name"),
        ("dangling", "it exists already; give another name"),
        ("x" * 300, "the name is too long"),
    ],
)
async def test_what_cannot_be_written_is_told_in_words(
    tmp_path: Path, name: str, why: str, body: bool
) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_text("precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    before = sorted(tmp_path.rglob("*"))
    live = Live()
    flow = live.answer(b"x")
    path = tmp_path / name
    with pytest.raises(DumpError, match=f"cannot save to .*: {why}"):
        await (live.store.save_body(flow, RESPONSE, path) if body else live.store.save(path))
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "precious"
    await live.store.close()


@as_a_person
async def test_a_directory_that_may_not_be_written_is_told_in_words(tmp_path: Path) -> None:
    live = Live()
    live.answer(b"x")
    tmp_path.chmod(0o500)
    with pytest.raises(DumpError, match="you may not write in"):
        await live.store.save(tmp_path / "a.soth")
    tmp_path.chmod(0o700)
    await live.store.close()


@pytest.mark.parametrize(
    ("code", "why"),
    [(errno.EACCES, "you may not write in"), (errno.EROFS, "is read-only"), (errno.EIO, "error")],
)
async def test_other_refusals_of_the_system_are_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, why: str
) -> None:
    live = Live()
    live.answer(b"x")

    def refuse(path: Path, flags: int) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(target, "_create", refuse)
    with pytest.raises(DumpError, match=why) as caught:
        await live.store.save(tmp_path / "a.soth")
    assert ".part" not in str(caught.value)
    await live.store.close()


async def test_a_file_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live()
    live.answer(b"x")
    path = tmp_path / "a.soth"

    def appear(done: int, total: int) -> None:
        path.write_text("precious")

    for links in (True, False):
        if not links:
            monkeypatch.setattr(
                os, "link", lambda a, b: (_ for _ in ()).throw(OSError(errno.EPERM, "no links"))
            )
        with pytest.raises(DumpError, match="exists already"):
            await live.store.save(path, progress=appear)
        assert path.read_text() == "precious"
        path.unlink()
    await live.store.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.soth"]
    await live.store.close()


async def test_a_file_of_the_persons_with_the_old_name_of_the_part_is_left_alone(tmp_path: Path) -> None:
    live = Live()
    live.answer(b"x")
    (tmp_path / "a.soth.part").write_text("precious")
    await live.store.save(tmp_path / "a.soth")
    assert (tmp_path / "a.soth.part").read_text() == "precious"
    await live.store.close()


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("decoded", [False, True])
async def test_a_body_is_saved_as_it_passed_or_decoded(tmp_path: Path, decoded: bool) -> None:
    live = Live()
    plain = os.urandom(700_000)
    coded = gzip.compress(plain, mtime=0)
    flow = live.answer(coded, coding=b"gzip")
    told: list[tuple[int, int]] = []
    path = tmp_path / "body"
    saved = await live.store.save_body(
        flow, RESPONSE, path, decoded=decoded, progress=lambda *step: told.append(step)
    )
    wanted = plain if decoded else coded
    assert path.read_bytes() == wanted
    assert saved == SavedBody(len(wanted))
    assert told[-1] == (len(coded), len(coded))
    assert len(told) == 3
    assert path.stat().st_mode & 0o077 == 0, "only the owner may read it"
    await live.store.close()


async def test_a_body_out_of_a_file_is_saved_too_and_over_another_if_told_so(tmp_path: Path) -> None:
    live = Live()
    flow = live.answer(b"abc")
    await live.store.save(tmp_path / "a.soth")
    store = Store.open_dump(tmp_path / "a.soth")
    await store.load()
    (tmp_path / "body").write_text("old")
    assert await store.save_body(flow, RESPONSE, tmp_path / "body", overwrite=True) == SavedBody(3)
    assert (tmp_path / "body").read_bytes() == b"abc"
    with pytest.raises(DumpError, match="this is where the flows come from"):
        await store.save_body(flow, RESPONSE, tmp_path / "a.soth", overwrite=True)
    await store.close()
    await live.store.close()


@pytest.mark.parametrize(
    ("body", "coding", "settings", "size", "note"),
    [
        (
            b"x" * 200_000,
            b"",
            {"captured": 65_536},
            65_536,
            "only its first 65,536 of 200,000 bytes were recorded",
        ),
        (b"abc", b"", {"ended": False}, 3, "the body has not ended"),
        (b"abc", b"gzip", {}, 3, "not gzip: incorrect header check"),
        (b"abc", b"rot13", {}, 3, "content coding 'rot13' is not known here"),
        (gzip.compress(b"y" * 100, mtime=0)[:-4], b"gzip", {}, 100, "the gzip data ends too early"),
    ],
)
async def test_what_is_not_all_of_it_or_not_decoded_is_said(
    tmp_path: Path, body: bytes, coding: bytes, settings: dict[str, int], size: int, note: str
) -> None:
    live = Live()
    flow = live.answer(body, coding=coding, **settings)  # type: ignore[arg-type]
    saved = await live.store.save_body(flow, RESPONSE, tmp_path / "body")
    assert saved == SavedBody(size, note)
    assert (tmp_path / "body").stat().st_size == size
    await live.store.close()


async def test_where_there_is_nothing_to_save_no_file_appears(tmp_path: Path) -> None:
    live = Live()
    empty, lost = live.answer(b""), live.answer(b"x" * 10, captured=0)
    path = tmp_path / "body"
    for flow, direction, why in (
        (empty, RESPONSE, "has no body"),
        (empty, e.Direction.REQUEST, "has no body"),
        (lost, RESPONSE, r"10 bytes\) and was not recorded"),
        (99, RESPONSE, "there is no flow 99"),
    ):
        with pytest.raises(DumpError, match=why):
            await live.store.save_body(flow, direction, path)
    assert list(tmp_path.iterdir()) == []
    await live.store.close()


async def test_a_full_disk_ends_the_save_of_a_body_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live()
    flow = live.answer(os.urandom(600_000))
    monkeypatch.setattr(target, "_write_all", full(300_000))
    with pytest.raises(DumpError, match=r"the disk is full \(about 600,000 bytes are needed"):
        await live.store.save_body(flow, RESPONSE, tmp_path / "body")
    assert list(tmp_path.iterdir()) == []
    await live.store.close()


async def test_a_bomb_is_written_in_steps_and_can_be_stopped(tmp_path: Path) -> None:
    live = Live()
    flow = live.answer(gzip.compress(bytes(200 * MIB), 9), coding=b"gzip")
    saving = asyncio.get_running_loop().create_task(live.store.save_body(flow, RESPONSE, tmp_path / "body"))
    async with asyncio.timeout(20):
        while not sum(each.stat().st_size for each in tmp_path.iterdir()):
            await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list(tmp_path.iterdir()) == []
    assert WRITTEN_AT_ONCE < 200 * MIB
    await live.store.close()


async def test_a_message_names_the_file_in_text_that_no_terminal_obeys(tmp_path: Path) -> None:
    live = Live()
    live.answer(b"x")
    with pytest.raises(DumpError) as caught:
        await live.store.save(tmp_path / "a\x1b[31m" / "b\x1b]52;c;x\x07")
    assert "\\x1b[31m" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    await live.store.close()
