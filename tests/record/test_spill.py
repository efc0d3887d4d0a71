"""The spill: private, capped, gone after a clean end, offered once after a crash."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from soth_mitm.config import Limits
from soth_mitm.errors import DumpError
from soth_mitm.record.format import SEGMENT_BYTES
from soth_mitm.record.spill import find_crashed, open_spill

CRASH = """
import os, sys
from pathlib import Path
from soth_mitm.config import Limits
from soth_mitm.record.spill import open_spill
spill = open_spill(sys.argv[2], limits=Limits(), root=Path(sys.argv[1]))
spill.target.begin(1)
spill.target.write(b"x" * 100)
os.kill(os.getpid(), 9)
"""


def crash(root: Path, run_id: str) -> Path:
    """Leave what a killed process leaves."""
    subprocess.run([sys.executable, "-c", CRASH, str(root), run_id], check=False, timeout=30)
    return root / run_id


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spill"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of this kind are POSIX")
def test_the_spill_is_private(root: Path) -> None:
    old = os.umask(0)
    try:
        spill = open_spill("run1", limits=Limits(), root=root)
        spill.target.begin(1)
        spill.target.write(b"x")
    finally:
        os.umask(old)
    assert (mode(root), mode(spill.path)) == (0o700, 0o700)
    assert {mode(file) for file in spill.path.iterdir()} == {0o600}
    spill.target.close()
    spill.close(delete=True)


def test_the_spill_is_capped_by_its_limit_and_by_a_tenth_of_the_free_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(root.parents[1])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000_000_000_000))
    large = open_spill("large", limits=Limits(), root=root)
    assert (large.keep_bytes, large.segment_bytes) == (4 * 1024**3, SEGMENT_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000_000))
    small = open_spill("small", limits=Limits(), root=root)
    assert (small.keep_bytes, small.segment_bytes) == (100_000_000, 25_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    least = open_spill("least", limits=Limits(), root=root)
    assert (least.keep_bytes, least.segment_bytes) == (4 << 20, 1 << 20)
    least.close(delete=True)
    large.close(delete=True)
    small.close(delete=True)


def test_a_clean_end_removes_the_spill(root: Path) -> None:
    spill = open_spill("run1", limits=Limits(), root=root)
    spill.target.begin(1)
    spill.target.write(b"x")
    spill.target.close()
    spill.close(delete=True)
    assert list(root.iterdir()) == []


def test_a_spill_that_is_kept_stays_and_is_never_called_crashed(root: Path) -> None:
    spill = open_spill("run1", limits=Limits(), root=root)
    spill.target.begin(1)
    spill.target.write(b"x")
    spill.target.close()
    spill.close(delete=False)
    assert find_crashed(root) == []
    assert spill.target.file_of(1).read_bytes() == b"x"


def test_the_spill_of_a_running_process_is_left_alone(root: Path) -> None:
    spill = open_spill("run1", limits=Limits(), root=root)
    spill.target.begin(1)
    spill.target.write(b"x")
    assert find_crashed(root) == []
    assert spill.target.file_of(1).exists()
    spill.target.close()
    spill.close(delete=True)


def test_what_a_crash_left_is_offered_once_and_then_purged(root: Path) -> None:
    path = crash(root, "dead")
    (found,) = find_crashed(root)
    assert (found.path, found.run_id, found.bytes) == (path, "dead", 100)
    assert found.last_write_ns == (path / "000001.soth").stat().st_mtime_ns
    assert path.exists()
    assert find_crashed(root) == []
    assert not path.exists()


def test_crashed_spills_come_newest_first_and_purge_removes_one(root: Path) -> None:
    for number, name in enumerate(("a", "c", "b")):
        file = crash(root, name) / "000001.soth"
        os.utime(file, ns=(number * 10**9, number * 10**9))
    found = find_crashed(root)
    assert [each.run_id for each in found] == ["b", "c", "a"]
    found[0].purge()
    assert not (root / "b").exists()
    assert (root / "c").exists()


def test_a_crash_before_the_first_segment_leaves_nothing_to_offer(root: Path) -> None:
    path = crash(root, "dead")
    (path / "000001.soth").unlink()
    assert find_crashed(root) == []
    assert not path.exists()


def test_purging_never_removes_what_is_not_ours(root: Path) -> None:
    path = crash(root, "dead")
    (path / "notes.txt").write_text("mine")
    (found,) = find_crashed(root)
    found.purge()
    assert [file.name for file in path.iterdir()] == ["notes.txt"]


def test_a_spill_that_is_just_being_made_is_left_alone(root: Path) -> None:
    path = root / "starting"
    path.mkdir(parents=True)
    assert find_crashed(root) == []
    (path / "lock").touch()
    assert find_crashed(root) == []
    assert path.exists()


def test_without_a_spill_directory_there_is_nothing_to_find(root: Path) -> None:
    assert find_crashed(root) == []


def test_a_spill_that_cannot_be_made_says_where_why_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DumpError, match=r"file.spill.run1.*--no-spill"):
        open_spill("run1", limits=Limits(), root=tmp_path / "file" / "spill")
