"""A dump of a gigabyte with 500,000 flows, and how it is read: `python -m bench.bigdump [FILE] [--flows N]`.

The file is made once (about a minute), and kept. Then, each in a process of its own: the time until the first
rows are there, the rate at which all rows are listed, and memory; the same where the row index is damaged, so
that the events have to be read; and a conversion to HAR.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from soth_mitm.model import events as e
from soth_mitm.record.eventfile import EventFile
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.store import Store
from soth_mitm.record.target import FileTarget
from soth_mitm.record.walking import IndexedSegment

FLOWS = 500_000
WALL = 1_767_225_600_000_000_000
FIRST_ROWS = 50


def make(path: Path, flows: int) -> None:
    """Write the dump: JSON answers of about 1.4 KiB over 1,000 connections."""
    target = FileTarget(path)
    writer = EventFile(target, run_id="bench")
    now = 0

    def put(body: e.Body, conn: int = 0, flow: int = 0, flow_seq: int = 0) -> None:
        nonlocal now
        now += 20_000
        writer.write(e.Event(0, conn, flow, flow_seq, now, WALL + now, body))

    put(e.SessionStarted("bench", "0"))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: now\r\n\r\n"
    for flow in range(1, flows + 1):
        conn = 2 * ((flow - 1) * 1000 // flows) + 1
        client = f"127.0.0.1:{40_000 + conn}"
        if flow == 1 or conn != 2 * ((flow - 2) * 1000 // flows) + 1:
            put(e.ConnOpened(e.Side.CLIENT, client), conn)
            put(e.ConnOpened(e.Side.UPSTREAM, "192.0.2.1:443"), conn + 1)
        body = b'{"id": %d, "items": [%b]}' % (flow, b'{"name": "thing", "price": 12.5}, ' * 38)
        path_of = b"/v1/items/%d?page=2" % flow
        raw = b"GET %b HTTP/1.1\r\nHost: api%d.test\r\nAccept: */*\r\n\r\n" % (path_of, flow % 50)
        host = f"api{flow % 50}.test"
        for number, each in enumerate(
            (
                e.FlowOpened(e.FlowKind.HTTP, "https", host, 443, client, True),
                e.RequestHead(b"GET", path_of, "HTTP/1.1", raw, path_of),
                e.FlowBound(conn, conn + 1, True, "192.0.2.1:443"),
                e.RequestEnd(0, 0),
                e.ResponseHead(200, b"OK", "HTTP/1.1", head % len(body), b"application/json"),
                e.BodyChunk(e.Direction.RESPONSE, 0, len(body), body),
                e.ResponseEnd(len(body), len(body)),
                e.FlowClosed("completed"),
            ),
            1,
        ):
            put(each, conn, flow, number)
    put(e.SessionEnded("shutdown"))
    writer.close()
    target.close()


def spoil(path: Path, spoilt: Path) -> None:
    """Copy a dump, with a flipped byte in the last part of the row index of each segment."""
    shutil.copyfile(path, spoilt)
    with DumpReader(path) as reader, spoilt.open("r+b") as file:
        for each in reader.sections():
            if isinstance(each, IndexedSegment):
                at = each.last_part + 100
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1]))


async def _load(path: Path) -> dict[str, float]:
    started = time.perf_counter()
    store = Store.open_dump(path)
    loading = asyncio.get_running_loop().create_task(store.load())
    while store.index.end < FIRST_ROWS and not loading.done():
        await asyncio.sleep(0)
    first = time.perf_counter() - started
    await loading
    seconds = time.perf_counter() - started
    rows = store.index.end
    await store.close()
    return {"first": first, "seconds": seconds, "rows": rows, "cpu": time.process_time()}


def _measure(path: Path) -> None:
    found = asyncio.run(_load(path))
    found["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def _report(path: Path, how: str) -> None:
    """List the rows of a file in another process, and print how that went."""
    size = path.stat().st_size / 1e6
    found: dict[str, float] = json.loads(_in_a_process("-m", "bench.bigdump", str(path), "--measure"))
    print(f"{how}: {size:,.0f} MB, {found['rows']:,.0f} rows")
    print(f"  first {FIRST_ROWS} rows   {found['first'] * 1000:,.0f} ms")
    seconds, cpu = found["seconds"], found["cpu"]
    print(f"  all rows        {seconds:.1f} s, {size / seconds:.0f} MB/s; {cpu:.1f} s of CPU")
    print(f"  memory (RSS)    {found['rss']:.0f} MB")


def _report_conversion(path: Path) -> None:
    """Write a file as HAR in another process, and print how that went."""
    with tempfile.TemporaryDirectory() as directory:
        har = Path(directory, "out.har")
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "soth_mitm", "convert", str(path), str(har), "-q"])
        _, status, used = os.wait4(process.pid, 0)  # what all children have used is not asked
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"the conversion failed (exit code {process.returncode})")
    rate = path.stat().st_size / 1e6 / seconds
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"convert to HAR  {seconds:.1f} s, {rate:.0f} MB/s; {cpu:.1f} s of CPU, {peak:.0f} MB")


def _in_a_process(*argv: str) -> str:
    return subprocess.run([sys.executable, *argv], capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Make the file where there is none, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.bigdump")
    parser.add_argument("file", nargs="?", default=str(Path(tempfile.gettempdir()) / "soth-bench.soth"))
    parser.add_argument("--flows", type=int, default=FLOWS)
    parser.add_argument("--no-har", action="store_true", help="leave the conversion out")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    path = Path(arguments.file)
    if arguments.measure:
        _measure(path)
        return
    if not path.exists():
        started = time.perf_counter()
        make(path, arguments.flows)
        print(f"made {path} in {time.perf_counter() - started:.1f} s")
    _report(path, "by its index")
    with tempfile.TemporaryDirectory() as directory:
        spoilt = Path(directory, "spoilt.soth")
        spoil(path, spoilt)
        _report(spoilt, "without one")
    if not arguments.no_har:
        _report_conversion(path)


if __name__ == "__main__":
    main()
