"""docs/dump-format.md says what the code does: its tables, and the reader it contains."""

from __future__ import annotations

import asyncio
import re
import struct
import subprocess
import sys
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest

from soth_mitm.config import Limits
from soth_mitm.model.events import BodyChunk, Direction, SessionEnded, SessionStarted
from soth_mitm.model.llm import Call
from soth_mitm.record import bycolumn, checkpoint, footer, layout, recorder, rowindex, rowindexer
from soth_mitm.record import format as dump_format
from soth_mitm.record.bus import Bus
from soth_mitm.record.footer import BlockEntry
from soth_mitm.record.format import SegmentInfo
from soth_mitm.record.frames import FRAME_CHECKPOINT, FRAME_SIZE
from soth_mitm.record.packed import Packed
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rows import Row
from soth_mitm.record.target import FileTarget
from tests.record.streams import exchange

DOC = (Path(__file__).parents[2] / "docs" / "dump-format.md").read_text(encoding="utf-8")
READER = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)[0]
STRUCT_OF = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i64": "q"}


def section(title: str) -> str:
    return DOC.split(f"\n## {title}\n")[1].split("\n## ")[0]


def layout_of(title: str) -> list[tuple[int, str, str]]:
    """Return offset, struct code and name of the rows of a section's byte table that have a fixed place."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (\w+) \| (\w+) \|", section(title), re.MULTILINE)
    found = []
    for offset, size, kind, name in rows:
        if size.isdecimal():
            code = f"{size}s" if kind == "bytes" else STRUCT_OF[kind]
            assert struct.calcsize(code) == int(size), name
            found.append((int(offset), code, name))
    return found


@pytest.mark.parametrize(
    ("title", "size", "code"),
    [
        ("Segment header", dump_format.SEGMENT_HEADER_SIZE, "8sHHI"),
        ("Block header", dump_format.BLOCK_HEADER_SIZE, "8sBBHIIIQQII"),
        ("Frame", FRAME_SIZE, "IHHQQQIqq"),
    ],
)
def test_a_table_names_every_byte_of_its_header(title: str, size: int, code: str) -> None:
    rows = layout_of(title)
    place = 0
    for offset, row_code, name in rows:
        assert offset == place, name
        place += struct.calcsize(row_code)
    assert place == size
    assert "".join(row_code for _, row_code, _ in rows) == code
    assert struct.calcsize("<" + code) == size


def test_the_magics_are_those_of_the_code() -> None:
    def spaced(data: bytes) -> str:
        return " ".join(f"{each:02X}" for each in data)

    assert f"`{spaced(dump_format.SEGMENT_MAGIC)}`" in section("Segment header")
    assert f"`{spaced(dump_format.BLOCK_MAGIC)}`" in section("Block header")
    assert f"`{spaced(dump_format.MAGIC_PREFIX)}`" in section("Reading damaged files")
    assert f"`{spaced(footer.END_MAGIC)}`" in section("Footer")


def test_the_map_and_the_table_are_those_of_the_code() -> None:
    keys = re.findall(r"^\| `(\w+)` \|", section("Segment header"), re.MULTILINE)
    assert tuple(keys) == SegmentInfo.__struct_fields__
    assert f"`[{', '.join(BlockEntry.__struct_fields__)}]`" in section("Footer")
    assert f"The last {footer.TAIL.size} bytes" in section("Footer")


def test_the_row_index_is_described_as_the_code_has_it() -> None:
    page = section("Row index")
    words = " ".join(page.split())
    for struct_type in (rowindex.IndexPart, rowindex.Digest, rowindex.SegmentEnd, Packed):
        assert f"`[{', '.join(struct_type.__struct_fields__)}]`" in words
    for names in (bycolumn.SITE, bycolumn.RESULT, Call.__struct_fields__):
        listed = words.replace(" (without its port)", "").replace(" and `", ", `")
        assert ", ".join(f"`{name}`" for name in names) in listed
    keys = [
        key
        for line in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", line)
    ]
    assert sorted(keys) == sorted((*rowindex.Digest.__struct_fields__, *Row.__struct_fields__))
    assert f"up to {rowindex.EVENTS_AT_ONCE} events" in page
    assert f"more than {rowindexer.MOST_OPEN:,} flows are open" in words


def test_the_limits_and_flags_are_those_of_the_code() -> None:
    assert dump_format.VERSION == 1
    assert (dump_format.BLOCK_FOOTER, dump_format.BLOCK_CHECKPOINT, FRAME_CHECKPOINT) == (1, 2, 1)
    assert (dump_format.BLOCK_INDEX, rowindex.INDEX_VERSION) == (5, 1)
    mib = 1024 * 1024
    for value, text in [
        (dump_format.SEGMENT_BYTES / mib, "64 MiB. It ends"),
        (dump_format.BLOCK_BYTES / 1024, "256 KiB; a frame"),
        (dump_format.FRAME_BYTES / mib, "8 MiB |"),
        (dump_format.SEGMENT_MAP_BYTES / mib, "1 MiB |"),
        (dump_format.FLUSH_BYTES / 1024, "64 KiB, or"),
        (recorder.FLUSH_SECONDS * 1000, "100 ms after"),
        (checkpoint.CHECKPOINT_BYTES / mib, "8 MiB in all"),
        (checkpoint.PER_ITEM, "32 of a flow"),
    ]:
        assert text in DOC
        assert text.startswith(f"{value:g} ")
    assert f"| blocks of a segment | {layout.SEGMENT_BLOCKS:,}" in DOC


async def dump(path: Path) -> None:
    bus = Bus()
    recorder = Recorder(bus, FileTarget(path), run_id="run", limits=Limits(), segment_bytes=700_000)
    bus.publish(SessionStarted("run", "1"))
    for flow in range(1, 301):
        for number, body in enumerate(exchange(bytes([flow % 256]) * 2000), 1):
            bus.publish(body, 1, flow, number)
    for number in range(20):
        data = bytes(50_000)
        bus.publish(BodyChunk(Direction.RESPONSE, number * 50_000, 50_000, data), 1, 301, number + 1)
    bus.publish(SessionEnded("done"))
    await recorder.close()


def run_reader(path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-bb", "-W", "error", "-c", READER, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def expected(path: Path) -> list[str]:
    lines = []
    with DumpReader(path) as reader:
        for block in reader.blocks():
            for frame, event in reader.events_in(block):
                body = msgpack.unpackb(block.payload[frame.start : frame.end])
                lines.append(
                    f"{event.seq} {hex(frame.kind)} {event.conn} {event.flow} {event.flow_seq} "
                    f"{event.mono_ns} {event.wall_ns} {body}"
                )
    return lines


def test_the_reader_of_the_page_reads_a_real_file_as_ours_does(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    asyncio.run(dump(path))
    lines = run_reader(path)
    assert len(lines) == 300 * 8 + 22
    assert lines == expected(path)


def test_the_reader_of_the_page_survives_damage_and_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    asyncio.run(dump(path))
    data = bytearray(path.read_bytes())
    with DumpReader(path) as reader:
        spans = [(block.offset, block.length) for block in reader.blocks()]
    data[spans[2][0] + 100] ^= 1
    data[spans[3][0] + 10] ^= 1
    del data[spans[-1][0] + spans[-1][1] - 10 :]
    path.write_bytes(data)
    lines = run_reader(path)
    assert 0 < len(lines) < 300 * 8 + 22
    assert lines == expected(path)


def test_the_reader_of_the_page_is_about_forty_lines() -> None:
    code = [line for line in READER.splitlines() if line.strip()]
    assert len(code) <= 50
