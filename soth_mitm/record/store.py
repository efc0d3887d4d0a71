"""The store: what a user interface reads. The rows of a run, its views and bodies, live or from a file.

`Store.live` records a bus and indexes it at the same time; `Store.open_dump` reads a `.soth` file,
whole or while it still grows. Both are looked at in the same way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.errors import DumpError
from soth_mitm.model.events import Direction
from soth_mitm.record.bodysaving import SavedBody, save_body
from soth_mitm.record.messagelog import MessageLogs
from soth_mitm.record.saving import Progress, save
from soth_mitm.record.viewing import Viewer
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.config import Limits
    from soth_mitm.record.bodies import BodyRefs
    from soth_mitm.record.bus import Bus
    from soth_mitm.record.filestore import DumpStore
    from soth_mitm.record.index import Index
    from soth_mitm.record.livestore import LiveStore
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.pieces import BlockPlace
    from soth_mitm.record.runs import Runs
    from soth_mitm.record.spill import Spill
    from soth_mitm.record.view import FlowView


class Store(ABC):
    """One run, or one file of runs. Its coroutines belong to one loop, which need not be the proxy's."""

    def __init__(self, index: Index, runs: Runs, *, message_rows: int) -> None:
        self.index = index
        self._runs = runs
        self._viewer = Viewer(index, self.read_block, runs)
        self._logs = MessageLogs(self, runs=runs, most=message_rows)

    @staticmethod
    def live(
        bus: Bus, *, run_id: str, limits: Limits, spill: Spill | None = None, strict: bool = False
    ) -> LiveStore:
        """Record `bus` from now on, into `spill`, or into memory where that is None."""
        from soth_mitm.record.livestore import LiveStore

        return LiveStore(bus, run_id=run_id, limits=limits, spill=spill, strict=strict)

    @staticmethod
    def open_dump(path: Path) -> DumpStore:
        """Open a `.soth` file or a directory of segments; its `load` then reads it.

        Raises:
            DumpError: it cannot be opened.
        """
        from soth_mitm.record.filestore import DumpStore

        return DumpStore(path)

    async def view(self, flow: int) -> FlowView | None:
        """Return all that is known about a flow by now; None where there is no such flow.

        Asked again, it is the same object, and only what is new is read.
        """
        self.catch_up()
        found = await self._viewer.view(flow)
        return None if found is None else found[0]

    async def refresh(self, view: FlowView) -> bool:
        """Bring a view up to date; return whether that changed it."""
        self.catch_up()
        found = await self._viewer.view(view.flow)
        return found is not None and found[1]

    async def body(self, flow: int, direction: Direction, start: int = 0, length: int = 65536) -> bytes:
        """Return up to `length` bytes of a body from `start` on, as far as they were recorded.

        Fewer come at the end of the body and before a gap; none where the gap is at `start`.
        """
        self.catch_up()
        return await self._viewer.body(flow, direction, start, length)

    async def original_body(
        self, flow: int, direction: Direction, start: int = 0, length: int = 65536
    ) -> bytes:
        """Return as `body` does, of the body that the sender sent where another one went on."""
        self.catch_up()
        return await self._viewer.original(flow, direction, start, length)

    async def body_refs(self, flow: int, direction: Direction) -> BodyRefs:
        """Return where the recorded bytes of a body lie."""
        self.catch_up()
        return await self._viewer.refs(flow, direction)

    def messages(self, flow: int) -> MessageLog:
        """Return the messages within a flow, as far as its `refresh` has read them.

        It is the same object as long as few other flows are asked about, and only what is new is read.
        """
        return self._logs.log(flow)

    async def save(
        self,
        path: Path,
        flows: Iterable[int] | None = None,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write a `.soth` of `flows` and their conns, of everything for None; return its size in bytes.

        Everything is what is in the list, hidden flows left out; of an open flow, what is there by now.
        The file appears when it is whole; when this fails or is cancelled, nothing stays behind.

        Raises:
            DumpError: it exists and is not to be overwritten, it is what is being read, or it cannot
                be written.
        """
        self.catch_up()
        self._check_elsewhere(path)
        return await save(
            path,
            None if flows is None else set(flows),
            blocks=self,
            index=self.index,
            runs=self._runs,
            overwrite=overwrite,
            progress=progress,
        )

    async def save_body(
        self,
        flow: int,
        direction: Direction,
        path: Path,
        *,
        decoded: bool = True,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> SavedBody:
        """Write the body of a message to a file, its content codings undone where `decoded`.

        Any size, in pieces; `progress` is told bytes of the body as it passed. Of a body that is still
        on its way, what is there by now. When this fails or is cancelled, nothing stays behind.

        Raises:
            DumpError: there is no such flow or body, nothing of it was recorded, or it cannot be
                written.
        """
        self._check_elsewhere(path)
        view = await self.view(flow)
        if view is None:
            raise DumpError(f"cannot save to {printable(str(path))}: there is no flow {flow}")
        return await save_body(
            path,
            view.request if direction == Direction.REQUEST else view.response,
            lambda start, length: self.body(flow, direction, start, length),
            decoded=decoded,
            overwrite=overwrite,
            progress=progress,
        )

    def _check_elsewhere(self, path: Path) -> None:
        if self.holds(path):
            name = printable(str(path))
            raise DumpError(f"cannot save to {name}: this is where the flows come from; give another name")

    @abstractmethod
    def catch_up(self) -> None:
        """Have the index know every event so far, where some wait for it."""

    # --- the blocks -------------------------------------------------------------------------------

    @abstractmethod
    def block_numbers(self) -> range:
        """Return the numbers of the blocks that are there."""

    @abstractmethod
    def read_block(self, number: int) -> bytes:
        """Return the payload of a block; may be called from any thread.

        Raises:
            DumpError: it is gone or damaged.
        """

    @abstractmethod
    def place_of(self, number: int) -> BlockPlace | None:
        """Return where a block stands on the disk; None where it does not, or not yet. From any thread."""

    def shift_of_flow(self, block: int) -> int:
        """Return by how much the flows of a block are numbered lower in it than in this store."""
        return self._runs.shift_of(block).flow

    @abstractmethod
    def run_of(self, number: int) -> str:
        """Return the run that a block belongs to."""

    @abstractmethod
    def holds(self, path: Path) -> bool:
        """Return whether a file is part of what this store reads."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the recording is: a path as it is, not yet printable, or empty for memory."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """Bytes of everything that is recorded."""

    @property
    @abstractmethod
    def segments(self) -> int:
        """How many segments there are."""

    @abstractmethod
    async def close(self, *, delete: bool = False) -> None:
        """Let go of files; with `delete`, remove what the store itself has written."""
