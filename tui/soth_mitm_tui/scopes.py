"""What can be saved: some flows as a `.soth` file, or one body, or a text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.export.naming import body_name, plain
from soth_mitm.record.threads import in_thread
from soth_mitm.record.wholefile import whole_file
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    from pathlib import Path

    from soth_mitm.model.events import Direction
    from soth_mitm.record.saving import Progress
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView

FORMAT: Final = ".soth"
LATER: Final = (".har", ".jsonl", ".mitm", ".flow", ".flows", ".dump")
"""Suffixes of formats that flows cannot be saved in."""

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
    """Whether it is flows, which go into a `.soth` file only."""
    reason: str = ""
    """Why there is nothing to save."""

    def trouble_with(self, path: Path) -> str:
        """Say what is wrong with the format that a name asks for; empty for nothing."""
        if not self.flows or path.suffix == FORMAT:
            return ""
        known = (
            "HAR and other formats" if path.suffix in LATER else f"what ends in {path.suffix or 'nothing'}"
        )
        return f"flows are saved as {FORMAT}; {known} cannot be written: end the name in {FORMAT}"


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
    return Saved(await store.save(path, await flows(), overwrite=overwrite, progress=progress))


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
