"""What can be saved: some flows as a `.soth` file or in another format, or one body, or a text."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.errors import DumpError
from soth_mitm.export.naming import body_name, plain
from soth_mitm.record.kinds import MASKED, format_of_name
from soth_mitm.record.threads import in_thread
from soth_mitm.record.wholefile import whole_file
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from soth_mitm.model.events import Direction
    from soth_mitm.record.saving import Progress
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView

FORMAT: Final = ".soth"

_SLICE: Final = 2048


class Saved(NamedTuple):
    """What a save has written."""

    size: int
    remark: str = ""


class Scope(NamedTuple):
    """One thing that can be saved."""

    id: str
    label: str
    note: str
    name: str
    """The file name that is proposed."""
    save: Callable[[Path, bool, Progress], Awaitable[Saved]]
    """Writes it; raises DumpError."""
    flows: bool = False
    """Whether it is flows, whose format the name says."""
    reason: str = ""
    """Why there is nothing to save."""

    def trouble_with(self, path: Path) -> str:
        """Say what is wrong with the format that a name asks for; empty for nothing."""
        if not self.flows or format_of_name(path) is not None:
            return ""
        known = f"what ends in {path.suffix or 'nothing'}"
        return f"flows are saved as {FORMAT}, .har, .mitm or .jsonl; {known} cannot be written"

    def secrets_in(self, path: Path) -> str:
        """Say what becomes of secrets; empty where the file is of no flows."""
        if not self.flows:
            return ""
        masks = format_of_name(path) in MASKED
        return ", secrets masked" if masks else ", with everything that passed, secrets included"


def flow_scopes(
    store: Store,
    *,
    flow: int,
    marked: list[int],
    shown: Sequence[int] | None,
    wall_ns: int,
    counts: tuple[int, int],
) -> list[Scope]:
    """Return the scopes of flows: one, the marked ones, those the list shows, all.

    `shown` are row numbers, None where no filter hides any; `counts` are those of the shown ones and
    of all.
    """
    stamp = datetime.fromtimestamp(wall_ns / 1e9).astimezone().strftime("%Y%m%d-%H%M%S")
    shown_count, all_count = counts

    def scope(name: str, label: str, note: str, flows: _Flows, reason: str = "") -> Scope:
        file = f"flow-{flow}{FORMAT}" if name == "flow" else f"flows-{stamp}{FORMAT}"
        return Scope(name, label, note, file, partial(_save_flows, store, flows), flows=True, reason=reason)

    return [
        scope("flow", "This flow", f"#{flow}", _these([flow]), "" if flow else "no flow is selected"),
        scope(
            "marked",
            "Marked flows",
            f"{len(marked):,}",
            _these(marked),
            "" if marked else "no flow is marked",
        ),
        scope(
            "shown",
            "Shown flows",
            f"{shown_count:,}, those the filter lets through",
            partial(_flows_at, store, shown or ()),
            "there is no filter" if shown is None else "" if shown_count else "no flow matches the filter",
        ),
        scope(
            "all", "All flows", f"{all_count:,}", _these(None), "" if all_count else "there is no flow yet"
        ),
    ]


_Flows = Callable[[], Awaitable[Iterable[int] | None]]


def _these(flows: list[int] | None) -> _Flows:
    async def known() -> list[int] | None:
        return flows

    return known


async def _flows_at(store: Store, numbers: Sequence[int]) -> set[int]:
    """Return the flows of rows; the loop goes on between slices."""
    flows: set[int] = set()
    for start in range(0, len(numbers), _SLICE):
        flows.update(store.index.flows_at(numbers[start : start + _SLICE]))
        await asyncio.sleep(0)
    return flows


async def _save_flows(
    store: Store,
    flows: _Flows,
    path: Path,
    overwrite: bool,
    progress: Progress,
) -> Saved:
    if format_of_name(path) == "soth":
        return Saved(await store.save(path, await flows(), overwrite=overwrite, progress=progress))
    with TemporaryDirectory(prefix="soth-mitm-") as directory:
        dump = Path(directory, f"flows{FORMAT}")
        await store.save(dump, await flows(), progress=progress)
        return await _converted(dump, path, overwrite)


async def _converted(dump: Path, path: Path, overwrite: bool) -> Saved:
    """Write a dump in another format, in a process of its own: it may take long, and the loop must not.

    Raises:
        DumpError: it cannot be written; the text is that of the process.
    """
    program = (sys.executable, "-m", "soth_mitm", "convert")
    options = ("--overwrite",) if overwrite else ()
    process = await asyncio.create_subprocess_exec(
        *program,
        *options,
        str(dump),
        str(path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        # So that it takes away what it has begun to write.
        process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
        raise
    words = printable(said.decode("utf-8", "replace").strip().removeprefix("soth-mitm: "), 600)
    if process.returncode:
        raise DumpError(words or f"the conversion ended with {process.returncode}")
    left = re.search(r"([\d,]+) left out", words)
    remark = f"{left[1]} that are no exchanges were left out" if left else ""
    return Saved((await in_thread(path.stat)).st_size, remark)


def body_scopes(store: Store, view: FlowView) -> list[Scope]:
    """Return the scopes of a flow's bodies: decoded, and as they passed where that differs."""
    scopes: list[Scope] = []
    for name, message in (("response", view.response), ("request", view.request)):
        if message is None or not message.body_bytes:
            reason = f"the {name} has no body"
            scopes.append(Scope(f"{name}-body", f"{name.capitalize()} body", "", "", _nothing, reason=reason))
            continue
        coded = message.content_encoding
        size = f"{human_size(message.body_bytes)} bytes"
        scopes.append(
            Scope(
                f"{name}-body",
                f"{name.capitalize()} body",
                f"decoded from {printable(coded, 20)}, {size} as it passed" if coded else size,
                body_name(view, message, decoded=True),
                partial(_save_message, store, view.flow, message.direction, True),
            )
        )
        if coded:
            scopes.append(
                Scope(
                    f"{name}-coded",
                    f"{name.capitalize()} body, coded",
                    f"as it passed: {printable(coded, 20)}, {size}",
                    body_name(view, message, decoded=False),
                    partial(_save_message, store, view.flow, message.direction, False),
                )
            )
    return scopes


async def _nothing(path: Path, overwrite: bool, progress: Progress) -> Saved:
    raise AssertionError("there is nothing to save")


async def _save_message(
    store: Store,
    flow: int,
    direction: Direction,
    decoded: bool,
    path: Path,
    overwrite: bool,
    progress: Progress,
) -> Saved:
    done = await store.save_body(
        flow, direction, path, decoded=decoded, overwrite=overwrite, progress=progress
    )
    return Saved(done.size, done.note)


def text_scope(what: str, text: str) -> Scope:
    """Return the scope of a text that was to be copied."""
    size = human_size(len(text.encode("utf-8", "replace")))

    async def save(path: Path, overwrite: bool, progress: Progress) -> Saved:
        data = text.encode("utf-8", "replace")
        async with whole_file(path, overwrite=overwrite, needed=len(data)) as target:
            await in_thread(lambda: target.write(data))
        return Saved(len(data))

    name = f"{plain(what.partition(',')[0]) or 'text'}.txt"
    return Scope("text", what[:1].upper() + what[1:], f"{size} bytes", name, save)
