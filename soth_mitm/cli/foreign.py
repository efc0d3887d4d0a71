"""Files of other formats where a dump is asked for: read into a temporary `.soth`, then looked at."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.cli.output import say
from soth_mitm.errors import DumpError
from soth_mitm.net.tasks import start
from soth_mitm.record.importing import import_file
from soth_mitm.record.kinds import format_of_file
from soth_mitm.record.target import FileTarget

if TYPE_CHECKING:
    from soth_mitm.record.importing import Progress
    from soth_mitm.record.kinds import Format


class _Stopped(Exception):
    """Nobody wants the rest."""


@contextlib.contextmanager
def named_file(name: str) -> Iterator[Path]:
    """Give a file by its name; `-`, standard input, is copied into one, as formats are read more than once.

    Raises:
        DumpError: there is no such file.
    """
    if name != "-":
        path = Path(name)
        if not path.exists():
            raise DumpError(f"cannot open {path}: No such file or directory")
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="soth-mitm-") as directory:
        path = Path(directory, "standard-input")
        with path.open("xb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


@contextlib.contextmanager
def as_soth(path: Path, name: str) -> Iterator[Path]:
    """Give a dump as `.soth`: itself, or what it was read into; remarks go to standard error.

    `name` is what the person has called it.

    Raises:
        DumpError: it cannot be read.
    """
    kind = format_of_file(path)
    if kind == "soth":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="soth-mitm-") as directory:
        copy = Path(directory, f"{path.stem}.soth")
        target = FileTarget(copy)
        try:
            _, remarks = import_file(path, kind, target)
        finally:
            target.close()
        for remark in remarks:
            say(f"{name}: {remark}")
        yield copy


class Growing(NamedTuple):
    """A dump that is being read into a `.soth`."""

    path: Path
    remarks: list[str]
    """What a person should know of what was not taken over; there once all has been read."""


@contextlib.asynccontextmanager
async def growing_soth(path: Path) -> AsyncIterator[Growing]:
    """Give a dump as `.soth` as soon as its first flow is there; the rest comes while somebody looks.

    Remarks also go to standard error, at the end.

    Raises:
        DumpError: nothing of it can be read.
    """
    kind = format_of_file(path)
    if kind == "soth":
        yield Growing(path, [])
        return
    remarks: list[str] = []
    with tempfile.TemporaryDirectory(prefix="soth-mitm-") as directory:
        copy = Path(directory, f"{path.stem}.soth")
        first, stopped = asyncio.Event(), False
        loop = asyncio.get_running_loop()

        def tell(done: int, total: int) -> None:
            if stopped:
                raise _Stopped
            loop.call_soon_threadsafe(first.set)

        async def read() -> None:
            try:
                remarks.extend(await asyncio.to_thread(_import, path, kind, copy, tell))
            except _Stopped:
                return
            finally:
                first.set()

        reading = start(read(), "import")
        try:
            await first.wait()
            if reading.done():
                reading.result()
            yield Growing(copy, remarks)
        finally:
            stopped = True
            with contextlib.suppress(DumpError):
                await reading
            for remark in remarks:
                say(f"{path}: {remark}")


def _import(path: Path, kind: Format, copy: Path, tell: Progress) -> list[str]:
    target = FileTarget(copy)
    try:
        return import_file(path, kind, target, progress=tell)[1]
    finally:
        target.close()
